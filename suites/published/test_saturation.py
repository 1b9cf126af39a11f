"""Steps across the point of saturation."""

from __future__ import annotations

from scalecert.pytest_plugin import Case


def test_saturation(case: Case) -> None:
    """The signal is there, can reach its target, and moves."""
    case.judge(case.record())
