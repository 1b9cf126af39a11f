"""A spike from 0.3 to 0.9 of what maxReplicas can carry: answered, recovered from, given back."""

from __future__ import annotations

from scalecert.pytest_plugin import Case


def test_spike(case: Case) -> None:
    """The first scale-up comes at once and the objective holds again once pods can be ready."""
    case.judge(case.record())
