"""Idle, load, idle: accelerators come for the load and go with it."""

from __future__ import annotations

from scalecert.pytest_plugin import Case


def test_idle_load_idle(case: Case) -> None:
    """Nothing is lost on the way up or down, and replicas return to the minimum."""
    case.judge(case.record())
