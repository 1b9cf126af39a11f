"""The spec of an `autoscaling/v2` HorizontalPodAutoscaler, as documents hold it.

Specs are read from users' manifests (`decode_spec`), completed by `defaults` and judged by
`validation`. Like in the API's own types, enumerations are open strings here: what is no member is
refused by validation, together with every other problem, and not by the decoder on its own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from scalecert.hpa.arithmetic import MAX_INT32, MIN_INT32
from scalecert.hpa.quantity import Quantity
from scalecert.scalars import decode_hook

Int32 = Annotated[int, msgspec.Meta(ge=MIN_INT32, le=MAX_INT32)]


class MetricSourceType(StrEnum):
    """Where a metric comes from; members of `MetricSpec.type`."""

    OBJECT = "Object"
    PODS = "Pods"
    RESOURCE = "Resource"
    CONTAINER_RESOURCE = "ContainerResource"
    EXTERNAL = "External"


class MetricTargetType(StrEnum):
    """How a metric is compared with its target; members of `MetricTarget.type`."""

    UTILIZATION = "Utilization"
    VALUE = "Value"
    AVERAGE_VALUE = "AverageValue"


class ScalingPolicySelect(StrEnum):
    """Which of several scaling policies counts; members of `HPAScalingRules.select_policy`."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class HPAScalingPolicyType(StrEnum):
    """The unit of a scaling policy's value; members of `HPAScalingPolicy.type`."""

    PODS = "Pods"
    PERCENT = "Percent"


class Document(
    msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """Base of what is read from manifests: camelCase names, unknown fields refused."""


class LabelSelectorRequirement(Document, frozen=True):
    """One expression of a label selector."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(Document, frozen=True):
    """Labels that must all match; an empty one matches everything."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()

    def __str__(self) -> str:
        """Return the text that the controller's messages show (generated code upstream)."""
        labels = "".join(f"{key}: {self.match_labels[key]}," for key in sorted(self.match_labels))
        expressions = "".join(
            f"LabelSelectorRequirement{{Key:{one.key},Operator:{one.operator},"
            f"Values:[{' '.join(one.values)}],}},"
            for one in self.match_expressions
        )
        return (
            f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
            f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
        )


class CrossVersionObjectReference(Document, frozen=True):
    """Names an object of the same namespace."""

    kind: str = ""
    name: str = ""
    api_version: str = ""


class MetricIdentifier(Document, frozen=True):
    """A metric by name, and by the labels of its series."""

    name: str = ""
    selector: LabelSelector | None = None


class MetricTarget(Document, frozen=True):
    """What a metric is held to. `average_utilization` is in percent of the pods' requests."""

    type: str = ""
    value: Quantity | None = None
    average_value: Quantity | None = None
    average_utilization: Int32 | None = None


class ObjectMetricSource(Document, frozen=True):
    """A metric that describes one Kubernetes object."""

    described_object: CrossVersionObjectReference = CrossVersionObjectReference()
    target: MetricTarget = MetricTarget()
    metric: MetricIdentifier = MetricIdentifier()


class PodsMetricSource(Document, frozen=True):
    """A metric of each pod, averaged over pods."""

    metric: MetricIdentifier = MetricIdentifier()
    target: MetricTarget = MetricTarget()


class ResourceMetricSource(Document, frozen=True):
    """CPU, memory or another resource of whole pods, from the resource metrics API."""

    name: str = ""
    target: MetricTarget = MetricTarget()


class ContainerResourceMetricSource(Document, frozen=True):
    """The same, of one container of each pod."""

    name: str = ""
    target: MetricTarget = MetricTarget()
    container: str = ""


class ExternalMetricSource(Document, frozen=True):
    """A metric that belongs to no Kubernetes object; all series that match are summed."""

    metric: MetricIdentifier = MetricIdentifier()
    target: MetricTarget = MetricTarget()


class MetricSpec(Document, frozen=True):
    """One metric to scale on: `type` says which of the sources is set."""

    type: str = ""
    object: ObjectMetricSource | None = None
    pods: PodsMetricSource | None = None
    resource: ResourceMetricSource | None = None
    container_resource: ContainerResourceMetricSource | None = None
    external: ExternalMetricSource | None = None

    @property
    def identifier(self) -> MetricIdentifier | None:
        """The metric of an Object, Pods or External source; None for a resource."""
        source = self.object or self.pods or self.external
        return source.metric if source else None

    @property
    def name(self) -> str:
        """What the source names: a metric, or a resource; empty without a source."""
        resource = self.resource or self.container_resource
        if resource:
            return resource.name
        return self.identifier.name if self.identifier else ""

    @property
    def target(self) -> MetricTarget:
        """What the source is held to; an empty target without a source."""
        named = self.object or self.pods or self.external
        source = named or self.resource or self.container_resource
        return source.target if source else MetricTarget()


class HPAScalingPolicy(Document, frozen=True):
    """How many pods, or percent of them, may come or go in a period."""

    type: str = ""
    value: Int32 = 0
    period_seconds: Int32 = 0


class HPAScalingRules(Document, frozen=True):
    """Limits in one direction; None means the default of that direction."""

    stabilization_window_seconds: Int32 | None = None
    select_policy: str | None = None
    policies: tuple[HPAScalingPolicy, ...] | None = None
    tolerance: Quantity | None = None


class HorizontalPodAutoscalerBehavior(Document, frozen=True):
    """Rules for scaling up and down. An empty one is not the same as none at all."""

    scale_up: HPAScalingRules | None = None
    scale_down: HPAScalingRules | None = None


class HorizontalPodAutoscalerSpec(Document, frozen=True):
    """The autoscaling policy of one target."""

    scale_target_ref: CrossVersionObjectReference = CrossVersionObjectReference()
    min_replicas: Int32 | None = None
    max_replicas: Int32 = 0
    metrics: tuple[MetricSpec, ...] = ()
    behavior: HorizontalPodAutoscalerBehavior | None = None


def without_nulls(document: object) -> object:
    """Return the document without fields that are null: to the API they are absent.

    Labels are no fields: one that is null is an empty one.
    """
    if isinstance(document, dict):
        return {
            key: _labels(one) if key == "matchLabels" else without_nulls(one)
            for key, one in document.items()
            if one is not None
        }
    if isinstance(document, list):
        return [without_nulls(one) for one in document]
    return document


def _labels(document: object) -> object:
    if not isinstance(document, dict):
        return document
    return {key: "" if one is None else one for key, one in document.items()}


def decode_spec(document: object) -> HorizontalPodAutoscalerSpec:
    """Read `spec` of an HPA from a parsed manifest (dicts, lists, scalars), without defaults.

    Raises:
        msgspec.ValidationError: an unknown field, a wrong type, a bad quantity; with its path.
    """
    return msgspec.convert(
        without_nulls(document), HorizontalPodAutoscalerSpec, dec_hook=decode_hook
    )
