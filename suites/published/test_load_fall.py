"""A load that falls by 60 %."""

from __future__ import annotations

from scalecert.pytest_plugin import Case


def test_load_fall(case: Case) -> None:
    """The signal falls with it, and replicas follow."""
    case.judge(case.record())
