"""Queries for a clock that the run outpaces."""

from __future__ import annotations

import pytest

from scalecert.metrics.promql import parse
from scalecert.worlds.local.metrics_apis.time_lapse import lapsed


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("x", "x"),
        ("x offset 1m", "x offset 12s"),
        ("avg_over_time(x[2m])", "avg_over_time(x[24s])"),
        ("max_over_time(x[30s] offset 5m)", "max_over_time(x[6s] offset 1m)"),
        ("increase(x[1m])", "increase(x[12s])"),
        ("delta(x[1m])", "delta(x[12s])"),
        ("rate(x[2m])", "rate(x[24s]) / 5"),
        ("irate(x[2m])", "irate(x[24s]) / 5"),
        ("sum(rate(x[1m])) by (pod)", "sum by (pod) (rate(x[12s]) / 5)"),
        ("-rate(x[1m])", "-(rate(x[12s]) / 5)"),
        ("rate(x[1m]) / on (pod) y", "(rate(x[12s]) / 5) / on (pod) y"),
        (
            "histogram_quantile(0.9, sum(rate(x[1m])) by (le))",
            "histogram_quantile(0.9, sum by (le) (rate(x[12s]) / 5))",
        ),
        ("1 + 2", "1 + 2"),
    ],
)
def test_spans_are_shorter_and_rates_per_second_of_the_run(query: str, expected: str) -> None:
    """Spans are divided by the time lapse, and so are values per second; nothing else changes."""
    assert lapsed(parse(query), 5) == parse(expected)


def test_spans_are_whole_milliseconds() -> None:
    """What is no whole number of milliseconds is the nearest one, as Prometheus counts those."""
    assert str(lapsed(parse("max_over_time(x[10s])"), 3)).endswith("[3333ms])")


def test_real_time_changes_nothing() -> None:
    """Without a time lapse a query is what its author wrote."""
    query = parse("sum(rate(x[2m] offset 1m))")
    assert lapsed(query, 1) is query
