"""Monitors: what each kind scrapes, how often, with which labels."""

from __future__ import annotations

import pytest

from scalecert.metrics.scrape_config import ScrapedPod

from .conftest import HPA, MONITORING, changed, joined

POD = ScrapedPod("llm-0", "default", {"app": "llm", "team": "x"}, {"http": 8000}, "vllm")

POD_MONITOR = """\
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: llm, namespace: default}
spec:
  selector: {matchExpressions: [{key: app, operator: In, values: [llm]}]}
  jobLabel: team
  podTargetLabels: [team]
  podMetricsEndpoints:
  - {port: http, path: /stats, interval: 5s, metricRelabelings: [{action: drop, regex: x}]}
"""

SERVICE_MONITOR = """\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: llm, namespace: web}
spec:
  selector: {matchLabels: {app: llm}}
  namespaceSelector: {any: true}
  targetLabels: [tier]
  endpoints:
  - {port: web}
"""

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: llm, labels: {app: llm, tier: gold}}
spec:
  selector: {app: llm}
  ports: [{name: web, port: 80, targetPort: http}]
"""


def endpoint(load, *documents):
    (monitor,) = load(joined(HPA, *documents)).monitors
    (scrape,) = monitor.endpoints
    return scrape, monitor.paths[0]


def test_pod_monitoring(load):
    """A PodMonitoring scrapes the pods of its namespace, every minute unless it says otherwise."""
    scrape, path = endpoint(load, MONITORING)
    assert (scrape.google, scrape.interval_seconds, path) == (True, 15.0, "/metrics")
    assert scrape.target_labels(POD)["pod"] == "llm-0"
    scrape, _ = endpoint(load, changed(MONITORING, "    interval: 15s\n", ""))
    assert scrape.interval_seconds == 60.0
    scrape, _ = endpoint(load, changed(MONITORING, "interval: 15s", "interval: 0s"))
    assert scrape.interval_seconds == 60.0


def test_pod_monitor(load):
    """A PodMonitor names its job by a pod's label and relabels its metrics."""
    scrape, path = endpoint(load, POD_MONITOR)
    labels = scrape.target_labels(POD)
    assert (scrape.interval_seconds, path) == (5.0, "/stats")
    assert (labels["job"], labels["team"], labels["endpoint"]) == ("x", "x", "http")
    assert scrape.metric_relabelings[0].verb == "drop"


def test_service_monitor(load):
    """A ServiceMonitor reaches pods through the Services that it selects."""
    scrape, _ = endpoint(load, SERVICE_MONITOR, SERVICE)
    labels = scrape.target_labels(POD)
    assert (labels["service"], labels["job"], labels["tier"]) == ("llm", "llm", "gold")
    (monitor,) = load(joined(HPA, SERVICE_MONITOR)).monitors
    assert monitor.endpoints == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("15s", "15 sec", "interval: found '15 sec', expected a duration"),
        ("interval:", "intervall:", "found an unknown field (did you mean interval?)"),
        ("    interval: 15s", "    metricRelabeling: [{action: hash}]", "found action 'hash'"),
        ("  - port: http", "  - path: /m", "port: found nothing, expected this field"),
    ],
)
def test_a_bad_monitor_gets_one_line(refused, old, new, words):
    """A field that can't be used is named with its line."""
    line = refused(joined(HPA, changed(MONITORING, old, new)))
    assert words in line
    assert line.startswith("in.yaml:")


def test_adapter_rules_keep_the_lines_of_the_file(load):
    """Rules inside a ConfigMap's text are found where the user sees them."""
    config_map = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: adapter}\ndata:\n"
        "  config.yaml: |\n    rules:\n    - seriesQuery: a\n      metricsQuery: b\n"
    )
    policy = load(joined(config_map, HPA, config_map.replace("rules:", "other:")))
    (rules,) = policy.rules
    assert rules.document.line_of("rules[0].metricsQuery") == 8
    assert policy.ignored == ("ConfigMap/adapter",)
