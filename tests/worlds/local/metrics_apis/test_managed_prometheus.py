"""Google's path over a Prometheus that is asked for samples."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import EVERYTHING
from scalecert.metrics.promql import EvaluationError
from scalecert.metrics.tsdb import NAME_LABEL, Matcher
from scalecert.worlds.local.metrics_apis.http_prometheus import Samples
from scalecert.worlds.local.metrics_apis.managed_prometheus import ManagedPrometheus

QUEUE = "prometheus.googleapis.com|queue|gauge"
LABELS = {NAME_LABEL: "queue", "namespace": "default", "pod": "a", "cluster": "cluster"}


class Source:
    """Samples of one series, and what was asked of it."""

    def __init__(self, *points: tuple[float, float]) -> None:
        self.points = list(points)
        self.asked: list[tuple[str, float, float]] = []
        self.fails = False

    def samples(
        self, matchers: Sequence[Matcher], now: float, span_seconds: float
    ) -> Sequence[Samples]:
        if self.fails:
            raise EvaluationError("Prometheus: gone")
        [name] = [one.value for one in matchers]
        self.asked.append((name, now, span_seconds))
        within = [point for point in self.points if now - span_seconds < point[0] <= now]
        if name != "queue" or not within:
            return []
        times, values = zip(*within, strict=True)
        return [Samples(LABELS, times, values)]


def managed(source: Source, time_lapse: int = 1) -> ManagedPrometheus:
    return ManagedPrometheus(source, {}, delay_seconds=5.0, time_lapse=time_lapse)


def read(adapter: ManagedPrometheus, now: float) -> Sequence[int]:
    return adapter.external_metrics(QUEUE, "default", EVERYTHING, now)


def test_a_sample_is_seen_after_the_delay() -> None:
    """What was scraped less than the ingestion delay ago is not there yet."""
    adapter = managed(Source((1000.0, 1.0), (1015.0, 2.0)))
    assert list(read(adapter, 1019.9)) == [1000]
    assert list(read(adapter, 1020.1)) == [2000]


def test_delay_and_window_are_seconds_of_the_run() -> None:
    """Five times faster, the delay of 5 s is a second, and the window of 5 min a minute."""
    adapter = managed(Source((1000.0, 1.0), (1003.0, 2.0)), time_lapse=5)
    assert list(read(adapter, 1003.9)) == [1000]
    assert list(read(adapter, 1004.1)) == [2000]
    assert list(read(adapter, 1062.9)) == [2000]
    assert list(read(adapter, 1063.3)) == []


def test_a_metric_is_copied_whole_at_first_and_then_its_window() -> None:
    """A descriptor outlives its series, so that the first look goes back to the run's start."""
    source = Source((1000.0, 1.0))
    adapter = managed(source, time_lapse=5)
    assert list(read(adapter, 1500.0)) == []
    assert list(read(adapter, 1503.0)) == []
    assert [span for _, _, span in source.asked] == [86_400.0, pytest.approx(61.0)]


def test_samples_that_come_late_are_not_missed() -> None:
    """A scrape that was written after a later look is copied at the next one."""
    source = Source((1000.0, 1.0))
    adapter = managed(source)
    read(adapter, 1030.0)
    source.points.append((1029.0, 7.0))
    assert list(read(adapter, 1036.0)) == [7000]


def test_a_histogram_is_known_by_its_count() -> None:
    """Of a histogram, which has no value here, only that it exists has to be copied."""
    source = Source()
    metric = "prometheus.googleapis.com|latency|histogram"
    with pytest.raises(MetricsError, match="could not find the descriptor"):
        managed(source).external_metrics(metric, "default", EVERYTHING, 1000.0)
    assert [name for name, _, _ in source.asked] == ["latency_count"]


def test_metrics_of_no_prometheus_are_not_asked_for() -> None:
    """Other names of Cloud Monitoring have nothing to do with what was scraped."""
    source = Source()
    with pytest.raises(MetricsError, match="could not find the descriptor"):
        managed(source).pod_metrics("pubsub|backlog", "default", ["a"], EVERYTHING, 1000.0)
    assert source.asked == []


def test_a_prometheus_that_is_gone_is_an_internal_error() -> None:
    """The autoscaler hears that the metric can't be had, and why."""
    source = Source()
    source.fails = True
    with pytest.raises(MetricsError, match="Internal error occurred: Prometheus: gone"):
        read(managed(source), 1000.0)
