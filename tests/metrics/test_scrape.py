"""One target's scrapes: phase, labels, staleness."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.engines.base import Sample
from scalecert.metrics.relabel import RelabelRule
from scalecert.metrics.scrape import Target
from scalecert.metrics.scrape_config import ScrapeConfig, default_scrape_config
from scalecert.metrics.tsdb import NAME_LABEL, Matcher, TimeSeriesDatabase

CONFIG = default_scrape_config(15.0)


def target(database: TimeSeriesDatabase, config: ScrapeConfig = CONFIG, **options: float) -> Target:
    options = {"phase_seconds": 5.0} | options
    return Target(config, {"pod": "a", "job": "web"}, database, **options)  # type: ignore[arg-type]


def seen(database: TimeSeriesDatabase, name: str, now: float) -> list[float]:
    found = database.at(now).instant([Matcher(NAME_LABEL, "=", name)], now)
    return [value for _, value in found]


@settings(derandomize=True, max_examples=80)
@given(st.floats(0, 1e5), st.sampled_from([5.0, 15.0, 30.0]), st.floats(0, 1, exclude_max=True))
def test_first_scrape_is_the_next_of_its_phase(now: float, interval: float, share: float) -> None:
    """A target keeps its phase whenever it appears, and waits less than one interval."""
    one = target(
        TimeSeriesDatabase(), default_scrape_config(interval), phase_seconds=share * interval
    )
    one.start(now)
    assert now - 1e-6 <= one.next_seconds <= max(now, share * interval) + interval
    offset = (one.next_seconds - share * interval) / interval
    assert offset == pytest.approx(round(offset), abs=1e-6)


def test_scrapes_are_one_interval_apart_without_drift() -> None:
    """The thousandth scrape is at phase + 1000 intervals exactly."""
    one = target(TimeSeriesDatabase())
    one.start(0.0)
    for _ in range(1000):
        one.scrape(one.next_seconds, [])
    assert one.next_seconds == 5.0 + 1000 * 15.0


def test_samples_carry_exposed_and_target_labels() -> None:
    """A scrape joins the labels; a clash renames the exposed one."""
    database = TimeSeriesDatabase()
    target(database).scrape(5.0, [Sample("m", {"model": "x", "pod": "inner"}, 2.0)])
    [series] = database.select([Matcher(NAME_LABEL, "=", "m")])
    assert series.labels == {
        NAME_LABEL: "m", "model": "x", "pod": "a", "exported_pod": "inner", "job": "web",
    }  # fmt: skip


def test_honor_labels_lets_exposed_labels_win() -> None:
    """With honorLabels the exposed value stays, and an empty one removes the target's."""
    database = TimeSeriesDatabase()
    config = replace(CONFIG, honor_labels=True)
    target(database, config).scrape(5.0, [Sample("m", {"pod": "inner", "job": ""}, 2.0)])
    [series] = database.select([Matcher(NAME_LABEL, "=", "m")])
    assert series.labels == {NAME_LABEL: "m", "pod": "inner"}


def test_metric_relabelings_drop_and_rename() -> None:
    """Rules on samples may drop them or change their name."""
    rules = (
        RelabelRule("drop", (NAME_LABEL,), regex="noise_.*"),
        RelabelRule(
            source_labels=(NAME_LABEL,), regex="vllm:(.*)", target_label=NAME_LABEL,
            replacement="vllm_$1",
        ),
    )  # fmt: skip
    database = TimeSeriesDatabase()
    one = target(database, replace(CONFIG, metric_relabelings=rules))
    one.scrape(5.0, [Sample("noise_x", {}, 1.0), Sample("vllm:running", {}, 2.0)])
    assert database.names() == ("up", "vllm_running")


def test_up_tells_of_success() -> None:
    """`up` is 1 after a scrape that answered and 0 after one that did not."""
    database = TimeSeriesDatabase()
    one = target(database)
    one.scrape(5.0, [])
    one.scrape(20.0, None)
    assert (seen(database, "up", 5.0), seen(database, "up", 20.0)) == ([1.0], [0.0])


def test_failed_scrape_ends_series_until_the_next_good_one() -> None:
    """When a server does not answer, its series are stale at once, and come back."""
    database = TimeSeriesDatabase()
    one = target(database)
    for time, samples in ((5.0, [Sample("m", {}, 1.0)]), (20.0, None)):
        one.scrape(time, samples)
    assert seen(database, "m", 19.0) == [1.0]
    assert seen(database, "m", 20.0) == []
    one.scrape(35.0, [Sample("m", {}, 3.0)])
    assert seen(database, "m", 35.0) == [3.0]


def test_sample_that_disappears_ends_its_series() -> None:
    """A series that a target no longer exposes is stale from that scrape on; others stay."""
    database = TimeSeriesDatabase()
    one = target(database)
    one.scrape(5.0, [Sample("m", {}, 1.0), Sample("n", {}, 2.0)])
    one.scrape(20.0, [Sample("n", {}, 3.0)])
    assert seen(database, "m", 20.0) == []
    assert seen(database, "n", 20.0) == [3.0]


def test_vanished_target_is_given_up_after_two_missed_scrapes() -> None:
    """The series of a pod that is gone stay visible until Prometheus gives the target up."""
    database = TimeSeriesDatabase()
    one = target(database)
    one.start(0.0)
    one.scrape(5.0, [Sample("m", {}, 1.0)])
    one.stop(12.0)
    given_up = 20.0 + 1.1 * 15.0
    assert seen(database, "m", given_up - 0.1) == [1.0]
    assert seen(database, "m", given_up) == []
    assert seen(database, "up", given_up) == []


@pytest.mark.parametrize("fault", [{"latency_seconds": 10.5}, {"listening": False}])
def test_target_that_cannot_answer_is_down(fault: dict[str, float]) -> None:
    """A scrape beyond the timeout, or of a port without a server, fails."""
    database = TimeSeriesDatabase()
    target(database, **fault).scrape(5.0, [Sample("m", {}, 1.0)])
    assert seen(database, "up", 5.0) == [0.0]
    assert not database.knows("m")
