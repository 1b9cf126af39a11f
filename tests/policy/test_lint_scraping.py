"""Rules of lint on scrapes: each has a case that it finds, and one that it lets be."""

from __future__ import annotations

import dataclasses

import pytest

from scalecert.engines.base import MetricsEndpoint
from scalecert.policy.resolve import resolve
from scalecert.policy.scraping import scrape_problem
from scalecert.policy.signals import signals

from .conftest import DEPLOYMENT, HPA, MONITORING, WHOLE, changed, joined
from .linted import (
    DUTY_CYCLE,
    EXPORTER,
    GPU_UTIL,
    apply,
    hpa,
    metric,
    verdicts,
)


class Elsewhere:
    """An engine that shows its metrics where a test says; all else is another's."""

    def __init__(self, kind, endpoint):
        self._kind, self._endpoint = kind, endpoint

    def __getattr__(self, name):
        return getattr(self._kind, name)

    def metrics_endpoint(self, _words, _env):
        return self._endpoint


def served(policy, endpoint):
    """Return what serves the policy, its metrics shown at an endpoint."""
    resolved = resolve(policy)
    return dataclasses.replace(resolved, kind=Elsewhere(resolved.kind, endpoint))


# The monitors


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  - port: http",
            "  - port: 8001",
            "scrapes port 8001, container vllm has http (8000)",
        ),
        (
            "--max-num-seqs=64",
            "--port=8080",
            "scrapes port http (8000), vllm shows its metrics on 8080",
        ),
        (
            "kind: PodMonitoring\nmetadata:\n",
            "kind: PodMonitoring\nmetadata:\n  namespace: gmp-public\n",
            "looks in the namespace gmp-public, the pods are in default",
        ),
    ],
)
def test_what_the_engine_says_of_itself_decides(load, old, new, message):
    """Another port than the server's, declared or not, and another namespace scrape nothing."""
    policy = load(changed(WHOLE, old, new))
    (finding,) = apply("scrape-target", policy)
    assert (finding.verdict, message in finding.message) == ("fail", True)
    assert finding.hint
    assert scrape_problem(policy, resolve(policy)) == (finding.message, finding.hint)


def test_a_cluster_pod_monitoring_looks_in_every_namespace(load):
    """Only a PodMonitoring is held to its own."""
    everywhere = changed(WHOLE, "kind: PodMonitoring", "kind: ClusterPodMonitoring")
    everywhere = everywhere.replace(
        "kind: ClusterPodMonitoring\nmetadata:\n",
        "kind: ClusterPodMonitoring\nmetadata:\n  namespace: gmp-public\n",
    )
    assert verdicts(apply("scrape-target", load(everywhere))) == ["pass"]


@pytest.mark.parametrize(
    ("monitor", "endpoint", "verdict"),
    [
        ("  - port: 9100\n    path: /", MetricsEndpoint(9100, path=None), "pass"),
        ("  - port: 9100\n    path: /metrics", MetricsEndpoint(9100, path=None), "pass"),
        ("  - port: 9100\n    path: /", MetricsEndpoint(9100), "fail"),
        ("  - port: 9101\n    path: /", MetricsEndpoint(9100, path=None), "fail"),
        ("  - port: http\n    path: /", MetricsEndpoint(9100, path=None), "fail"),
        ("  - port: http", MetricsEndpoint(None, switch="prometheus_port=9100"), "fail"),
    ],
)
def test_a_port_by_number_need_not_be_declared(load, monitor, endpoint, verdict):
    """Managed Service for Prometheus scrapes it; where the engine serves is what counts."""
    policy = load(changed(WHOLE, "  - port: http\n", f"{monitor}\n"))
    assert verdicts(apply("scrape-target", policy, served(policy, endpoint))) == [verdict]


def test_metrics_that_are_off_are_to_be_turned_on(load):
    """Whatever scrapes the pods then finds nothing, and the engine's switch is the way out."""
    off = MetricsEndpoint(None, switch="prometheus_port=9100")
    for text in (WHOLE, joined(HPA, DEPLOYMENT)):
        policy = load(text)
        resolved = served(policy, off)
        (finding,) = apply("scrape-target", policy, resolved)
        assert finding.message == "vllm in container vllm shows no metrics"
        assert finding.hint == "turn them on with prometheus_port=9100"
        assert scrape_problem(policy, resolved) == (finding.message, finding.hint)


def test_a_pod_monitor_takes_declared_ports_alone(load):
    """The operator keeps only targets of a declared port with that number."""
    operated = MONITORING.replace("monitoring.googleapis.com", "monitoring.coreos.com")
    operated = operated.replace("PodMonitoring", "PodMonitor").replace(
        "  endpoints:\n  - port: http", "  podMetricsEndpoints:\n  - portNumber: 9100"
    )
    policy = load(joined(HPA, DEPLOYMENT, operated))
    undeclared = served(policy, MetricsEndpoint(9100))
    assert verdicts(apply("scrape-target", policy, undeclared)) == ["fail"]
    declared = load(joined(HPA, DEPLOYMENT.replace("8000}", "9100}"), operated))
    assert verdicts(apply("scrape-target", declared, served(declared, MetricsEndpoint(9100)))) == [
        "pass"
    ]


def test_a_declared_port_that_the_server_does_not_have(load):
    """The command line decides; a monitor that has the right number makes the list harmless."""
    moved = changed(WHOLE, "--max-num-seqs=64", "--port=8080")
    (finding,) = apply("container-port", load(moved))
    assert finding.verdict == "warning"
    assert "declares port 8000, its server shows metrics on 8080" in finding.message
    assert apply("container-port", load(WHOLE)) == []
    assert apply("container-port", load(changed(moved, "- port: http", "- port: 8080"))) == []


def test_a_monitor_of_an_exporter_is_no_fault(load):
    """Beside the engine's own it is not looked at; alone it leaves the engine without one."""
    assert verdicts(apply("scrape-target", load(joined(WHOLE, EXPORTER)))) == ["pass"]
    astray = joined(WHOLE.replace("- port: http", "- port: metrics"), EXPORTER)
    (finding,) = apply("scrape-target", load(astray))
    assert "PodMonitoring llm scrapes port metrics" in finding.message
    (alone,) = apply("scrape-target", load(joined(HPA, DEPLOYMENT, EXPORTER)))
    assert alone.message == "no monitor of the input scrapes container vllm"


def test_a_policy_of_accelerator_metrics_needs_the_exporters_monitor_alone(load):
    """The engine's pods need none; Google Cloud's own metrics need no monitor at all."""
    text = joined(hpa(metric(GPU_UTIL)), DEPLOYMENT)
    assert apply("scrape-target", load(text)) == []
    assert verdicts(apply("exporter-target", load(text))) == ["warning"]
    assert verdicts(apply("exporter-target", load(joined(text, MONITORING)))) == ["fail"]
    assert verdicts(apply("exporter-target", load(joined(text, EXPORTER)))) == ["pass"]
    assert apply("exporter-target", load(joined(hpa(metric(DUTY_CYCLE)), DEPLOYMENT))) == []
    assert apply("exporter-target", load(WHOLE)) == []


@pytest.mark.parametrize(
    ("old", "new", "verdict", "message", "hint"),
    [
        (
            "gmp-public",
            "default",
            "warning",
            "looks in the namespace default, nvidia-dcgm-exporter usually runs in gmp-public",
            "move the monitor to gmp-public, unless you installed the exporter there",
        ),
        (
            "port: metrics",
            "port: http",
            "fail",
            "scrapes port http, nvidia-dcgm-exporter has metrics (9400)",
            "scrape port metrics",
        ),
    ],
)
def test_an_exporters_monitor_that_misses_it(load, old, new, verdict, message, hint):
    """It has a port of its own; where it runs is up to whoever installed it."""
    text = joined(hpa(metric(GPU_UTIL)), DEPLOYMENT, changed(EXPORTER, old, new))
    (finding,) = apply("exporter-target", load(text))
    assert (finding.verdict, finding.hint) == (verdict, hint)
    assert finding.message.endswith(message)


@pytest.mark.parametrize(
    ("old", "new", "reason", "hint"),
    [
        (
            "replacement: dcgm_fi_dev_gpu_util",
            "replacement: dcgm_gpu_util",
            "renames DCGM_FI_DEV_GPU_UTIL to dcgm_gpu_util",
            "rename it to dcgm_fi_dev_gpu_util, or ask for dcgm_gpu_util",
        ),
        (
            "regex: DCGM_FI_DEV_GPU_UTIL,",
            "regex: DCGM_FI_DEV_GPU_UTL,",
            "calls it DCGM_FI_DEV_GPU_UTIL, and no monitor renames it to lower case",
            "rename DCGM_FI_DEV_GPU_UTIL to dcgm_fi_dev_gpu_util",
        ),
        (
            "    metricRelabeling:\n",
            "    metricRelabeling:\n    - {sourceLabels: [__name__], regex: up, action: keep}\n",
            "drops DCGM_FI_DEV_GPU_UTIL",
            "check its metricRelabeling",
        ),
    ],
)
def test_what_a_monitor_makes_of_an_exporters_series_is_told(load, old, new, reason, hint):
    """A slip in the relabelling has the name that comes of it beside the one that is asked for."""
    policy = load(joined(hpa(metric(GPU_UTIL)), DEPLOYMENT, changed(EXPORTER, old, new)))
    (signal,) = signals(policy, resolve(policy))
    assert not signal.exists
    assert reason in signal.reason
    assert hint in signal.hint


@pytest.mark.parametrize(
    ("label", "value", "hint"),
    [
        ("metric.labels.exported_namespace", "prod", "write default"),
        ("resource.labels.namespace", "default", "exported_namespace is the pods' own"),
    ],
)
def test_a_selector_that_leaves_the_own_series_out_is_told_the_right_value(
    load, label, value, hint
):
    """The exporter's namespace is not the pods'."""
    one = metric(GPU_UTIL, labels=(label,)).replace(f"{label}: x", f"{label}: {value}")
    policy = load(joined(hpa(one), DEPLOYMENT, EXPORTER))
    (signal,) = signals(policy, resolve(policy))
    assert (signal.exists, signal.hint) == (False, hint)
    assert f"the selector asks for {value}" in signal.reason


@pytest.mark.parametrize(
    ("port", "label", "hint"),
    [
        ("metrics", "exported_namespce", "did you mean exported_namespace?"),
        ("9400", "exported_container", "did you mean container?"),
    ],
)
def test_a_label_that_such_series_do_not_have(load, port, label, hint):
    """A port by number attaches no container, so that the page's own needs no other name."""
    monitor = changed(EXPORTER, "port: metrics", f"port: {port}")
    one = metric(GPU_UTIL, labels=(f"metric.labels.{label}",))
    policy = load(joined(hpa(one), DEPLOYMENT, monitor))
    (signal,) = signals(policy, resolve(policy))
    assert (signal.exists, signal.hint) == (False, hint)


def test_a_selector_that_the_adapter_refuses_finds_nothing(load):
    """Labels of External metrics have a prefix; a Pods metric has no choice of resource at all."""
    pods = metric(DUTY_CYCLE, labels=("resource.labels.pod_name",))
    pods = pods.replace("type: External", "type: Pods").replace("external:", "pods:")
    found = []
    for one in (metric(GPU_UTIL, labels=("exported_pod",)), pods):
        policy = load(joined(hpa(one), DEPLOYMENT, EXPORTER))
        found += signals(policy, resolve(policy))
    bare, of_pods = found
    assert 'refuses its selector: Metric label: "exported_pod"' in bare.reason
    assert "metric.labels.NAME, resource.labels.NAME" in bare.hint
    assert '"resource.labels.pod_name" is not allowed' in of_pods.reason
    assert of_pods.hint.endswith("the adapter names namespace and pods by itself")


def test_an_upper_case_name_is_told_all_that_its_metric_is_told(load):
    """It is asked for in lower case, so the same rules hold, and no monitor is missed."""
    policy = load(joined(hpa(metric(DUTY_CYCLE.replace("duty", "Duty"))), DEPLOYMENT))
    assert apply("scrape-target", policy) == []
    assert verdicts(apply("busy-not-load", policy)) == ["warning"]
    (finding,) = apply("external-upper-case", policy)
    assert (finding.verdict, finding.hint) == ("warning", "write it in lower case")
