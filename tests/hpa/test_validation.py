"""What the API server refuses."""

from __future__ import annotations

import pytest

from scalecert.hpa.types import decode_spec
from scalecert.hpa.validation import (
    validate_horizontal_pod_autoscaler_name,
    validate_horizontal_pod_autoscaler_spec,
)

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
EXTERNAL = {
    "type": "External",
    "external": {"metric": {"name": "m"}, "target": {"type": "Value", "value": "5"}},
}
METRIC = "spec.metrics[0]"
ALL_OF_TARGET = {f"spec.scaleTargetRef.{field}" for field in ("kind", "name", "apiVersion")}


def errors(scale_to_zero: bool = False, **fields: object) -> dict[str, str]:
    spec = decode_spec({"scaleTargetRef": TARGET, "maxReplicas": 3, **fields})
    found = validate_horizontal_pod_autoscaler_spec(spec, scale_to_zero=scale_to_zero)
    return {error.field: error.problem for error in found}


def test_a_valid_spec_has_no_errors() -> None:
    """What the API server takes is taken, with and without metrics and behavior."""
    assert errors() == {}
    assert (
        errors(metrics=[EXTERNAL], behavior={"scaleUp": {"stabilizationWindowSeconds": 3600}}) == {}
    )
    replication_controller = {"apiVersion": "v1", "kind": "ReplicationController", "name": "web"}
    assert errors(scaleTargetRef=replication_controller) == {}


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"minReplicas": 0}, {"spec.minReplicas", "spec.metrics"}),
        ({"minReplicas": -1}, {"spec.minReplicas"}),
        ({"minReplicas": 4}, {"spec.maxReplicas"}),
        ({"maxReplicas": 0}, {"spec.maxReplicas"}),
        ({"maxReplicas": -2}, {"spec.maxReplicas"}),
        ({"scaleTargetRef": {}}, ALL_OF_TARGET),
        ({"scaleTargetRef": TARGET | {"apiVersion": "v1"}}, {"spec.scaleTargetRef.apiVersion"}),
        ({"scaleTargetRef": TARGET | {"apiVersion": "a/b/c"}}, {"spec.scaleTargetRef.apiVersion"}),
        ({"scaleTargetRef": TARGET | {"name": "a/b"}}, {"spec.scaleTargetRef.name"}),
        ({"scaleTargetRef": TARGET | {"kind": ".."}}, {"spec.scaleTargetRef.kind"}),
    ],
)  # fmt: skip
def test_replicas_and_target(fields: dict, where: set[str]) -> None:
    """Bounds must be in order and above zero, the target a kind with an API group."""
    assert set(errors(**fields)) == where


def test_zero_needs_the_gate_and_a_metric_without_pods() -> None:
    """With the gate, minReplicas 0 needs an Object or External metric."""
    assert errors(scale_to_zero=True, minReplicas=0, metrics=[EXTERNAL]) == {}
    assert set(errors(scale_to_zero=True, minReplicas=0)) == {"spec.metrics"}
    assert "HPAScaleToZero" in errors(minReplicas=0, metrics=[EXTERNAL])["spec.minReplicas"]


def resource(**target: object) -> dict:
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def container(name: str, container_name: str) -> dict:
    target = {"type": "Utilization", "averageUtilization": 5}
    source = {"name": name, "container": container_name, "target": target}
    return {"type": "ContainerResource", "containerResource": source}


def external(name: str = "m", **target: object) -> dict:
    return {"type": "External", "external": {"metric": {"name": name}, "target": target}}


def pods(**target: object) -> dict:
    return {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": target}}


OBJECT = {"describedObject": TARGET, "metric": {"name": "m"}, "target": {"type": "Value"}}


@pytest.mark.parametrize(
    ("metric", "where"),
    [
        ({}, {"type"}),
        ({"type": "pods"}, {"type"}),
        ({"type": "Pods"}, {"pods"}),
        ({"type": "Pods", "external": EXTERNAL["external"]}, {"pods"}),
        (EXTERNAL | {"pods": pods(type="AverageValue", averageValue=1)["pods"]}, {"pods"}),
        (pods(type="AverageValue"), {"pods.target.averageValue"}),
        (pods(type="Average", averageValue=1), {"pods.target.type"}),
        (pods(averageValue=1), {"pods.target.type"}),
        (external(type="Value"), {"external.target"}),
        (external(type="Value", value=1, averageValue=1), {"external.target.value"}),
        (external(type="Value", value=0), {"external.target.value"}),
        (external(type="Value", value="-5"), {"external.target.value"}),
        (external("", type="Value", value=1), {"external.metric.name"}),
        (external("a/b", type="Value", value=1), {"external.metric.name"}),
        ({"type": "Object", "object": OBJECT}, {"object.target"}),
        ({"type": "Object", "object": OBJECT | {"describedObject": {}, "target": {
            "type": "Value", "value": 1}}},
         {"object.describedObject.kind", "object.describedObject.name"}),
        (resource(type="Utilization"), {"resource.target"}),
        (resource(type="Utilization", averageUtilization=0),
         {"resource.target.averageUtilization"}),
        (resource(type="Utilization", averageUtilization=5, averageValue=1),
         {"resource.target.averageValue"}),
        (container("cpu", ""), {"containerResource.container"}),
        (container("cpu", "Not_A_Label"), {"containerResource.container"}),
        (container("gpu", "server"), {"containerResource.name"}),
        (container("requests.example.com/gpu", "server"), {"containerResource.name"}),
        (container("hugepages-", "server"), {"containerResource.name"}),
        (container("hugepages-2 Mi", "server"), {"containerResource.name"}),
        (container("hugepages-" + "2" * 54, "server"), {"containerResource.name"}),
    ],
)  # fmt: skip
def test_metrics(metric: dict, where: set[str]) -> None:
    """A metric has exactly the source of its type, with a name and a positive target."""
    assert set(errors(metrics=[metric])) == {f"{METRIC}.{field}" for field in where}


@pytest.mark.parametrize("name", ["memory", "nvidia.com/gpu", "hugepages-2Mi", "kubernetes.io/x"])
def test_resources_of_containers(name: str) -> None:
    """Standard, extended and native resources can be scaled on per container."""
    assert errors(metrics=[container(name, "server")]) == {}


@pytest.mark.parametrize(
    ("rules", "where"),
    [
        ({"stabilizationWindowSeconds": -1}, "stabilizationWindowSeconds"),
        ({"stabilizationWindowSeconds": 3601}, "stabilizationWindowSeconds"),
        ({"selectPolicy": "Average"}, "selectPolicy"),
        ({"policies": []}, "policies"),
        ({"policies": [{"type": "Pods", "value": 0, "periodSeconds": 1}]}, "policies[0].value"),
        ({"policies": [{"type": "Pods", "value": 1, "periodSeconds": 0}]},
         "policies[0].periodSeconds"),
        ({"policies": [{"type": "Pods", "value": 1, "periodSeconds": 1801}]},
         "policies[0].periodSeconds"),
        ({"policies": [{"type": "Pod", "value": 1, "periodSeconds": 1800}]}, "policies[0].type"),
        ({"tolerance": "-0.1"}, "tolerance"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("direction", ["scaleUp", "scaleDown"])
def test_behavior(direction: str, rules: dict, where: str) -> None:
    """Windows go up to an hour, periods to half an hour, policies and tolerance are positive."""
    assert set(errors(behavior={direction: rules})) == {f"spec.behavior.{direction}.{where}"}


def test_every_problem_is_reported() -> None:
    """All problems come at once, in the order of the document, each as one line."""
    spec = decode_spec({"scaleTargetRef": TARGET, "minReplicas": -1, "metrics": [{}]})
    found = validate_horizontal_pod_autoscaler_spec(spec)
    fields = ["spec.minReplicas", "spec.maxReplicas", f"{METRIC}.type"]
    assert [error.field for error in found] == fields
    assert str(found[0]) == "spec.minReplicas: -1 must be greater than or equal to 1"


def test_names() -> None:
    """An HPA's name is a DNS subdomain."""
    assert validate_horizontal_pod_autoscaler_name("my-hpa.v2") == []
    for name in ("", "My-HPA", "-hpa", "a" * 254):
        assert validate_horizontal_pod_autoscaler_name(name) != []
