"""The pipeline end to end: what an HPA reads of pods that a world runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest

from scalecert.documents import parse_documents
from scalecert.engines.base import MetricInfo, Sample
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import EVERYTHING, parse_selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.conditions import MetricConditions
from scalecert.metrics.inputs import MetricsInput, WantedMetric
from scalecert.metrics.pipeline import Pipeline
from scalecert.metrics.relabel import RelabelRule
from scalecert.metrics.scrape_config import ScrapeConfig
from scalecert.units import Duration

RUNNING = "vllm:num_requests_running"
GOOGLE_RUNNING = f"prometheus.googleapis.com|{RUNNING}|gauge"
TTFT = "vllm:time_to_first_token_seconds"
TOKENS = "vllm:generation_tokens_total"
ENGINE = {
    RUNNING: MetricInfo(RUNNING, "gauge", "requests", ("model_name", "engine")),
    TOKENS: MetricInfo(TOKENS, "counter", "tokens", ("model_name", "engine")),
    TTFT: MetricInfo(TTFT, "histogram", "seconds", ("model_name", "engine")),
}
LABELS = {"app": "vllm"}
PORTS = {"metrics": 8000}
APP = parse_selector("app=vllm")
MONITOR = ScrapeConfig("PodMonitor", "vllm", "default", APP, "metrics", 30.0)


def exposed(value: float, name: str = RUNNING) -> list[Sample]:
    return [Sample(name, {"model_name": "llama", "engine": "0"}, value)]


def make(
    *wanted: tuple[str, str],
    monitors: tuple[ScrapeConfig, ...] = (),
    rules: str = "",
    seed: int = 1,
    **conditions: float,
) -> Pipeline:
    documents = parse_documents(rules.encode(), "rules.yaml") if rules else ()
    policy = MetricsInput(
        "default", "vllm", tuple(WantedMetric(*pair) for pair in wanted), monitors, documents
    )
    given = {name: Duration(value) for name, value in conditions.items()}
    return Pipeline(policy, ENGINE, MetricConditions(**given), seed)


def run(
    pipeline: Pipeline, until: float, samples: Callable[[str, float], list[Sample] | None]
) -> None:
    """Scrape pods a, b, c from 0 s on; their engines expose what `samples(pod, time)` says."""
    due = {name: pipeline.add_pod(name, LABELS, PORTS, "vllm", 0.0) for name in "abc"}
    while (time := min(due.values())) <= until:
        name = min(due, key=lambda one: due[one])
        due[name] = pipeline.scrape(name, time, samples(name, time), busy_seconds=time / 2)


def raw(pipeline: Pipeline, now: float, metric: str = GOOGLE_RUNNING) -> dict[str, int]:
    metrics, stamp = pipeline.client(now).get_raw_metric(metric, "default", APP, EVERYTHING)
    assert stamp == round(now * 1000)
    return {name: one.value_milli for name, one in metrics.items()}


def test_pods_metric_is_each_pod_s_newest_ingested_sample() -> None:
    """The HPA sees what was scraped at least one ingestion delay ago."""
    pipeline = make(("Pods", GOOGLE_RUNNING), scrape_latency=0.0, ingestion_delay=5.0)
    first = pipeline.add_pod("a", LABELS, PORTS, "vllm", 0.0)
    second = pipeline.scrape("a", first, exposed(3.0))
    pipeline.scrape("a", second, exposed(4.0))
    assert second == first + 15.0
    assert raw(pipeline, second + 4.9) == {"a": 3000}
    assert raw(pipeline, second + 5.0) == {"a": 4000}


def test_new_pod_waits_for_discovery_and_its_phase() -> None:
    """The first scrape comes after discovery, within one interval of it, at a phase of its own."""
    pipeline = make(("Pods", GOOGLE_RUNNING), target_discovery=5.0, scrape_interval=15.0)
    firsts = [pipeline.add_pod(f"p{i}", LABELS, PORTS, "vllm", 100.0) for i in range(20)]
    assert all(105.0 <= first < 120.0 for first in firsts)
    assert len(set(firsts)) == len(firsts)


def test_phases_depend_on_seed_and_pod_alone() -> None:
    """The same seed gives the same phases, whatever else happens; another seed gives others."""

    def first(seed: int, others: int) -> float:
        pipeline = make(("Pods", GOOGLE_RUNNING), seed=seed)
        for index in range(others):
            pipeline.add_pod(f"other-{index}", LABELS, PORTS, "vllm", 0.0)
        return pipeline.add_pod("a", LABELS, PORTS, "vllm", 0.0)

    assert first(1, 0) == first(1, 7)
    assert first(1, 0) != first(2, 0)


def test_pod_that_no_monitor_selects_is_never_scraped() -> None:
    """With a monitor for other pods the HPA gets no metric, and the reason is in the text."""
    other = ScrapeConfig("PodMonitoring", "m", "default", parse_selector("app=x"), "metrics", 15.0)
    pipeline = make(("Pods", GOOGLE_RUNNING), monitors=(other,))
    assert pipeline.add_pod("a", LABELS, PORTS, "vllm", 0.0) == math.inf
    with pytest.raises(MetricsError, match="could not find the descriptor for metric"):
        raw(pipeline, 60.0)


def test_two_monitors_scrape_at_their_own_times() -> None:
    """A pod that two endpoints select is scraped by each at its interval."""
    fast = ScrapeConfig("PodMonitor", "fast", "default", APP, "metrics", 10.0)
    pipeline = make(("Pods", RUNNING), monitors=(MONITOR, fast))
    run(pipeline, 600.0, lambda _, time: exposed(time))
    query = parse_selector("app=vllm")
    assert pipeline.client(600.0).get_raw_metric(RUNNING, "default", query, EVERYTHING)
    jobs = {"default/vllm": 30.0, "default/fast": 10.0}
    for series in pipeline._database.select([]):
        if series.name == RUNNING:
            interval = jobs[series.labels["job"]]
            for before, after in pairwise(series.times):
                assert after - before == pytest.approx(interval)


def test_empty_answer_is_the_client_s_error() -> None:
    """A metric of other pods only: no items, and the client says so in upstream's words."""
    pipeline = make(("Pods", GOOGLE_RUNNING))
    run(pipeline, 60.0, lambda *_: exposed(1.0))
    none = parse_selector("app=none")
    with pytest.raises(MetricsError, match=r"^no metrics returned from custom metrics API$"):
        pipeline.client(60.0).get_raw_metric(GOOGLE_RUNNING, "default", none, EVERYTHING)


def test_gone_pod_is_not_answered() -> None:
    """A removed pod has no value any more, the others keep theirs."""
    pipeline = make(("Pods", GOOGLE_RUNNING))
    run(pipeline, 60.0, lambda *_: exposed(1.0))
    pipeline.remove_pod("b", 60.0)
    assert raw(pipeline, 61.0) == {"a": 1000, "c": 1000}


def test_server_that_does_not_answer_has_no_metric_in_prometheus() -> None:
    """Failed scrapes end a pod's series: prometheus-adapter leaves the pod out."""
    pipeline = make(("Pods", RUNNING), monitors=(MONITOR,))
    run(pipeline, 200.0, lambda pod, time: None if pod == "b" and time > 120 else exposed(1.0))
    assert raw(pipeline, 200.0, RUNNING) == {"a": 1000, "c": 1000}


def test_families_are_those_that_the_policy_reads() -> None:
    """Engines are asked for what Google names or rules are made of, and for nothing else."""
    rules = f"""
rules:
- seriesQuery: '{{__name__=~"{TTFT}_bucket"}}'
  resources: {{template: "<<.Resource>>"}}
  name: {{as: ttft_p95}}
  metricsQuery: >-
    histogram_quantile(0.95, sum by (le, pod) (rate(<<.Series>>{{<<.LabelMatchers>>}}[2m])))
- seriesQuery: '{TOKENS}'
  resources: {{template: "<<.Resource>>"}}
  metricsQuery: <<.Series>>{{<<.LabelMatchers>>}}
externalRules:
- seriesQuery: 'up'
  name: {{as: load}}
  metricsQuery: sum({RUNNING}) / sum(up)
"""
    assert make(("Pods", GOOGLE_RUNNING)).families() == (RUNNING,)
    assert make(("Pods", "ttft_p95"), rules=rules).families() == (TTFT,)
    assert make(("External", "load"), rules=rules).families() == (RUNNING,)
    assert make(("Pods", "nothing"), rules=rules).families() == ()
    assert make(("Resource", "cpu")).families() == ()
    assert make(("Pods", "prometheus.googleapis.com|vllm:gone|gauge")).families() == ()


def test_renamed_by_a_monitor_is_still_found() -> None:
    """A monitor that renames series is followed to the family behind them."""
    rename = RelabelRule(
        source_labels=("__name__",), regex="vllm:(.*)", target_label="__name__",
        replacement="vllm_$1",
    )  # fmt: skip
    monitor = ScrapeConfig(
        "PodMonitoring", "m", "default", APP, "metrics", 15.0, metric_relabelings=(rename,)
    )
    name = "prometheus.googleapis.com|vllm_num_requests_running|unknown"
    pipeline = make(("Pods", name), monitors=(monitor,))
    assert pipeline.families() == (RUNNING,)
    run(pipeline, 60.0, lambda *_: exposed(2.0))
    assert raw(pipeline, 60.0, name) == {"a": 2000, "b": 2000, "c": 2000}


def test_histogram_quantile_through_the_adapter() -> None:
    """A rule over buckets gives each pod's quantile of the last minutes."""
    rules = f"""
rules:
- seriesQuery: '{TTFT}_bucket{{namespace!="",pod!=""}}'
  resources: {{template: "<<.Resource>>"}}
  name: {{as: ttft_p50}}
  metricsQuery: >-
    histogram_quantile(0.5,
    sum by (le, <<.GroupBy>>) (rate(<<.Series>>{{<<.LabelMatchers>>}}[2m])))
"""
    pipeline = make(("Pods", "ttft_p50"), rules=rules, monitors=(MONITOR,))

    def buckets(_: str, time: float) -> list[Sample]:
        shares = {"0.1": 0.0, "0.5": 1.0, "+Inf": 1.0}
        return [Sample(f"{TTFT}_bucket", {"le": le}, share * time) for le, share in shares.items()]

    run(pipeline, 300.0, buckets)
    values = raw(pipeline, 300.0, "ttft_p50")
    assert values.keys() == set("abc")
    assert all(abs(value - 300) <= 1 for value in values.values())


def test_a_namespace_is_the_hpas_own_whatever_it_is_called() -> None:
    """The client puts the HPA's namespace in place of the described one: there is no way out."""
    rules = """
rules:
- seriesQuery: '{__name__=~"^vllm:num_requests_running$"}'
  resources: {overrides: {namespace: {resource: namespace}}}
  name: {as: running}
  metricsQuery: sum by(namespace) (vllm:num_requests_running)
"""
    pipeline = make(("Object", "running"), rules=rules, monitors=(MONITOR,))
    run(pipeline, 1200.0, lambda *_: exposed(2.0))
    other = CrossVersionObjectReference(kind="Namespace", name="other", api_version="v1")
    client = pipeline.client(1200.0)
    assert client.get_object_metric("running", "default", other, EVERYTHING)[0] == 6000


def test_external_names_are_lower_cased_by_the_client() -> None:
    """A metric whose name has an upper-case letter is never found through the External API."""
    rules = """
externalRules:
- {seriesQuery: 'vllm:num_requests_running', name: {as: Total}, metricsQuery: 'sum(<<.Series>>)',
   resources: {namespaced: false}}
- {seriesQuery: 'vllm:num_requests_running', name: {as: total}, metricsQuery: 'sum(<<.Series>>)',
   resources: {namespaced: false}}
"""
    upper, lower = (
        make(("External", "Total"), rules=text, monitors=(MONITOR,))
        for text in (rules.replace("as: total", "as: Other"), rules)
    )
    for pipeline in (upper, lower):
        run(pipeline, 200.0, lambda *_: exposed(2.0))
    assert lower.client(200.0).get_external_metric("Total", "default", EVERYTHING)[0] == [6000]
    with pytest.raises(MetricsError, match="could not find the metric total"):
        upper.client(200.0).get_external_metric("Total", "default", EVERYTHING)


def test_resource_metrics_follow_the_busy_time() -> None:
    """CPU is reported every 15 s for each pod, also without any scrape."""
    pipeline = make(("Resource", "cpu"), monitors=())
    run(pipeline, 60.0, lambda *_: None)
    client = pipeline.client(60.0)
    usage, _ = client.get_resource_metric("cpu", "default", APP, "")
    assert {name: one.value_milli for name, one in usage.items()} == dict.fromkeys("abc", 675)
    assert {one.window_ms for one in usage.values()} == {15_000}
    assert client.get_resource_metric("cpu", "default", APP, "sidecar")[0] == {}
    assert client.get_resource_metric("memory", "default", APP, "vllm")[0].keys() == set("abc")
    with pytest.raises(MetricsError, match=r"^no metrics returned from resource metrics API$"):
        make(("Resource", "cpu")).client(60.0).get_resource_metric("cpu", "default", APP, "")


def test_memory_of_the_storage_stays_flat() -> None:
    """Ten hours of scrapes leave no more samples than the reach of the queries."""
    pipeline = make(("Pods", GOOGLE_RUNNING))
    run(pipeline, 36_000.0, lambda *_: exposed(1.0))
    held = sum(len(series.times) for series in pipeline._database.select([]))
    assert held < 6 * 2 * 310 / 15
