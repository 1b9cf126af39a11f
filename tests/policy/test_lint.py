"""Rules of lint on scrapes and metrics: each has a case that it finds, and one that it lets be."""

from __future__ import annotations

import dataclasses

import pytest

from scalecert.engines.base import MetricsEndpoint
from scalecert.metrics.gke.monitored_resources import K8S_CONTAINER
from scalecert.policy.lint import RULES, facts_of
from scalecert.policy.loading import load_policies
from scalecert.policy.resolve import resolve
from scalecert.policy.scraping import scrape_problem
from scalecert.policy.signals import signals

from .conftest import DEPLOYMENT, HPA, MONITORING, WHOLE, changed, joined

RUNNING = "prometheus.googleapis.com|vllm:num_requests_running|gauge"
WAITING = RUNNING.replace("running", "waiting")
GPU_UTIL = "prometheus.googleapis.com|dcgm_fi_dev_gpu_util|unknown"
DUTY_CYCLE = "kubernetes.io|container|accelerator|duty_cycle"
FB_USED = "prometheus.googleapis.com|dcgm_fi_dev_fb_used|unknown"
OWN = ("resource.labels.namespace", "metric.labels.container")
EXPORTED = ("metric.labels.exported_namespace", "metric.labels.exported_container")
EXPORTER = """\
apiVersion: monitoring.googleapis.com/v1
kind: PodMonitoring
metadata: {name: dcgm, namespace: gmp-public}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: nvidia-dcgm-exporter}
  endpoints:
  - port: metrics
    metricRelabeling:
    - {sourceLabels: [__name__], regex: DCGM_FI_DEV_GPU_UTIL, targetLabel: __name__,
       replacement: dcgm_fi_dev_gpu_util}
    - {sourceLabels: [__name__], regex: DCGM_FI_DEV_FB_USED, targetLabel: __name__,
       replacement: dcgm_fi_dev_fb_used}
"""
IN_CAPITALS = EXPORTER[: EXPORTER.index("    metricRelabeling")]


def metric(name, target="85", labels=(), type_="AverageValue"):
    """Return an External metric of an HPA as text."""
    selector = "".join(f"            {label}: x\n" for label in labels)
    chosen = f"        selector:\n          matchLabels:\n{selector}" if labels else ""
    field = {"AverageValue": "averageValue", "Value": "value"}[type_]
    return (
        f"  - type: External\n    external:\n      metric:\n        name: {name}\n{chosen}"
        f'      target: {{type: {type_}, {field}: "{target}"}}\n'
    )


def hpa(*metrics):
    """Return the sound policy's HPA with other metrics."""
    return HPA[: HPA.index("  - type: Pods")] + "".join(metrics)


def apply(rule_id, policy, resolved=None):
    """Return what one rule finds."""
    (rule,) = (rule for rule in RULES if rule.id == rule_id)
    return list(rule.function(facts_of(policy, resolved or resolve(policy))))


def verdicts(findings):
    return [one.verdict for one in findings]


def with_gpus(text, count):
    return text.replace("nvidia.com/gpu: 1", f"nvidia.com/gpu: {count}")


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


# Thresholds


BEHAVIOR = "  behavior: {scaleUp: {policies: [{type: Pods, value: 2, periodSeconds: 60}]}}\n"


@pytest.mark.parametrize(
    ("name", "target", "behavior", "expected"),
    [
        (WAITING, "5", "", ["warning"]),
        (WAITING, "5", BEHAVIOR, ["pass"]),
        (WAITING, "5", "  behavior: {scaleDown: {stabilizationWindowSeconds: 300}}\n", ["warning"]),
        (WAITING, "10", "", []),
        (RUNNING, "5", "", []),
    ],
)
def test_a_short_queue_wants_policies_for_scaling_up(load, name, target, behavior, expected):
    """Under 10 waiting requests the defaults are not a choice."""
    text = changed(changed(WHOLE, RUNNING, name), '"10"', f'"{target}"')
    policy = load(changed(text, "  metrics:\n", f"{behavior}  metrics:\n"))
    assert verdicts(apply("low-threshold", policy)) == expected


# Whose series


@pytest.mark.parametrize(
    ("name", "labels", "verdict", "message"),
    [
        (WAITING, (), "fail", "does not name the namespace or the pods"),
        (WAITING, OWN[:1], "warning", "does not name the pods"),
        (WAITING, OWN[1:], "warning", "does not name the namespace"),
        (WAITING, OWN, "pass", "names namespace and pods"),
        (WAITING, ("metric.labels.model_name",), "warning", "does not name the namespace"),
        (WAITING, (*OWN[:1], "resource.labels.job"), "pass", "names namespace and pods"),
        (WAITING, ("metadata.user_labels.app",), "warning", "does not name the namespace"),
        (WAITING, ("resource.labels.cluster",), "fail", "does not name the namespace or the pods"),
        (GPU_UTIL, (), "fail", "does not name the namespace or the pods"),
        (GPU_UTIL, EXPORTED, "pass", "names namespace and pods"),
        (GPU_UTIL, OWN, "fail", "does not name the namespace or the pods"),
        (
            DUTY_CYCLE,
            ("resource.labels.container_name", "resource.labels.namespace_name"),
            "pass",
            "names namespace and pods",
        ),
    ],
)
def test_an_external_metric_is_a_sum_over_the_whole_project(load, name, labels, verdict, message):
    """Its selector has to leave neighbours out: of other namespaces, and of the same."""
    text = joined(hpa(metric(name, labels=labels)), DEPLOYMENT, EXPORTER)
    (finding,) = apply("external-identity", load(text))
    assert (finding.verdict, message in finding.message) == (verdict, True)
    if name == GPU_UTIL:  # a series that no scrape has renamed is of the same page
        (found,) = apply("external-identity", load(text.replace(EXPORTER, IN_CAPITALS)))
        assert found.verdict == verdict


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (WAITING, "resource.labels.namespace and metric.labels.container"),
        (GPU_UTIL, "metric.labels.exported_namespace and metric.labels.exported_container"),
        (DUTY_CYCLE, "resource.labels.namespace_name and resource.labels.container_name"),
    ],
)
def test_the_labels_to_add_are_those_that_such_series_have(load, name, labels):
    """An exporter's own namespace and container are not those of the pods it tells of."""
    (finding,) = apply("external-identity", load(joined(hpa(metric(name)), DEPLOYMENT, EXPORTER)))
    assert finding.hint == f"add matchLabels {labels}"


@pytest.mark.parametrize(
    ("name", "label", "reason", "hint"),
    [
        (
            WAITING,
            "metric.labels.namespace",
            "namespace is a label of its resource, not of the metric",
            "write resource.labels.namespace",
        ),
        (
            WAITING,
            "resource.labels.pod",
            "its resource, a prometheus_target, has no label pod",
            "resource.labels: project_id, location, cluster, namespace, job, instance",
        ),
        (
            DUTY_CYCLE,
            "resource.labels.namespace",
            "its resource, a k8s_container, has no label namespace",
            f"resource.labels: {', '.join(K8S_CONTAINER.labels)}",
        ),
    ],
)
def test_a_label_is_the_metrics_or_its_resources(load, name, label, reason, hint):
    """Under the other prefix it selects nothing, and the metric has no value."""
    policy = load(joined(hpa(metric(name, labels=(label,))), DEPLOYMENT))
    (signal,) = signals(policy, resolve(policy))
    assert (signal.exists, signal.reason, signal.hint) == (False, reason, hint)


def test_labels_in_their_places_select(load):
    """Each of a metric's own and of its resource's labels is taken."""
    for name, labels in (
        (WAITING, (*OWN, "resource.labels.job", "metric.labels.model_name")),
        (DUTY_CYCLE, ("resource.labels.pod_name", "metric.labels.model")),
    ):
        policy = load(joined(hpa(metric(name, labels=labels)), DEPLOYMENT))
        (signal,) = signals(policy, resolve(policy))
        assert signal.exists, signal.reason


def test_metrics_of_pods_and_of_prometheus_adapter_are_the_namespaces_own(load):
    """Pods metrics are of the scaled pods; prometheus-adapter adds the namespace by itself."""
    assert apply("external-identity", load(WHOLE)) == []
    assert apply("external-identity", load(joined(hpa(metric("queue")), DEPLOYMENT))) == []


@pytest.mark.parametrize(
    ("monitor", "verdict", "exists"), [(IN_CAPITALS, "fail", False), (EXPORTER, "warning", True)]
)
def test_an_upper_case_external_name_is_asked_for_in_lower_case(load, monitor, verdict, exists):
    """It is found only where the scrape renames the series, and so is the name in lower case."""
    capitals = "prometheus.googleapis.com|DCGM_FI_DEV_GPU_UTIL|unknown"
    policy = load(joined(hpa(metric(capitals)), DEPLOYMENT, monitor))
    (finding,) = apply("external-upper-case", policy)
    assert finding.verdict == verdict
    assert f"asked for as {GPU_UTIL}" in finding.message
    lower = load(joined(hpa(metric(GPU_UTIL)), DEPLOYMENT, monitor))
    assert apply("external-upper-case", lower) == []
    (signal,) = signals(lower, resolve(lower))
    assert (signal.exists, "renames it to lower case" in signal.reason) == (exists, not exists)
    assert apply("external-upper-case", load(WHOLE)) == []


# What they tell


@pytest.mark.parametrize(
    ("gpus", "target", "type_", "expected"),
    [
        (4, "85", "AverageValue", ["warning"]),
        (4, "340", "AverageValue", []),
        (4, "85", "Value", []),
        (1, "85", "AverageValue", []),
    ],
)
def test_the_accelerators_of_a_pod_are_added_up(load, gpus, target, type_, expected):
    """Four GPUs at 85 make 340 a pod, which AverageValue does not divide by four."""
    text = joined(hpa(metric(GPU_UTIL, target, EXPORTED, type_)), DEPLOYMENT, EXPORTER)
    policy = load(with_gpus(text, gpus))
    found = apply("summed-accelerators", policy, resolve(policy, "vllm_llama-2-7b_l4"))
    assert verdicts(found) == expected
    if found:
        assert "4 accelerators" in found[0].message
        assert "write 340 (4 x 85)" in found[0].hint


@pytest.mark.parametrize(
    ("name", "target", "expected", "hint"),
    [
        (DUTY_CYCLE, "850m", ["fail"], "did you mean 85?"),
        (DUTY_CYCLE, "85", [], ""),
        ("kubernetes.io|container|accelerator|memory_used", "85", ["fail"], "such as 40Gi"),
        ("kubernetes.io|container|accelerator|memory_used", "40Gi", [], ""),
        (RUNNING, "500m", [], ""),
    ],
)
def test_a_target_that_any_use_exceeds_is_in_another_unit(load, name, target, expected, hint):
    """The mirror of a target out of reach: such a fleet goes to maxReplicas and stays there."""
    found = apply("target-unit", load(joined(hpa(metric(name, target)), DEPLOYMENT)))
    assert verdicts(found) == expected
    assert all(hint in one.hint for one in found)


def test_a_queue_beside_the_memory_hardly_ever_decides(load):
    """Memory fills before requests wait; each alone has its use."""
    queue = metric(WAITING, "10", OWN)
    memory = metric(FB_USED, "20000", EXPORTED)
    both = load(joined(hpa(queue, memory), DEPLOYMENT, MONITORING, EXPORTER))
    (finding,) = apply("conflicting-signals", both)
    assert (finding.verdict, f"before {WAITING} does" in finding.message) == ("warning", True)
    for alone in (queue, memory):
        text = joined(hpa(alone), DEPLOYMENT, MONITORING, EXPORTER)
        assert apply("conflicting-signals", load(text)) == []


CPU = """\
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}
"""


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (metric(GPU_UTIL), ["warning"]),
        (metric(DUTY_CYCLE), ["warning"]),
        (CPU, ["warning"]),
        (CPU.replace("name: cpu", "name: memory"), []),
        (metric(FB_USED), []),
        (metric(WAITING), []),
    ],
)
def test_whether_something_runs_is_no_load(load, one, expected):
    """Duty cycle, GPU utilization and CPU say that a server works, not how much."""
    assert (
        verdicts(apply("busy-not-load", load(joined(hpa(one), DEPLOYMENT, EXPORTER)))) == expected
    )


def test_two_hpas_for_one_target_would_scale_nothing_together(tmp_path):
    """Alternatives in one input are judged one by one, and it is said that they can't be both."""
    other = HPA.replace("name: llm\nspec", "name: b\nspec")
    apart = [text.replace("name: llm", "name: c") for text in (HPA, DEPLOYMENT)]
    file = tmp_path / "in.yaml"
    file.write_text(joined(HPA, other, DEPLOYMENT, *apart))
    first, second, third = load_policies([str(file)])
    assert (first.rivals, second.rivals, third.rivals) == (("b",), ("llm",), ())
    (finding,) = apply("one-autoscaler", first)
    assert finding.message.startswith("b of the input too would scale Deployment llm")
    assert apply("one-autoscaler", third) == []
