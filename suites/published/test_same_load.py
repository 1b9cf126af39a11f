"""The load that published comparisons of signals put every policy under."""

from __future__ import annotations

from scalecert.pytest_plugin import Case


def test_same_load(case: Case) -> None:
    """What it costs and what latency it holds, from the first request to the last."""
    case.judge(case.record())
