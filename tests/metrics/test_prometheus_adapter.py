"""prometheus-adapter's answers: discovery at relists, custom, object and external metrics."""

from __future__ import annotations

import pytest

from scalecert.documents import parse_documents
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import EVERYTHING, parse_selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.adapter_config import read_rules
from scalecert.metrics.prometheus import StoredPrometheus
from scalecert.metrics.prometheus_adapter import PrometheusAdapter
from scalecert.metrics.tsdb import NAME_LABEL, TimeSeriesDatabase

RULES = """
rules:
- seriesQuery: 'vllm:num_requests_running{namespace!="",pod!=""}'
  resources: {template: "<<.Resource>>"}
  name: {as: "vllm_running"}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
- seriesQuery: 'vllm:num_requests_waiting{pod!=""}'
  resources: {overrides: {pod: {resource: pod}}}
  metricsQuery: <<.Series>>{<<.LabelMatchers>>}
- seriesQuery: 'up{namespace!=""}'
  resources: {template: "<<.Resource>>"}
  name: {as: "broken"}
  metricsQuery: "1 + 1"
externalRules:
- seriesQuery: 'vllm:num_requests_running{namespace!=""}'
  resources: {overrides: {namespace: {resource: namespace}}}
  name: {as: "total_running"}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>})
- seriesQuery: 'vllm:num_requests_running{namespace!=""}'
  resources: {namespaced: false}
  name: {as: "each_running"}
  metricsQuery: <<.Series>>{<<.LabelMatchers>>}
- seriesQuery: 'vllm:num_requests_running'
  name: {as: "unmapped"}
  metricsQuery: <<.Series>>{<<.LabelMatchers>>}
- seriesQuery: 'vllm:num_requests_running'
  resources: {namespaced: false}
  name: {as: "constant"}
  metricsQuery: "42"
"""


def make(delay: float = 0.0) -> tuple[PrometheusAdapter, TimeSeriesDatabase]:
    """Return an adapter that relists at 10 s, 70 s, 130 s, ..."""
    [document] = parse_documents(RULES.encode(), "rules.yaml")
    database = TimeSeriesDatabase(700.0)
    adapter = PrometheusAdapter(
        StoredPrometheus(database, delay),
        read_rules(document),
        relist_seconds=60.0,
        relist_phase_seconds=10.0,
    )
    return adapter, database


def write(
    database: TimeSeriesDatabase,
    pod: str,
    *times: float,
    value: float = 1.0,
    name: str = "vllm:num_requests_running",
    namespace: str = "default",
    **labels: str,
) -> None:
    series = database.series({NAME_LABEL: name, "pod": pod, "namespace": namespace} | labels)
    for time in times:
        series.append(time, value)


def pods(adapter: PrometheusAdapter, now: float, metric: str = "vllm_running") -> dict[str, int]:
    return dict(adapter.pod_metrics(metric, "default", ["a", "b"], EVERYTHING, now))


def test_metric_exists_from_the_relist_after_its_first_sample() -> None:
    """A series is found at the next relist, not before; until then the metric is not found."""
    adapter, database = make()
    write(database, "a", 15.0, 60.0)
    for now in (20.0, 69.9):
        with pytest.raises(MetricsError, match="could not find the metric vllm_running for pods"):
            pods(adapter, now)
    assert pods(adapter, 70.0) == {"a": 1000}


def test_metric_is_forgotten_after_a_relist_without_a_sample() -> None:
    """Discovery looks at the last relist interval only; then the metric is not found again."""
    adapter, database = make()
    write(database, "a", 15.0, 69.0)
    assert pods(adapter, 129.9) == {"a": 1000}
    with pytest.raises(MetricsError, match="could not find"):
        pods(adapter, 130.0)


def test_discovery_sees_samples_after_the_ingestion_delay() -> None:
    """What is not ingested at a relist waits for the next one."""
    adapter, database = make(delay=5.0)
    write(database, "a", 66.0, 120.0)
    with pytest.raises(MetricsError):
        pods(adapter, 100.0)
    assert pods(adapter, 130.0) == {"a": 1000}


def test_pods_asked_for_are_answered_and_no_others() -> None:
    """Values belong to the pods listed, of the HPA's namespace, summed over their series."""
    adapter, database = make()
    write(database, "a", 5.0, value=1.25, engine="0")
    write(database, "a", 5.0, value=2.0, engine="1")
    write(database, "b", 5.0, value=7.0, namespace="other")
    write(database, "c", 5.0, value=9.0)
    assert pods(adapter, 20.0) == {"a": 3250}
    with pytest.raises(MetricsError, match="for pods"):
        adapter.pod_metrics("vllm_running", "default", [], EVERYTHING, 20.0)


def test_metric_selector_narrows_the_series() -> None:
    """A metric's selector is part of the query."""
    adapter, database = make()
    write(database, "a", 5.0, value=1.0, model="x")
    write(database, "a", 5.0, value=2.0, model="y")
    chosen = parse_selector("model=y")
    assert adapter.pod_metrics("vllm_running", "default", ["a"], chosen, 20.0) == {"a": 2000}


def test_rule_without_a_namespace_label_is_not_namespaced() -> None:
    """A series that is not associated with a namespace can't be asked for in one."""
    adapter, database = make()
    write(database, "a", 5.0, name="vllm:num_requests_waiting")
    with pytest.raises(MetricsError, match="could not find"):
        pods(adapter, 20.0, "vllm:num_requests_waiting")


def test_query_without_a_vector_is_an_internal_error() -> None:
    """A custom metric's query must return one value per object."""
    adapter, database = make()
    write(database, "a", 5.0, name="up")
    with pytest.raises(MetricsError, match="unable to fetch metrics"):
        pods(adapter, 20.0, "broken")


def test_object_metrics_of_the_namespace_and_of_objects_with_a_label() -> None:
    """An Object metric is grouped by the label of the object's resource."""
    adapter, database = make()
    write(database, "a", 5.0, value=2.0, service="front")
    write(database, "b", 5.0, value=3.0, service="back")

    def value(kind: str, name: str) -> int:
        described = CrossVersionObjectReference(kind, name, "v1")
        return adapter.object_metric("vllm_running", "default", described, EVERYTHING, 20.0)

    assert value("Namespace", "default") == 5000
    assert value("Service", "front") == 2000
    with pytest.raises(MetricsError, match="for services nowhere"):
        value("Service", "nowhere")
    with pytest.raises(MetricsError, match=r"for deployments\.apps"):
        value("Deployment", "web")


def test_external_metrics() -> None:
    """An External metric has one value per series of its query, in the HPA's namespace or not."""
    adapter, database = make()
    write(database, "a", 5.0, value=2.0)
    write(database, "b", 5.0, value=3.0, namespace="other")

    def values(metric: str, selector: str = "") -> list[int]:
        parsed = parse_selector(selector)
        return list(adapter.external_metrics(metric, "default", parsed, 20.0))

    assert values("total_running") == [2000]
    assert values("each_running") == [2000, 3000]
    assert values("each_running", "pod=b") == [3000]
    assert values("each_running", "pod=none") == []
    assert values("constant") == [42_000]
    with pytest.raises(MetricsError, match="could not find the metric nope for namespaces"):
        values("nope")
    with pytest.raises(MetricsError, match="unable to fetch metrics"):
        values("unmapped")
