"""The same samples in a real Prometheus and in a run's own storage have the same answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest
from worlds.local.metrics_apis.real_prometheus import (
    Written,
    database_of,
    prometheus_with,
    require_prometheus,
    unix,
)

from scalecert.documents import parse_documents
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import EVERYTHING, Selector, parse_selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.adapter_config import effective_rules, read_rules
from scalecert.metrics.gke import GoogleAdapter
from scalecert.metrics.prometheus import StoredPrometheus
from scalecert.metrics.prometheus_adapter import PrometheusAdapter
from scalecert.metrics.promql import EvaluationError, parse
from scalecert.metrics.provider import MetricsProvider
from scalecert.metrics.tsdb import NAME_LABEL
from scalecert.worlds.local.metrics_apis.http_prometheus import HttpPrometheus
from scalecert.worlds.local.metrics_apis.managed_prometheus import ManagedPrometheus

PODS = ("a", "b", "c")
KINDS = {
    "running": "gauge",
    "broken": "gauge",
    "tokens_total": "counter",
    "latency_bucket": "counter",
    "latency_sum": "counter",
    "latency_count": "counter",
}
LABELS = {
    "namespace": "default",
    "job": "web",
    "cluster": "cluster",
    "location": "location",
    "project_id": "project",
}
RULES = """
rules:
- seriesQuery: 'running{namespace!="",pod!=""}'
  resources: {template: "<<.Resource>>"}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
- seriesQuery: 'tokens_total{pod!=""}'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  name: {matches: "^(.*)_total$", as: "${1}_per_second"}
  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)
- seriesQuery: 'latency_bucket{pod!=""}'
  resources: {template: "<<.Resource>>"}
  name: {matches: "_bucket$", as: "_p90"}
  metricsQuery: >-
    histogram_quantile(0.9, sum by (le, <<.GroupBy>>) (rate(<<.Series>>{<<.LabelMatchers>>}[2m])))
externalRules:
- seriesQuery: 'running{namespace!=""}'
  resources: {overrides: {namespace: {resource: namespace}}}
  name: {as: "running_mean"}
  metricsQuery: avg(avg_over_time(<<.Series>>{<<.LabelMatchers>>}[1m]))
- seriesQuery: 'tokens_total'
  resources: {namespaced: false}
  name: {as: "each_increase"}
  metricsQuery: increase(<<.Series>>{<<.LabelMatchers>>}[90s])
- seriesQuery: 'running'
  resources: {namespaced: false}
  name: {as: "constant"}
  metricsQuery: "42"
- seriesQuery: 'running'
  resources: {namespaced: false}
  name: {as: "refused"}
  metricsQuery: "running / on (namespace) running"
"""
TIMES = (97.3, 247.45, 444.4, 610.3)
"""Of requests, in seconds of the run: no sample lies at the edge of a window of theirs."""


COUNTED_BEFORE = 1000
"""What counters begin with. Of one that begins near zero, Prometheus 2.42 and 3 extrapolate the
first rates differently, and a simulated run has those of 3."""


def _pod_series(index: int, pod: str) -> Iterator[Written]:
    own = {**LABELS, "pod": pod, "instance": f"{pod}:metrics"}
    times = [10.0 + 2.5 * index + 15.0 * count for count in range(40 - 8 * index)]
    yield Written(
        {NAME_LABEL: "running", **own},
        [(time, math.floor(20 + 15 * math.sin(time / 40 + index))) for time in times],
    )
    # A counter that starts anew once.
    yield Written(
        {NAME_LABEL: "tokens_total", **own},
        [(time, COUNTED_BEFORE + (time * 7.5 * (index + 1)) % 3000) for time in times],
    )
    for bound, share in (("0.1", 0.2), ("0.5", 0.7), ("2.0", 0.95), ("+Inf", 1.0)):
        points = [(time, COUNTED_BEFORE + math.floor(time * 3 * share)) for time in times]
        yield Written({NAME_LABEL: "latency_bucket", **own, "le": bound}, points)
    yield Written({NAME_LABEL: "latency_count", **own}, points)
    # Several series of one pod, which adapters add up or refuse.
    if pod == "a":
        second = [(time, 0.25) for time in times]
        yield Written({NAME_LABEL: "running", **own, "model": "second"}, second)
        broken = [(time, math.nan if index % 2 else 7.0) for index, time in enumerate(times)]
        yield Written({NAME_LABEL: "broken", **own}, broken)


SERIES = [one for index, pod in enumerate(PODS) for one in _pod_series(index, pod)]


@dataclass(frozen=True)
class Real:
    """A real Prometheus with `SERIES`, in which time passes K times faster."""

    url: str
    time_lapse: int

    def prometheus(self, delay_seconds: float = 0.0) -> HttpPrometheus:
        delay = delay_seconds / self.time_lapse
        return HttpPrometheus(
            self.url, delay_seconds=delay, time_lapse=self.time_lapse, listed=KINDS
        )


@pytest.fixture(scope="module", params=(1, 5), ids=("in real time", "five times faster"))
def real(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Real]:
    require_prometheus()
    folder = tmp_path_factory.mktemp("prometheus")
    with prometheus_with(folder, SERIES, time_lapse=request.param) as url:
        yield Real(url, request.param)


def _told(ask: Callable[..., object], *given: object) -> object:
    """Return what was answered, be it an error."""
    try:
        return ask(*given)
    except MetricsError as error:
        return str(error)


@pytest.mark.parametrize(
    "query",
    [
        "running",
        'running{pod=~"a|b",model!="second"}',
        'sum by (pod) (rate(tokens_total{namespace="default"}[2m]))',
        "irate(tokens_total[1m])",
        "increase(tokens_total[90s] offset 30s)",
        "delta(running[2m])",
        "max_over_time(running[1m]) - min_over_time(running[1m])",
        "count_over_time(running[2m])",
        "histogram_quantile(0.5, sum by (le) (rate(latency_bucket[2m])))",
        '-running{model!="second"} * 2 ^ 3',
        "sum(running) / sum(tokens_total)",
        "running > bool 10",
        'clamp_max(avg(running{model!="second"}), 12.5)',
        'running{pod="nobody"}',
        "broken",
        "1 + 2 * 3",
    ],
)
def test_a_query_has_one_value(real: Real, query: str) -> None:
    """What PromQL means is the same in both, at any time lapse, as are the labels of results."""
    stored = StoredPrometheus(database_of(SERIES), 0.0)
    expression = parse(query)
    for now in TIMES:
        expected = stored.query(expression, now)
        found = real.prometheus().query(expression, unix(now, real.time_lapse))
        if isinstance(expected, float) or isinstance(found, float):
            assert found == expected
            continue
        key = lambda one: sorted(one.labels.items())  # noqa: E731 - of both sides
        pairs = zip(sorted(found, key=key), sorted(expected, key=key), strict=True)
        for one, other in pairs:
            assert dict(one.labels) == dict(other.labels)
            assert one.value == pytest.approx(other.value, rel=1e-9, nan_ok=True)


def test_what_prometheus_refuses_is_an_error_in_both(real: Real) -> None:
    """A query that fails for the series that are there fails in both."""
    expression = parse("running / on (namespace) running")
    with pytest.raises(EvaluationError):
        StoredPrometheus(database_of(SERIES), 0.0).query(expression, 100.0)
    with pytest.raises(EvaluationError, match="many-to-many"):
        real.prometheus().query(expression, unix(100.0, real.time_lapse))


def _prometheus_adapters(real: Real) -> tuple[MetricsProvider, MetricsProvider]:
    [document] = parse_documents(RULES.encode(), "rules.yaml")
    rules = read_rules(document)
    stored = StoredPrometheus(database_of(SERIES), 0.0)
    simulated = PrometheusAdapter(stored, rules, relist_seconds=60.0, relist_phase_seconds=25.0)
    lapse = real.time_lapse
    over_http = PrometheusAdapter(
        real.prometheus(),
        rules,
        relist_seconds=60.0 / lapse,
        relist_phase_seconds=unix(25.0, lapse) % (60.0 / lapse),
    )
    return simulated, over_http


@pytest.mark.parametrize(
    "metric", ["running", "tokens_per_second", "latency_p90", "running_mean", "nothing"]
)
def test_prometheus_adapter_answers_alike(real: Real, metric: str) -> None:
    """Custom and object metrics, and errors of prometheus-adapter, are those of a simulated run."""
    simulated, over_http = _prometheus_adapters(real)
    pod = CrossVersionObjectReference(kind="Pod", name="b")
    namespace = CrossVersionObjectReference(kind="Namespace", name="default")
    for now in TIMES:
        clock = unix(now, real.time_lapse)

        def ask(adapter: MetricsProvider, at: float) -> list[object]:
            return [
                _told(adapter.pod_metrics, metric, "default", PODS, EVERYTHING, at),
                _told(adapter.object_metric, metric, "default", pod, EVERYTHING, at),
                _told(adapter.object_metric, metric, "default", namespace, EVERYTHING, at),
            ]

        _assert_near(ask(over_http, clock), ask(simulated, now))


@pytest.mark.parametrize("metric", ["running_mean", "each_increase", "constant", "refused", "no"])
def test_prometheus_adapter_answers_alike_for_external_metrics(real: Real, metric: str) -> None:
    """So are external metrics."""
    simulated, over_http = _prometheus_adapters(real)
    for now in TIMES:
        clock = unix(now, real.time_lapse)
        found = _told(over_http.external_metrics, metric, "default", EVERYTHING, clock)
        expected = _told(simulated.external_metrics, metric, "default", EVERYTHING, now)
        _assert_near([found], [expected])


def test_default_rules_discover_alike(real: Real) -> None:
    """The chart's default rules find the same metrics in both."""
    rules = effective_rules(())
    stored = StoredPrometheus(database_of(SERIES), 0.0)
    simulated = PrometheusAdapter(stored, rules, relist_seconds=60.0, relist_phase_seconds=0.0)
    over_http = PrometheusAdapter(
        real.prometheus(), rules, relist_seconds=60.0 / real.time_lapse, relist_phase_seconds=0.0
    )
    for metric in ("running", "tokens", "latency_sum", "latency_count"):
        expected = _told(simulated.pod_metrics, metric, "default", PODS, EVERYTHING, 250.2)
        clock = unix(250.2, real.time_lapse)
        found = _told(over_http.pod_metrics, metric, "default", PODS, EVERYTHING, clock)
        _assert_near([found], [expected])


GOOGLE_METRICS = (
    "prometheus.googleapis.com|running|gauge",
    "prometheus.googleapis.com|broken|gauge",
    "prometheus.googleapis.com|tokens_total|counter",
    "prometheus.googleapis.com|latency|histogram",
    "prometheus.googleapis.com|running|counter",
    "prometheus.googleapis.com|nothing|gauge",
    "custom.googleapis.com|running",
)
SELECTORS = (
    "",
    "metric.labels.model=second",
    "metric.labels.unknown=x",
    "reducer=REDUCE_MAX",
    "resource.labels.namespace=default",
    "model=second",
)


@pytest.mark.parametrize("metric", GOOGLE_METRICS)
@pytest.mark.parametrize("text", SELECTORS)
def test_googles_path_answers_alike(real: Real, metric: str, text: str) -> None:
    """custom-metrics-stackdriver-adapter's answers and errors are those of a simulated run."""
    selector: Selector = parse_selector(text)
    lapse, delay = real.time_lapse, 5.0
    simulated = GoogleAdapter(database_of(SERIES), KINDS, delay_seconds=delay)
    over_http = ManagedPrometheus(real.prometheus(), KINDS, delay_seconds=delay, time_lapse=lapse)
    pod = CrossVersionObjectReference(kind="Pod", name="b")
    for now in TIMES:

        def ask(adapter: MetricsProvider, at: float) -> list[object]:
            return [
                _told(adapter.pod_metrics, metric, "default", PODS, selector, at),
                _told(adapter.object_metric, metric, "default", pod, selector, at),
                _told(adapter.external_metrics, metric, "default", selector, at),
            ]

        _assert_near(ask(over_http, unix(now, lapse)), ask(simulated, now))


def test_a_descriptor_outlives_its_series_in_both(real: Real) -> None:
    """A metric whose samples are older than any window is known still, and has no value."""
    lapse = real.time_lapse
    simulated = GoogleAdapter(database_of(SERIES), KINDS, delay_seconds=5.0)
    over_http = ManagedPrometheus(real.prometheus(), KINDS, delay_seconds=5.0, time_lapse=lapse)
    metric, now = "prometheus.googleapis.com|running|gauge", 2000.0
    assert simulated.external_metrics(metric, "default", EVERYTHING, now) == []
    clock = unix(now, lapse)
    assert over_http.external_metrics(metric, "default", EVERYTHING, clock) == []


def _assert_near(found: list[object], expected: list[object]) -> None:
    """Assert that answers are equal, milli-units to the last but one, which are truncated."""
    for one, other in zip(found, expected, strict=True):
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            assert dict(one) == pytest.approx(dict(other), abs=1)
        elif isinstance(one, list) and isinstance(other, list):
            # In which order series are returned says nothing.
            assert sorted(one) == pytest.approx(sorted(other), abs=1)
        elif isinstance(one, int) and isinstance(other, int):
            assert one == pytest.approx(other, abs=1)
        else:
            assert one == other
