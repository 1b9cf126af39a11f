"""Google's path: custom-metrics-stackdriver-adapter over Managed Service for Prometheus."""

from __future__ import annotations

import pytest

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import EVERYTHING, parse_selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.gke import GoogleAdapter, GoogleMetric
from scalecert.metrics.gke.names import custom_metric_type, external_metric_type
from scalecert.metrics.tsdb import NAME_LABEL, TimeSeriesDatabase

RUNNING = "prometheus.googleapis.com|vllm:num_requests_running|gauge"
TOKENS = "prometheus.googleapis.com|vllm:tokens_total|counter"
KINDS = {
    "vllm:num_requests_running": "gauge",
    "vllm:tokens_total": "counter",
    "vllm:ttft_bucket": "counter",
    "vllm:ttft_sum": "counter",
    "vllm:ttft_count": "counter",
}
NO_COMBINATION = "does not specify a valid combination of metric and monitored resource"


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


def test_names_without_a_bar_are_custom_metrics_for_pods_only() -> None:
    """`custom.googleapis.com/` is put before a Pods metric's plain name, not an External one's."""
    assert custom_metric_type("queue") == "custom.googleapis.com/queue"
    assert custom_metric_type("a|b|c") == external_metric_type("a|b|c") == "a/b/c"
    assert external_metric_type("queue") == "queue"


def test_gauge_is_the_newest_point_of_each_pod() -> None:
    """Each pod that was asked for and has a point in (now - 5 min, now] is answered."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0, 25.0: 2.5})
    write(database, "b", {12.0: 4.0})
    write(database, "c", {12.0: 9.0})
    write(database, "d", {12.0: 9.0}, namespace="other")
    found = google.pod_metrics(RUNNING, "default", ["a", "b", "d", "new"], EVERYTHING, 30.0)
    assert found == {"a": 2500, "b": 4000}
    assert google.pod_metrics(RUNNING, "default", ["a", "b"], EVERYTHING, 311.9) == {
        "a": 2500,
        "b": 4000,
    }
    assert google.pod_metrics(RUNNING, "default", ["a", "b"], EVERYTHING, 312.0) == {"a": 2500}


def test_pods_without_any_series_are_refused_and_not_zero() -> None:
    """The adapter asks again for `k8s_container`, which no scraped metric has: an error."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0})
    with pytest.raises(MetricsError, match=NO_COMBINATION):
        google.pod_metrics(RUNNING, "default", ["new"], EVERYTHING, 30.0)
    with pytest.raises(MetricsError, match=NO_COMBINATION):
        google.pod_metrics(RUNNING, "default", ["a"], EVERYTHING, 325.0)


def test_no_pods_are_no_values_and_no_request() -> None:
    """Where nothing is selected there is nothing to ask, not even of a bad selector."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0})
    bad = parse_selector("resource.labels.job=x")
    assert google.pod_metrics(RUNNING, "default", [], bad, 30.0) == {}


def test_more_than_a_hundred_pods_are_all_answered() -> None:
    """A filter takes 100 pods, so that more of them make more requests."""
    google, database = adapter()
    pods = [f"pod-{number}" for number in range(205)]
    for number, pod in enumerate(pods):
        write(database, pod, {10.0: float(number)})
    found = google.pod_metrics(RUNNING, "default", pods, EVERYTHING, 20.0)
    assert found == {pod: 1000 * number for number, pod in enumerate(pods)}


def test_points_appear_after_the_ingestion_delay() -> None:
    """What was scraped less than the delay ago is not there yet."""
    google, database = adapter(delay=5.0)
    write(database, "a", {10.0: 1.0, 25.0: 2.0})
    assert google.pod_metrics(RUNNING, "default", ["a"], EVERYTHING, 29.9) == {"a": 1000}
    assert google.pod_metrics(RUNNING, "default", ["a"], EVERYTHING, 30.0) == {"a": 2000}


def test_intervals_are_written_in_whole_seconds() -> None:
    """A request at 25.9 s ends at 25 s: a point of 25.5 s is too new for it."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0, 25.5: 2.0})
    assert google.pod_metrics(RUNNING, "default", ["a"], EVERYTHING, 25.9) == {"a": 1000}
    assert google.pod_metrics(RUNNING, "default", ["a"], EVERYTHING, 26.0) == {"a": 2000}


def test_series_of_one_pod_are_added_up_after_truncation() -> None:
    """Two engines of a pod count together; each value is truncated to milli-units."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0009}, engine="0")
    write(database, "a", {10.0: 2.0009}, engine="1")
    assert google.pod_metrics(RUNNING, "default", ["a"], EVERYTHING, 20.0) == {"a": 3000}


def test_not_a_number_is_the_smallest_number() -> None:
    """Go turns NaN into the smallest int64 on amd64: the HPA sees a hugely negative value."""
    google, database = adapter()
    write(database, "a", {10.0: float("nan")})
    assert google.pod_metrics(RUNNING, "default", ["a"], EVERYTHING, 20.0) == {"a": -(2**63)}


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
    found = google.pod_metrics(TOKENS, "default", ["a", "b", "c"], EVERYTHING, 180.0)
    # b: 300 + 150 + 300 + 300 over the minute from 120 s to 180 s
    assert found == {"a": 30_000, "b": 17_500}


@pytest.mark.parametrize(
    "metric",
    [
        "prometheus.googleapis.com|vllm:num_requests_running|counter",
        "prometheus.googleapis.com|vllm:gone|gauge",
        "kubernetes.io|container|accelerator|duty_cycle",
        "vllm:num_requests_running",
        "prometheus.googleapis.com/vllm:num_requests_running/gauge",
    ],
)
def test_name_without_a_descriptor_is_an_error(metric: str) -> None:
    """Another kind than the exposed one, an unknown name, system metrics, and slashes."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0})
    with pytest.raises(MetricsError, match="could not find the descriptor for metric"):
        google.pod_metrics(metric, "default", ["a"], EVERYTHING, 20.0)


def test_histograms_are_refused() -> None:
    """A histogram is one distribution, which takes a flag; its parts do not exist."""
    google, database = adapter()
    for part in ("bucket", "sum", "count"):
        write(database, "a", {10.0: 1.0}, **{NAME_LABEL: f"vllm:ttft_{part}"})
    whole = "prometheus.googleapis.com|vllm:ttft|histogram"
    with pytest.raises(MetricsError, match=r"^distributions are not supported$"):
        google.pod_metrics(whole, "default", ["a"], EVERYTHING, 20.0)
    with pytest.raises(MetricsError, match=r"^Distributions are not supported$"):
        google.external_metrics(whole, "default", EVERYTHING, 20.0)
    for part in ("bucket", "sum", "count"):
        name = f"prometheus.googleapis.com|vllm:ttft_{part}|counter"
        with pytest.raises(MetricsError, match="could not find the descriptor"):
            google.pod_metrics(name, "default", ["a"], EVERYTHING, 20.0)


def test_metric_selector_of_pods_may_use_metric_labels_only() -> None:
    """`metric.labels.*` selects series; `resource.labels.*` is refused for Pods metrics."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0}, model_name="x")
    write(database, "a", {10.0: 2.0}, model_name="y")
    chosen = parse_selector("metric.labels.model_name=y")
    assert google.pod_metrics(RUNNING, "default", ["a"], chosen, 20.0) == {"a": 2000}
    with pytest.raises(MetricsError, match=r'"resource\.labels\.job" is not'):
        google.pod_metrics(RUNNING, "default", ["a"], parse_selector("resource.labels.job=x"), 20.0)


def test_reducer_leaves_pods_without_values() -> None:
    """A reducer takes the pod's label away, so no pod is found; an Object metric is served."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0}, engine="0")
    write(database, "a", {10.0: 2.5}, engine="1")
    reduced = parse_selector("reducer=REDUCE_MAX")
    with pytest.raises(MetricsError, match=NO_COMBINATION):
        google.pod_metrics(RUNNING, "default", ["a"], reduced, 20.0)
    pod = CrossVersionObjectReference("Pod", "a", "v1")
    assert google.object_metric(RUNNING, "default", pod, reduced, 20.0) == 2500


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", [1000, 2000, 9000]),
        ("metric.labels.model_name=x", [1000, 9000]),
        ("metric.labels.model_name in (x,y),resource.labels.namespace=default", [1000, 2000]),
        ("metric.labels.model_name notin (x)", [2000]),
        ("metric.labels.model_name notin (x,z)", [2000]),
        ("metric.labels.model_name!=x", [2000]),
        ("metric.labels.model_name", [1000, 2000, 9000]),
        ("metric.labels.pod in (a,c)", [1000, 9000]),
        ("resource.type=prometheus_target,resource.labels.cluster=mine", [1000, 2000, 9000]),
        ("resource.type notin (k8s_pod)", [1000, 2000, 9000]),
        ("metadata.user_labels.app=x", []),
        ("reducer=REDUCE_SUM", [12000]),
        ("reducer=REDUCE_MAX,metric.labels.pod=a", [1000]),
        ("reducer=REDUCE_COUNT", [3000]),
        ("reducer=REDUCE_PERCENTILE_50", [2000]),
        ("reducer=REDUCE_NONE", [1000, 2000, 9000]),
        ("reducer=REDUCE_SUM,metric.labels.model_name=z", []),
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
        ("pod=a", r'^Metric label: "pod" is not allowed$'),
        ("metadata.x.app=a", r'"metadata\.x\.app" is not allowed'),
        ("resource.type", r'^Metric label: "resource\.type" is not allowed$'),
        ("!metric.labels.x", r"^Label selector with operator DoesNotExist is not allowed$"),
        ("reducer=REDUCE_MODE", r'"Specified reducer is not supported: REDUCE_MODE" is not'),
        ("reducer in (REDUCE_SUM)", r"\"Reducer must use '=' or '==': You used in\" is not"),
        ("resource.labels.project_id in (a)", r"\"Project selector must use '=' or '=='"),
        ("reducer=REDUCE_COUNT_TRUE", "REDUCE_COUNT_TRUE is not valid for values of type DOUBLE"),
        ("resource.type=k8s_pod", NO_COMBINATION),
        ("resource.labels.pod=a", NO_COMBINATION),
        ("metric.labels.absent=x", r"Cannot find metric\(s\) that match type = .* label = absent"),
        ("metric.labels.absent", r"label = absent\. If a metric was created recently"),
        ("metric.labels.absent notin (x)", r"label = absent\."),
        ("metric.labels.namespace=default", r"label = namespace\."),
    ],
)
def test_selectors_that_are_refused(selector: str, message: str) -> None:
    """Some are the adapter's to refuse, some Cloud Monitoring's: none is an empty answer."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0}, model_name="x")
    with pytest.raises(MetricsError, match=message):
        google.external_metrics(RUNNING, "default", parse_selector(selector), 20.0)


def test_deleted_pod_haunts_an_external_metric_for_five_minutes() -> None:
    """Cloud Monitoring has no staleness markers: the last value of a gone pod still counts."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0})
    [series] = database.select([])
    series.mark_stale(25.0)
    assert google.external_metrics(RUNNING, "default", EVERYTHING, 309.9) == [1000]
    assert google.external_metrics(RUNNING, "default", EVERYTHING, 310.0) == []


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("Service", 'Get namespaced metric by name for resource \\"services\\"'),
        ("Deployment", 'Get namespaced metric by name for resource \\"deployments\\"'),
        ("Namespace", 'Get root scoped metric by name for resource \\"namespaces\\"'),
        ("Widget", 'Get namespaced metric by name for resource \\"widgets\\"'),
    ],
)
def test_object_metrics_of_other_kinds_are_not_implemented(kind: str, operation: str) -> None:
    """The adapter serves an Object metric for a pod, and says that it does for nothing else."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0})
    described = CrossVersionObjectReference(kind, "a", "v1")
    with pytest.raises(MetricsError) as error:
        google.object_metric(RUNNING, "default", described, EVERYTHING, 20.0)
    assert str(error.value) == f'Operation: "{operation}" is not implemented'


def test_object_metric_of_a_pod() -> None:
    """One pod's series are added up; a pod without any is an error."""
    google, database = adapter()
    write(database, "a", {10.0: 1.0}, engine="0")
    write(database, "a", {10.0: 1.0}, engine="1")
    pod = CrossVersionObjectReference("Pod", "a", "v1")
    assert google.object_metric(RUNNING, "default", pod, EVERYTHING, 20.0) == 2000
    gone = CrossVersionObjectReference("Pod", "gone", "v1")
    with pytest.raises(MetricsError, match=NO_COMBINATION):
        google.object_metric(RUNNING, "default", gone, EVERYTHING, 20.0)
