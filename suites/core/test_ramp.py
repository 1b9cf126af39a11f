"""A ramp to 0.9 of what maxReplicas can carry: followed in time."""

from __future__ import annotations

from scalecert.pytest_plugin import Case


def test_ramp(case: Case) -> None:
    """Replicas come as fast as the load grows, and the objective holds all the way."""
    case.judge(case.record())
