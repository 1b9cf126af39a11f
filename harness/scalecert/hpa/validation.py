"""What the API server refuses in an HPA (pkg/apis/autoscaling/validation, at create).

Works on a spec with or without defaults and reports every problem, in the order of the document.
What is no number, no quantity or an unknown field is refused before, by `types.decode_spec`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from scalecert.hpa.names import (
    is_container_resource_name,
    is_dns1123_label,
    is_dns1123_subdomain,
    is_path_segment_name,
)
from scalecert.hpa.quantity import Quantity
from scalecert.hpa.types import (
    ContainerResourceMetricSource,
    CrossVersionObjectReference,
    ExternalMetricSource,
    HorizontalPodAutoscalerBehavior,
    HorizontalPodAutoscalerSpec,
    HPAScalingPolicy,
    HPAScalingPolicyType,
    HPAScalingRules,
    MetricIdentifier,
    MetricSourceType,
    MetricSpec,
    MetricTarget,
    MetricTargetType,
    ObjectMetricSource,
    PodsMetricSource,
    ResourceMetricSource,
    ScalingPolicySelect,
)

MAX_PERIOD_SECONDS: Final = 1800
MAX_STABILIZATION_WINDOW_SECONDS: Final = 3600


class FieldError(NamedTuple):
    """A field that the API server would refuse.

    Args:
        field: its path, such as `spec.metrics[0].pods.target.averageValue`.
        problem: what was found and what is expected.
    """

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


def validate_horizontal_pod_autoscaler_name(name: str) -> list[FieldError]:
    """Return what is wrong with `metadata.name`."""
    if is_dns1123_subdomain(name):
        return []
    expected = "lower-case letters, digits, '-' and '.', at most 253 characters"
    return [FieldError("metadata.name", f"{name!r} is not a DNS subdomain: {expected}")]


def validate_horizontal_pod_autoscaler_spec(
    spec: HorizontalPodAutoscalerSpec, *, scale_to_zero: bool = False
) -> list[FieldError]:
    """Return what is wrong with the spec; nothing if the API server would take it.

    Args:
        spec: the spec.
        scale_to_zero: whether the gate HPAScaleToZero is on.
    """
    return [
        *_replicas(spec, 0 if scale_to_zero else 1),
        *_target_reference(spec.scale_target_ref, "spec.scaleTargetRef"),
        *_metrics(spec),
        *_behavior(spec.behavior),
    ]


def _replicas(spec: HorizontalPodAutoscalerSpec, lower_bound: int) -> Iterator[FieldError]:
    lowest, highest = spec.min_replicas, spec.max_replicas
    if lowest is not None and lowest < lower_bound:
        hint = "" if lower_bound == 0 or lowest else " (0 needs the feature gate HPAScaleToZero)"
        yield FieldError(
            "spec.minReplicas", f"{lowest} must be greater than or equal to {lower_bound}{hint}"
        )
    if highest < 1:
        yield FieldError("spec.maxReplicas", f"{highest} must be set and greater than 0")
    if lowest is not None and highest < lowest:
        yield FieldError(
            "spec.maxReplicas", f"{highest} must be greater than or equal to minReplicas ({lowest})"
        )


def _target_reference(reference: CrossVersionObjectReference, path: str) -> Iterator[FieldError]:
    yield from _reference(reference, path)
    # the one scalable kind of the core group
    if reference.kind != "ReplicationController" and not _api_group(reference.api_version):
        yield FieldError(
            f"{path}.apiVersion",
            f"{reference.api_version!r} must specify an API group (such as apps/v1)",
        )


def _reference(reference: CrossVersionObjectReference, path: str) -> Iterator[FieldError]:
    yield from _path_segment(reference.kind, f"{path}.kind")
    yield from _path_segment(reference.name, f"{path}.name")
    if reference.api_version.count("/") > 1:
        yield FieldError(
            f"{path}.apiVersion", f"{reference.api_version!r} is not group/version or version"
        )


def _api_group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _path_segment(name: str, path: str) -> Iterator[FieldError]:
    if not name:
        yield FieldError(path, "is required")
    elif not is_path_segment_name(name):
        yield FieldError(path, f"{name!r} may not be '.' or '..' or contain '/' or '%'")


def _one_of(value: str, allowed: type[StrEnum], path: str) -> Iterator[FieldError]:
    if not value:
        yield FieldError(path, f"is required: one of {', '.join(allowed)}")
    elif value not in set(allowed):
        yield FieldError(path, f"{value!r} is not supported: one of {', '.join(allowed)}")


def _metrics(spec: HorizontalPodAutoscalerSpec) -> Iterator[FieldError]:
    for index, metric in enumerate(spec.metrics):
        yield from _metric(metric, f"spec.metrics[{index}]")
    outside = {MetricSourceType.OBJECT, MetricSourceType.EXTERNAL}
    if spec.min_replicas == 0 and outside.isdisjoint(metric.type for metric in spec.metrics):
        yield FieldError(
            "spec.metrics",
            "must specify at least one Object or External metric to support scaling to zero",
        )


def _metric(metric: MetricSpec, path: str) -> Iterator[FieldError]:
    yield from _one_of(metric.type, MetricSourceType, f"{path}.type")
    if metric.object is not None:
        yield from _object_source(metric.object, f"{path}.object")
    if metric.external is not None:
        yield from _external_source(metric.external, f"{path}.external")
    if metric.pods is not None:
        yield from _pods_source(metric.pods, f"{path}.pods")
    if metric.resource is not None:
        yield from _resource_source(metric.resource, f"{path}.resource")
    if metric.container_resource is not None:
        yield from _container_source(metric.container_resource, f"{path}.containerResource")
    yield from _one_source(metric, path)


def _one_source(metric: MetricSpec, path: str) -> Iterator[FieldError]:
    """Check that the source of the metric's type is there, and no other beside it."""
    sources = {
        MetricSourceType.OBJECT: ("object", metric.object),
        MetricSourceType.PODS: ("pods", metric.pods),
        MetricSourceType.RESOURCE: ("resource", metric.resource),
        MetricSourceType.CONTAINER_RESOURCE: ("containerResource", metric.container_resource),
        MetricSourceType.EXTERNAL: ("external", metric.external),
    }
    present = [kind for kind, (_, source) in sources.items() if source is not None]
    for kind, (name, _) in sources.items():
        if kind == metric.type and kind not in present:
            yield FieldError(f"{path}.{name}", f"is required for a metric of type {metric.type}")
        elif kind != metric.type and kind in present and len(present) > 1:
            yield FieldError(f"{path}.{name}", f"must not be set for type {metric.type!r}")


def _object_source(source: ObjectMetricSource, path: str) -> Iterator[FieldError]:
    yield from _reference(source.described_object, f"{path}.describedObject")
    yield from _identifier(source.metric, f"{path}.metric")
    yield from _target(source.target, f"{path}.target")
    if source.target.value is None and source.target.average_value is None:
        yield FieldError(f"{path}.target", "must set either value or averageValue")


def _external_source(source: ExternalMetricSource, path: str) -> Iterator[FieldError]:
    yield from _identifier(source.metric, f"{path}.metric")
    yield from _target(source.target, f"{path}.target")
    values = (source.target.value, source.target.average_value)
    if values == (None, None):
        yield FieldError(f"{path}.target", "must set either value or averageValue")
    if None not in values:
        yield FieldError(f"{path}.target.value", "must not be set together with averageValue")


def _pods_source(source: PodsMetricSource, path: str) -> Iterator[FieldError]:
    yield from _identifier(source.metric, f"{path}.metric")
    yield from _target(source.target, f"{path}.target")
    if source.target.average_value is None:
        yield FieldError(f"{path}.target.averageValue", "is required")


def _resource_source(source: ResourceMetricSource, path: str) -> Iterator[FieldError]:
    if not source.name:
        yield FieldError(f"{path}.name", "must specify a resource name")
    yield from _usage_target(source.target, f"{path}.target")


def _container_source(source: ContainerResourceMetricSource, path: str) -> Iterator[FieldError]:
    if not is_container_resource_name(source.name):
        yield FieldError(
            f"{path}.name", f"{source.name!r} is not a resource that a container can request"
        )
    if not is_dns1123_label(source.container):
        yield FieldError(f"{path}.container", f"{source.container!r} is not a container's name")
    yield from _usage_target(source.target, f"{path}.target")


def _usage_target(target: MetricTarget, path: str) -> Iterator[FieldError]:
    """Check the target of a resource: utilization or average usage, not both."""
    yield from _target(target, path)
    if target.average_utilization is None and target.average_value is None:
        yield FieldError(path, "must set either averageUtilization or averageValue")
    if target.average_utilization is not None and target.average_value is not None:
        yield FieldError(f"{path}.averageValue", "must not be set together with averageUtilization")


def _target(target: MetricTarget, path: str) -> Iterator[FieldError]:
    yield from _one_of(target.type, MetricTargetType, f"{path}.type")
    yield from _positive(target.value, f"{path}.value")
    yield from _positive(target.average_value, f"{path}.averageValue")
    if target.average_utilization is not None and target.average_utilization < 1:
        yield FieldError(
            f"{path}.averageUtilization", f"{target.average_utilization} must be greater than 0"
        )


def _positive(quantity: Quantity | None, path: str) -> Iterator[FieldError]:
    if quantity is not None and quantity.sign != 1:
        yield FieldError(path, f"{quantity} must be positive")


def _identifier(metric: MetricIdentifier, path: str) -> Iterator[FieldError]:
    yield from _path_segment(metric.name, f"{path}.name")


def _behavior(behavior: HorizontalPodAutoscalerBehavior | None) -> Iterator[FieldError]:
    if behavior is not None:
        yield from _rules(behavior.scale_up, "spec.behavior.scaleUp")
        yield from _rules(behavior.scale_down, "spec.behavior.scaleDown")


def _rules(rules: HPAScalingRules | None, path: str) -> Iterator[FieldError]:
    if rules is None:
        return
    window = rules.stabilization_window_seconds
    if window is not None and not 0 <= window <= MAX_STABILIZATION_WINDOW_SECONDS:
        yield FieldError(
            f"{path}.stabilizationWindowSeconds",
            f"{window} must be from 0 to {MAX_STABILIZATION_WINDOW_SECONDS}",
        )
    if rules.select_policy is not None:
        yield from _one_of(rules.select_policy, ScalingPolicySelect, f"{path}.selectPolicy")
    if rules.policies == ():  # None is filled in by defaulting
        yield FieldError(f"{path}.policies", "must specify at least one policy")
    for index, policy in enumerate(rules.policies or ()):
        yield from _policy(policy, f"{path}.policies[{index}]")
    if rules.tolerance is not None and rules.tolerance.sign < 0:
        yield FieldError(f"{path}.tolerance", f"{rules.tolerance} must not be negative")


def _policy(policy: HPAScalingPolicy, path: str) -> Iterator[FieldError]:
    yield from _one_of(policy.type, HPAScalingPolicyType, f"{path}.type")
    if policy.value <= 0:
        yield FieldError(f"{path}.value", f"{policy.value} must be greater than 0")
    if not 0 < policy.period_seconds <= MAX_PERIOD_SECONDS:
        yield FieldError(
            f"{path}.periodSeconds",
            f"{policy.period_seconds} must be from 1 to {MAX_PERIOD_SECONDS}",
        )
