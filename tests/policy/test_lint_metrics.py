"""Rules of lint on metrics and targets: each has a case that it finds, and one that it lets be."""

from __future__ import annotations

import pytest

from scalecert.metrics.gke.monitored_resources import K8S_CONTAINER
from scalecert.policy.loading import load_policies
from scalecert.policy.resolve import resolve
from scalecert.policy.signals import signals

from .conftest import DEPLOYMENT, HPA, MONITORING, WHOLE, changed, joined
from .linted import (
    DUTY_CYCLE,
    EXPORTED,
    EXPORTER,
    FB_USED,
    GPU_UTIL,
    IN_CAPITALS,
    OWN,
    RUNNING,
    WAITING,
    apply,
    hpa,
    metric,
    verdicts,
    with_gpus,
)

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
