"""The status of an `autoscaling/v2` HorizontalPodAutoscaler, as the controller keeps it.

Times are integer milliseconds of the caller's clock, and fields that hold one are named so.
"""

from __future__ import annotations

from enum import StrEnum

from scalecert.hpa.quantity import Quantity
from scalecert.hpa.types import CrossVersionObjectReference, Document, MetricIdentifier


class ConditionType(StrEnum):
    """The conditions of an HPA's status."""

    SCALING_ACTIVE = "ScalingActive"
    ABLE_TO_SCALE = "AbleToScale"
    SCALING_LIMITED = "ScalingLimited"
    SCALED_TO_ZERO = "ScaledToZero"


class MetricValueStatus(Document, frozen=True):
    """The last known value of a metric, in the fields that its target has."""

    value: Quantity | None = None
    average_value: Quantity | None = None
    average_utilization: int | None = None


class ObjectMetricStatus(Document, frozen=True):
    """The last known state of an Object metric."""

    metric: MetricIdentifier
    current: MetricValueStatus
    described_object: CrossVersionObjectReference


class PodsMetricStatus(Document, frozen=True):
    """The last known state of a Pods metric."""

    metric: MetricIdentifier
    current: MetricValueStatus


class ResourceMetricStatus(Document, frozen=True):
    """The last known state of a Resource metric."""

    name: str
    current: MetricValueStatus


class ContainerResourceMetricStatus(Document, frozen=True):
    """The last known state of a ContainerResource metric."""

    name: str
    current: MetricValueStatus
    container: str


class ExternalMetricStatus(Document, frozen=True):
    """The last known state of an External metric."""

    metric: MetricIdentifier
    current: MetricValueStatus


class MetricStatus(Document, frozen=True):
    """The last known state of one metric; all empty where it could not be computed."""

    type: str = ""
    object: ObjectMetricStatus | None = None
    pods: PodsMetricStatus | None = None
    resource: ResourceMetricStatus | None = None
    container_resource: ContainerResourceMetricStatus | None = None
    external: ExternalMetricStatus | None = None

    @property
    def current(self) -> MetricValueStatus | None:
        """The value, whichever the source; None where it could not be computed."""
        source = (
            self.object or self.pods or self.resource or self.container_resource or self.external
        )
        return source.current if source else None


class HorizontalPodAutoscalerCondition(Document, frozen=True):
    """One condition. `status` is "True", "False" or "Unknown"."""

    type: str
    status: str
    last_transition_time_ms: int
    reason: str
    message: str


class HorizontalPodAutoscalerStatus(Document, frozen=True):
    """What the controller reports about an HPA. `current_replicas` is the scale's spec.replicas."""

    last_scale_time_ms: int | None = None
    current_replicas: int = 0
    desired_replicas: int = 0
    current_metrics: tuple[MetricStatus, ...] = ()
    conditions: tuple[HorizontalPodAutoscalerCondition, ...] = ()
