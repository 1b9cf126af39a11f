"""custom-metrics-stackdriver-adapter over Managed Service for Prometheus."""

from __future__ import annotations

import pytest

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import EVERYTHING, parse_selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.gke import GoogleAdapter, GoogleMetric
from scalecert.metrics.tsdb import NAME_LABEL, TimeSeriesDatabase

RUNNING = "prometheus.googleapis.com|vllm:num_requests_running|gauge"
TOKENS = "prometheus.googleapis.com|vllm:tokens_total|counter"
KINDS = {"vllm:num_requests_running": "gauge", "vllm:tokens_total": "counter"}


def adapter(delay: float = 0.0) -> tuple[GoogleAdapter, TimeSeriesDatabase]:
    database = TimeSeriesDatabase()
    return GoogleAdapter(database, KINDS, delay_seconds=delay), database


def write(
    database: TimeSeriesDatabase, pod: str, samples: dict[float, float], **labels: str
) -> None:
    labels = {NAME_LABEL: "vllm:num_requests_running", "namespace": "default", "pod": pod} | labels
    series = database.series(labels)
    for time, value in samples.items():
        series.append(time, value)


def test_names_are_parsed() -> None:
    """A name has three parts, with bars or slashes."""
    assert GoogleMetric.parse(RUNNING) == GoogleMetric("vllm:num_requests_running", "gauge")
    assert GoogleMetric.parse(RUNNING.replace("|", "/")) == GoogleMetric.parse(RUNNING)
    assert GoogleMetric.parse("vllm:num_requests_running") is None
    assert GoogleMetric.parse("kubernetes.io|container|x") is None


def test_gauge_is_the_newest_point_of_each_pod() -> None:
    """Each pod that was asked for and has a point in the last five minutes is answered."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0, 25.0: 2.5})
    write(database, "b", {12.0: 4.0})
    write(database, "c", {12.0: 9.0})
    write(database, "d", {12.0: 9.0}, namespace="other")
    found = google.pod_metrics(RUNNING, "default", ["a", "b", "d", "new"], EVERYTHING, 30.0)
    assert found == {"a": 2500, "b": 4000}
    assert google.pod_metrics(RUNNING, "default", ["a", "b"], EVERYTHING, 312.0) == {"a": 2500}
    assert google.pod_metrics(RUNNING, "default", ["a"], EVERYTHING, 325.0) == {}


def test_points_appear_after_the_ingestion_delay() -> None:
    """What was scraped less than the delay ago is not there yet."""
    google, database = adapter(delay=5.0)
    write(database, "a", {10.0: 1.0, 25.0: 2.0})
    assert google.pod_metrics(RUNNING, "default", ["a"], EVERYTHING, 29.9) == {"a": 1000}
    assert google.pod_metrics(RUNNING, "default", ["a"], EVERYTHING, 30.0) == {"a": 2000}


def test_series_of_one_pod_are_added_up_after_truncation() -> None:
    """Two engines of a pod count together; each value is truncated to milli-units."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0009}, engine="0")
    write(database, "a", {10.0: 2.0009}, engine="1")
    assert google.pod_metrics(RUNNING, "default", ["a"], EVERYTHING, 20.0) == {"a": 3000}


def test_counter_is_its_rate_over_the_last_minute_with_data() -> None:
    """A counter shows units per second; a reset counts from zero; one sample is no rate."""
    google, database = adapter()
    times = [15.0 * step for step in range(1, 13)]
    write(database, "a", {time: 30.0 * time for time in times}, **{NAME_LABEL: "vllm:tokens_total"})
    write(
        database, "b", {120.0: 1000.0, 135.0: 1300.0, 150.0: 150.0, 165.0: 450.0, 180.0: 750.0},
        **{NAME_LABEL: "vllm:tokens_total"},
    )  # fmt: skip
    write(database, "c", {170.0: 5.0}, **{NAME_LABEL: "vllm:tokens_total"})
    found = google.pod_metrics(TOKENS, "default", ["a", "b", "c"], EVERYTHING, 182.0)
    # b: 300 + 150 + 300 + 300 over the minute from 120 s to 180 s
    assert found == {"a": 30_000, "b": 17_500}


@pytest.mark.parametrize(
    "metric",
    [
        "prometheus.googleapis.com|vllm:num_requests_running|counter",
        "prometheus.googleapis.com|vllm:gone|gauge",
        "kubernetes.io|container|accelerator|duty_cycle",
    ],
)
def test_name_without_a_descriptor_is_an_error(metric: str) -> None:
    """Another kind than the exposed one, an unknown name and system metrics are not found."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0})
    with pytest.raises(MetricsError, match="could not find the descriptor for metric"):
        google.pod_metrics(metric, "default", ["a"], EVERYTHING, 20.0)


def test_metric_selector_of_pods_may_use_metric_labels_only() -> None:
    """`metric.labels.*` selects series; `resource.labels.*` is refused for Pods metrics."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0}, model_name="x")
    write(database, "a", {10.0: 2.0}, model_name="y")
    chosen = parse_selector("metric.labels.model_name=y")
    assert google.pod_metrics(RUNNING, "default", ["a"], chosen, 20.0) == {"a": 2000}
    with pytest.raises(MetricsError, match=r'"resource\.labels\.job" is not'):
        google.pod_metrics(RUNNING, "default", ["a"], parse_selector("resource.labels.job=x"), 20.0)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", [1000, 2000, 9000]),
        ("metric.labels.model_name=x", [1000, 9000]),
        ("metric.labels.model_name in (x,y),resource.labels.namespace=default", [1000, 2000]),
        ("metric.labels.model_name notin (x)", [2000]),
        ("metric.labels.model_name!=x", [2000]),
        ("metric.labels.absent", []),
        ("resource.type=prometheus_target,resource.labels.cluster=mine", [1000, 2000, 9000]),
        ("resource.type=k8s_pod", []),
        ("reducer=REDUCE_SUM", [12000]),
        ("reducer=REDUCE_MAX,metric.labels.pod=a", [1000]),
        ("reducer=REDUCE_NONE", [1000, 2000, 9000]),
    ],
)
def test_external_metric_has_a_value_per_series(selector: str, expected: list[int]) -> None:
    """Selectors on metric and resource labels choose series of the whole project."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0}, model_name="x")
    write(database, "b", {10.0: 2.0}, model_name="y")
    write(database, "c", {10.0: 9.0}, model_name="x", namespace="other")
    found = google.external_metrics(RUNNING, "default", parse_selector(selector), 20.0)
    assert found == expected


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("pod=a", '"pod" is not allowed'),
        ("!metric.labels.x", "DoesNotExist is not allowed"),
        ("reducer=REDUCE_STDDEV", "not supported"),
    ],
)
def test_selectors_that_the_adapter_refuses(selector: str, message: str) -> None:
    """A label without a prefix and unsupported reducers are bad requests."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0})
    with pytest.raises(MetricsError, match=message):
        google.external_metrics(RUNNING, "default", parse_selector(selector), 20.0)


def test_deleted_pod_haunts_an_external_metric_for_five_minutes() -> None:
    """Cloud Monitoring has no staleness markers: the last value of a gone pod still counts."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0})
    [series] = database.select([])
    series.mark_stale(25.0)
    assert google.external_metrics(RUNNING, "default", EVERYTHING, 300.0) == [1000]
    assert google.external_metrics(RUNNING, "default", EVERYTHING, 310.0) == []


def test_object_metrics_of_pods_only() -> None:
    """The adapter serves an Object metric for a pod, and says that it does for nothing else."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0})
    pod = CrossVersionObjectReference("Pod", "a", "v1")
    assert google.object_metric(RUNNING, "default", pod, EVERYTHING, 20.0) == 1000
    gone = CrossVersionObjectReference("Pod", "gone", "v1")
    with pytest.raises(MetricsError, match="could not find the metric"):
        google.object_metric(RUNNING, "default", gone, EVERYTHING, 20.0)
    service = CrossVersionObjectReference("Service", "a", "v1")
    with pytest.raises(MetricsError, match="is not implemented"):
        google.object_metric(RUNNING, "default", service, EVERYTHING, 20.0)
