"""A settled load grows by 150 % and falls back."""

from __future__ import annotations

from scalecert.pytest_plugin import Case


def test_surge(case: Case) -> None:
    """Replicas come for the surge, and go five minutes after it at the earliest."""
    case.judge(case.record())
