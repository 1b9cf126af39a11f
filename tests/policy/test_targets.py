"""Targets: what of Deployment, StatefulSet and LeaderWorkerSet is read, with the API's defaults."""

from __future__ import annotations

import pytest

from scalecert.errors import UsageError
from scalecert.policy.model import Probe

from .conftest import DEPLOYMENT, HPA, changed, joined

GROUPS = """\
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: llm}
spec:
  replicas: 2
  leaderWorkerTemplate:
    size: 4
    leaderTemplate:
      metadata: {labels: {role: leader}}
      spec:
        containers:
        - {name: vllm, image: "vllm/vllm-openai:v0.14.0", args: [serve, a/b]}
    workerTemplate:
      spec:
        containers:
        - {name: worker, image: "vllm/vllm-openai:v0.14.0"}
"""


def targeted(kind: str) -> str:
    return HPA.replace("kind: Deployment", f"kind: {kind}")


def container(load, field: str):
    """Load the Deployment with one more field on its container."""
    spoilt = changed(DEPLOYMENT, "      - name: vllm\n", f"      - name: vllm\n        {field}\n")
    return load(joined(HPA, spoilt)).target.template.containers[0]


def test_a_stateful_set(load):
    """A StatefulSet is a target like a Deployment; how it orders pods is kept."""
    text = DEPLOYMENT.replace("kind: Deployment", "kind: StatefulSet")
    target = load(joined(targeted("StatefulSet"), text)).target
    assert (target.kind, target.pod_management, target.pods_per_replica) == (
        "StatefulSet",
        "OrderedReady",
        1,
    )
    text = text.replace("spec:\n  selector", "spec:\n  podManagementPolicy: Parallel\n  selector")
    assert load(joined(targeted("StatefulSet"), text)).target.pod_management == "Parallel"


def test_a_leader_worker_set(load):
    """Its replicas are groups; the leader serves, and is what its scale selects."""
    target = load(joined(targeted("LeaderWorkerSet"), GROUPS)).target
    assert (target.replicas, target.pods_per_replica) == (2, 4)
    assert target.serving.containers[0].name == "vllm"
    assert target.selector.matches(target.serving.labels)
    assert not target.selector.matches(target.template.labels)
    assert target.serving.labels["role"] == "leader"
    alone = GROUPS[: GROUPS.index("    leaderTemplate")] + GROUPS[GROUPS.index("    worker") :]
    target = load(joined(targeted("LeaderWorkerSet"), alone)).target
    assert target.serving.containers[0].name == "worker"
    assert target.selector.matches(target.serving.labels)


def test_probes_have_the_apis_defaults(load):
    """What a probe leaves out is what the API server fills in."""
    readiness = container(load, "").readiness
    assert readiness == Probe(path="/health", port="http")
    assert (readiness.period_seconds, readiness.failure_threshold) == (10.0, 3)
    assert container(load, "").startup is None


@pytest.mark.parametrize(
    ("hook", "seconds"),
    [
        ("sleep: {seconds: 10}", 10.0),
        ("exec: {command: [/bin/sh, -c, 'sleep 15 && kill 1']}", 15.0),
        ("exec: {command: [sleep, '5']}", 5.0),
        ("exec: {command: [/drain]}", 0.0),
        ("httpGet: {port: 1}", 0.0),
    ],
)
def test_pre_stop_sleeps(load, hook, seconds):
    """The sleep of a preStop hook keeps the server alive for so long after the deletion."""
    assert container(load, f"lifecycle: {{preStop: {{{hook}}}}}").pre_stop_seconds == seconds


def test_secrets_are_not_looked_at(load):
    """Variables with references are known by name only."""
    field = "env: [{name: A, value: x}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}]"
    read = container(load, field)
    assert (read.env, read.hidden_env) == ({"A": "x"}, ("B",))


def test_requests_are_the_limits_where_none_are_given(load):
    """The API server copies limits to missing requests."""
    read = container(load, "")
    assert read.requests["nvidia.com/gpu"] == read.limits["nvidia.com/gpu"]


def test_required_node_affinity_names_the_accelerator(load):
    """A required affinity with one value says as much as a nodeSelector."""
    affinity = (
        "      affinity:\n        nodeAffinity:\n"
        "          requiredDuringSchedulingIgnoredDuringExecution:\n"
        "            nodeSelectorTerms:\n            - matchExpressions:\n"
        "              - {key: gpu, operator: In, values: [l4]}\n"
        "              - {key: zone, operator: In, values: [a, b]}\n"
        "      nodeSelector:\n"
    )
    text = changed(DEPLOYMENT, "      nodeSelector:\n", affinity)
    labels = load(joined(HPA, text)).target.template.node_labels
    assert labels == {"gpu": "l4", "cloud.google.com/gke-accelerator": "nvidia-l4"}


def test_a_probe_of_zeros_is_the_apis_default(load):
    """The API server fills in what is 0 as if it had been left out."""
    zeros = "{periodSeconds: 0, timeoutSeconds: 0, successThreshold: 0, failureThreshold: 0}"
    assert container(load, f"startupProbe: {zeros}").startup == Probe()


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("startupProbe: {periodSeconds: -1}", "periodSeconds -1, expected 0 to"),
        ("startupProbe: {initialDelaySeconds: 9999999999}", "expected 0 to 2147483647"),
        ("lifecycle: {preStop: {sleep: {seconds: -5}}}", "seconds -5, expected 0 or more"),
    ],
)
def test_times_that_the_api_server_refuses(load, field: str, problem: str):
    """A pod with such a template is never created."""
    with pytest.raises(UsageError, match=problem):
        container(load, field)


def test_a_grace_below_zero_is_refused(load):
    """As the API server does."""
    spoilt = changed(
        DEPLOYMENT,
        "      containers:\n",
        "      terminationGracePeriodSeconds: -1\n      containers:\n",
    )
    with pytest.raises(UsageError, match="terminationGracePeriodSeconds -1, expected 0 or more"):
        load(joined(HPA, spoilt))
