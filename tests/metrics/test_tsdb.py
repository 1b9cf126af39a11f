"""The storage: what a query at a time sees."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.metrics.tsdb import NAME_LABEL, Matcher, Series, TimeSeriesDatabase

NAME = Matcher(NAME_LABEL, "=", "m")


def stored(samples: dict[float, float], **labels: str) -> tuple[TimeSeriesDatabase, Series]:
    database = TimeSeriesDatabase()
    series = database.series({NAME_LABEL: "m", **labels})
    for time, value in samples.items():
        series.append(time, value)
    return database, series


def values(database: TimeSeriesDatabase, now: float, delay: float = 0.0) -> list[float]:
    return [value for _, value in database.at(now, delay).instant([NAME], now)]


def test_instant_returns_the_newest_sample_within_the_lookback() -> None:
    """A sample is seen from its time on, for five minutes, the last instant excluded."""
    database, _ = stored({10.0: 1.0, 20.0: 2.0})
    assert values(database, 9.9) == []
    assert values(database, 10.0) == [1.0]
    assert values(database, 25.0) == [2.0]
    assert values(database, 319.9) == [2.0]
    assert values(database, 320.0) == []


def test_samples_appear_after_the_ingestion_delay() -> None:
    """With a delay, a query sees what was scraped that long ago."""
    database, _ = stored({10.0: 1.0, 20.0: 2.0})
    assert values(database, 24.9, delay=5.0) == [1.0]
    assert values(database, 25.0, delay=5.0) == [2.0]


def test_staleness_marker_ends_a_series_until_its_next_sample() -> None:
    """After a marker a series has no value, at once, and it comes back with a sample."""
    database, series = stored({10.0: 1.0})
    series.mark_stale(20.0)
    assert values(database, 19.9) == [1.0]
    assert values(database, 20.0) == []
    series.append(30.0, 3.0)
    assert values(database, 30.0) == [3.0]


def test_marker_written_later_is_seen_later() -> None:
    """A marker dated back is not seen before it is written."""
    database, series = stored({10.0: 1.0})
    series.mark_stale(20.0, visible_from=50.0)
    assert values(database, 49.9) == [1.0]
    assert values(database, 50.0) == []


def test_range_is_open_at_its_start_and_skips_markers() -> None:
    """A range has the samples in (time - range, time], without markers."""
    database, series = stored({10.0: 1.0, 20.0: 2.0, 30.0: 3.0})
    series.mark_stale(25.0)
    [(_, times, found)] = database.at(30.0).range([NAME], 30.0, 20.0)
    assert (times, found) == ([20.0, 30.0], [2.0, 3.0])
    assert database.at(30.0).range([NAME], 9.0, 5.0) == []


def test_sample_that_is_not_newer_is_dropped() -> None:
    """Out-of-order and duplicate samples change nothing."""
    _, series = stored({10.0: 1.0, 20.0: 2.0})
    series.append(20.0, 9.0)
    series.append(15.0, 9.0)
    assert (series.times, series.values) == ([10.0, 20.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("=", "a", {"a"}),
        ("!=", "a", {"ab", ""}),
        ("=~", "a|x", {"a"}),
        ("=~", "a.*", {"a", "ab"}),
        ("!~", "a.*", {""}),
        ("=", "", {""}),
        ("=~", ".+", {"a", "ab"}),
    ],
)
def test_matchers_match_whole_values_and_absent_is_empty(
    operator: str, value: str, expected: set[str]
) -> None:
    """Regexes match whole values; a series without the label has an empty value."""
    database = TimeSeriesDatabase()
    for pod in ("a", "ab", ""):
        database.series({NAME_LABEL: "m"} | ({"pod": pod} if pod else {}))
    found = database.select([NAME, Matcher("pod", operator, value)])
    assert {series.labels.get("pod", "") for series in found} == expected


def test_names_can_be_selected_by_regex() -> None:
    """A condition on the name alone finds every series of the names that match."""
    database = TimeSeriesDatabase()
    for name in ("vllm:a", "vllm:b", "up"):
        database.series({NAME_LABEL: name})
    found = database.select([Matcher(NAME_LABEL, "=~", "vllm:.*")])
    assert [series.name for series in found] == ["vllm:a", "vllm:b"]


def test_storage_stays_flat_over_a_long_run_with_changing_pods() -> None:
    """Samples and series beyond the retention are dropped; the name stays known."""
    database = TimeSeriesDatabase(300.0)
    for step in range(4000):
        now = step * 15.0
        database.series({NAME_LABEL: "m", "pod": f"pod-{step // 40}"}).append(now, 1.0)
        database.prune(now)
    held = database.select([NAME])
    assert len(held) <= 3
    assert sum(len(series.times) for series in held) <= 60
    database.prune(1e9)
    assert not database.select([NAME])
    assert database.knows("m")


@settings(derandomize=True, max_examples=60)
@given(
    st.lists(st.floats(0, 1000), unique=True, max_size=30).map(sorted),
    st.floats(0, 1500),
    st.floats(0, 400),
)
def test_prune_never_changes_what_queries_within_the_retention_see(
    times: list[float], now: float, delay: float
) -> None:
    """Dropping old samples is invisible to queries that reach back no further."""
    kept, pruned = TimeSeriesDatabase(math.inf), TimeSeriesDatabase(700.0)
    for database in (kept, pruned):
        series = database.series({NAME_LABEL: "m"})
        for time in times:
            if time <= now:
                series.append(time, time)
    pruned.prune(now)
    assert values(kept, now, delay) == values(pruned, now, delay)
