"""The canary on its paths, and the pipeline with parts of it down."""

from __future__ import annotations

import math

import pytest

from scalecert.documents import parse_documents
from scalecert.engines.base import MetricInfo, Sample
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import EVERYTHING, parse_selector
from scalecert.metrics.canary import METRIC, Heartbeat, canary_paths
from scalecert.metrics.conditions import MetricConditions, Outage, PipelinePart
from scalecert.metrics.inputs import MetricsInput, WantedMetric
from scalecert.metrics.pipeline import Pipeline
from scalecert.metrics.scrape_config import ScrapeConfig
from scalecert.units import Duration

RUNNING = "vllm:num_requests_running"
GOOGLE = f"prometheus.googleapis.com|{RUNNING}|gauge"
ENGINE = {RUNNING: MetricInfo(RUNNING, "gauge", "requests", ())}
APP = parse_selector("app=vllm")
MONITOR = ScrapeConfig("PodMonitor", "vllm", "default", APP, "metrics", 15.0)
PATHS = {
    "google-custom": ("Pods", GOOGLE),
    "google-external": ("External", GOOGLE),
    "prometheus-custom": ("Object", RUNNING),
    "prometheus-external": ("External", RUNNING),
    "resource": ("ContainerResource", "cpu"),
}


def make(
    *wanted: tuple[str, str],
    rules: str = "",
    monitors: tuple[ScrapeConfig, ...] = (MONITOR,),
    outages: tuple[tuple[PipelinePart, float, float], ...] = (),
) -> Pipeline:
    documents = parse_documents(rules.encode(), "rules.yaml") if rules else ()
    metrics = tuple(WantedMetric(*pair) for pair in wanted)
    down = tuple(
        Outage(part, Duration(start), Duration(duration)) for part, start, duration in outages
    )
    policy = MetricsInput("default", "vllm", metrics, monitors, documents)
    return Pipeline(policy, ENGINE, MetricConditions(outages=down), 1)


def run(pipeline: Pipeline, until: float, start: float = 0.0) -> None:
    """Scrape one pod of the policy's, whose requests are the seconds of the run."""
    due = pipeline.add_pod("a", {"app": "vllm"}, {"metrics": 8000}, "vllm", start)
    while due <= until:
        due = pipeline.scrape("a", due, [Sample(RUNNING, {}, due)])


def beat(pipeline: Pipeline, now: float) -> Heartbeat:
    (found,) = pipeline.heartbeats(pipeline.client(now), now)
    return found


def running(pipeline: Pipeline, now: float, metric: str = RUNNING) -> dict[str, int]:
    found, _ = pipeline.client(now).get_raw_metric(metric, "default", APP, EVERYTHING)
    return {name: one.value_milli for name, one in found.items()}


def test_a_policy_has_a_canary_on_each_of_its_paths_once() -> None:
    """An adapter and an API are a path; two metrics may share one."""
    for path, wanted in PATHS.items():
        assert canary_paths([WantedMetric(*wanted)] * 2) == (path,)
    assert canary_paths(WantedMetric(*wanted) for wanted in PATHS.values()) == tuple(sorted(PATHS))


@pytest.mark.parametrize("path", PATHS)
def test_a_heartbeat_arrives_over_every_path(path: str) -> None:
    """Without any pod of the policy's, and no older than an interval and the longest delay."""
    pipeline = make(PATHS[path])
    assert pipeline.canary_paths == (path,)
    assert math.isnan(beat(pipeline, 0.0).age_seconds)
    assert beat(pipeline, 0.0).error
    for now in range(90, 3600, 7):
        found = beat(pipeline, float(now))
        assert (found.path, found.error) == (path, "")
        assert 0.0 <= found.age_seconds <= 20.06


def test_rules_of_a_policy_neither_hide_nor_adopt_the_canary() -> None:
    """A rule that takes every series and gives it one name serves the policy's series alone."""
    query = "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)"
    rest = f"metricsQuery: '{query}', resources: {{template: '<<.Resource>>'}}}}"
    rules = f"""
rules:
- {{seriesQuery: '{{__name__=~".+"}}', name: {{as: {METRIC}}}, {rest}
- {{seriesQuery: '{{__name__=~"[sv].+"}}', name: {{as: load}}, {rest}
"""
    pipeline = make(("Pods", "load"), rules=rules)
    run(pipeline, 300.0)
    assert beat(pipeline, 300.0).age_seconds <= 20.06
    assert running(pipeline, 300.0, "load").keys() == {"a"}


def test_no_query_over_a_namespaces_targets_counts_the_canary() -> None:
    """It has no `up`, so that `count(up)` is what it would be without a harness."""
    rules = """
externalRules:
- {seriesQuery: up, name: {as: targets}, resources: {namespaced: false},
   metricsQuery: 'count(up{namespace="default"})'}
"""
    pipeline = make(("External", "targets"), rules=rules)
    run(pipeline, 300.0)
    client = pipeline.client(300.0)
    assert client.get_external_metric("targets", "default", EVERYTHING)[0] == [1000]


def test_outage_holds_from_its_start_to_before_its_end() -> None:
    """Of its own part only."""
    conditions = MetricConditions(outages=(Outage("scrape", Duration(60.0), Duration(30.0)),))
    assert [conditions.is_down("scrape", now) for now in (59.9, 60.0, 89.9, 90.0)] == [
        False,
        True,
        True,
        False,
    ]
    assert not conditions.is_down("adapter", 60.0)


@pytest.mark.parametrize("path", PATHS)
def test_no_api_answers_while_the_adapter_is_down(path: str) -> None:
    """Each of the APIs says that it is unavailable, and is back at once."""
    pipeline = make(PATHS[path], outages=(("adapter", 200.0, 100.0),))
    assert not beat(pipeline, 199.0).error
    assert "currently unable to handle the request (get " in beat(pipeline, 200.0).error
    assert not beat(pipeline, 300.0).error


@pytest.mark.parametrize("path", PATHS)
def test_heartbeats_age_while_nothing_is_scraped_and_come_back(path: str) -> None:
    """Also after a pause so long that the storage has dropped every series meanwhile."""
    pipeline = make(PATHS[path], outages=(("scrape", 200.0, 1000.0),))
    run(pipeline, 2000.0)
    assert beat(pipeline, 199.0).age_seconds <= 20.06
    aged = beat(pipeline, 235.0)
    assert aged.age_seconds >= 35.0
    if path != "resource":
        assert beat(pipeline, 800.0).error
    assert beat(pipeline, 1290.0).age_seconds <= 20.06


def test_a_policys_series_come_back_after_a_long_outage() -> None:
    """Series that the storage dropped are written anew, `up` among them."""
    rules = """
externalRules:
- {seriesQuery: up, name: {as: targets}, resources: {namespaced: false},
   metricsQuery: 'count(up{namespace="default"})'}
"""
    pipeline = make(("External", "targets"), ("Pods", GOOGLE), rules=rules,
                    outages=(("scrape", 200.0, 1000.0),))  # fmt: skip
    run(pipeline, 1300.0)
    assert running(pipeline, 1300.0, GOOGLE)["a"] >= 1_279_000
    client = pipeline.client(1300.0)
    assert client.get_external_metric("targets", "default", EVERYTHING)[0] == [1000]


def test_nobody_notes_that_a_pod_is_gone_while_nothing_is_scraped() -> None:
    """Without a staleness marker its last value is still in sums until the lookback ends."""
    rules = f"""
externalRules:
- {{seriesQuery: '{RUNNING}', name: {{as: load}}, resources: {{namespaced: false}},
   metricsQuery: 'sum(<<.Series>>)'}}
"""

    def load(pipeline: Pipeline) -> list[int]:
        run(pipeline, 215.0)
        pipeline.remove_pod("a", 216.0)
        return pipeline.client(255.0).get_external_metric("load", "default", EVERYTHING)[0]

    assert load(make(("External", "load"), rules=rules, outages=(("scrape", 210.0, 90.0),)))
    with pytest.raises(MetricsError, match="no metrics returned"):
        load(make(("External", "load"), rules=rules))
