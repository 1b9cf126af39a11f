"""Steady load at 0.4 of what maxReplicas can carry: held, and without flapping."""

from __future__ import annotations

from scalecert.pytest_plugin import Case


def test_steady(case: Case) -> None:
    """The objective holds and replicas stay where they are."""
    case.judge(case.record())
