"""What the adapters are told of a trial: the same as those of a simulated run know."""

from __future__ import annotations

from dataclasses import replace

from scalecert.documents import parse_documents
from scalecert.engines.base import MetricInfo
from scalecert.metrics.conditions import MetricConditions
from scalecert.metrics.inputs import MetricsInput, WantedMetric
from scalecert.metrics.relabel import RelabelRule
from scalecert.metrics.scrape_config import default_scrape_config
from scalecert.units import Duration
from scalecert.worlds.local.metrics_apis.config import Semantics
from scalecert.worlds.local.metrics_apis.semantics import semantics_of

ENGINE = {
    "queue": MetricInfo("queue", "gauge", "", ()),
    "latency": MetricInfo("latency", "histogram", "", ()),
}
EXTERNAL = WantedMetric("External", "queue")


def told(policy: MetricsInput, conditions: MetricConditions | None = None) -> Semantics:
    return semantics_of(policy, ENGINE, conditions or MetricConditions(), seed=1)


def test_kinds_are_of_series_under_their_names_after_relabelling() -> None:
    """Cloud Monitoring goes by the kind of each series, and knows none of one that was renamed."""
    rename = RelabelRule(
        action="replace", source_labels=("__name__",), regex="queue", target_label="__name__",
        replacement="waiting",
    )  # fmt: skip
    config = default_scrape_config(15.0)
    renamed = replace(config, metric_relabelings=(rename,))
    kinds = told(MetricsInput("team", "web", (EXTERNAL,), (renamed,))).kinds
    assert kinds["queue"] == "gauge"
    assert kinds["waiting"] == "unknown"
    assert kinds["latency_bucket"] == "counter"


def test_ingestion_takes_time_where_google_scrapes() -> None:
    """Plain Prometheus has a sample at once, Managed Service for Prometheus after some seconds."""
    plain = told(MetricsInput("team", "web", (EXTERNAL,)))
    assert (plain.google_delay_seconds, plain.prometheus_delay_seconds) == (5.0, 0.0)
    managed = told(MetricsInput("team", "web", (EXTERNAL,), (default_scrape_config(15.0),)))
    assert managed.prometheus_delay_seconds == 5.0
    conditions = MetricConditions(ingestion_delay=Duration(2.0))
    given = told(MetricsInput("team", "web", (EXTERNAL,)), conditions)
    assert (given.google_delay_seconds, given.prometheus_delay_seconds) == (2.0, 2.0)


def test_relists_have_a_phase_of_the_seed() -> None:
    """The adapter was started at some time, which the seed tells."""
    conditions = MetricConditions(adapter_relist_interval=Duration(30.0))
    policy = MetricsInput("team", "web", (EXTERNAL,))
    first = told(policy, conditions)
    assert first.relist_seconds == 30.0
    assert 0.0 <= first.relist_phase_seconds < 30.0
    other = semantics_of(policy, ENGINE, conditions, seed=2)
    assert first.relist_phase_seconds != other.relist_phase_seconds


def test_rules_are_those_of_the_policy() -> None:
    """Rules keep the name of their file, for what is said about them."""
    [document] = parse_documents(b"rules: []", "rules.yaml")
    [rules] = told(MetricsInput("team", "web", (EXTERNAL,), rules=(document,))).rules
    assert (rules.file, rules.config) == ("rules.yaml", {"rules": []})


def test_series_are_those_that_the_metrics_are_made_of() -> None:
    """Of all that an engine exposes, the rules take a few for the policy's metrics."""
    assert told(MetricsInput("team", "web", (WantedMetric("Pods", "queue"),))).series == ("queue",)
    assert told(MetricsInput("team", "web", (WantedMetric("Pods", "nothing"),))).series == ()


def test_everything_is_listed_where_nobody_knows_what_is_asked_for() -> None:
    """A world that is kept for people's own manifests has no policy to go by."""
    anything = MetricsInput("default", "", (WantedMetric("Resource", "cpu"),))
    assert told(anything).series is None


def test_usage_is_read_if_a_metric_is_made_of_it() -> None:
    """Nobody looks at the usage of pods for an HPA that reads none."""
    assert told(MetricsInput("team", "web", (EXTERNAL,))).resolution_seconds is None
    reads = MetricsInput("team", "web", (WantedMetric("Resource", "cpu"),))
    assert told(reads).resolution_seconds == 15.0
