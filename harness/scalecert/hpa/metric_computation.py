"""From one metric of the spec to a proposal and its status (computeStatusFor* of horizontal.go).

A metric that can't be computed says so twice: the condition and the event carry the plain cause,
the sync's error also says which metric it was.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from scalecert.errors import ScaleCertError
from scalecert.hpa.quantity import Quantity
from scalecert.hpa.quantity_parser import Format
from scalecert.hpa.replica_calculator import ReplicaCalculationError, ReplicaCalculator
from scalecert.hpa.selectors import SelectorError, label_selector_as_selector
from scalecert.hpa.status import (
    ContainerResourceMetricStatus,
    ExternalMetricStatus,
    MetricStatus,
    MetricValueStatus,
    ObjectMetricStatus,
    PodsMetricStatus,
    ResourceMetricStatus,
)
from scalecert.hpa.sync import ErrorLabel
from scalecert.hpa.types import (
    ContainerResourceMetricSource,
    ExternalMetricSource,
    MetricIdentifier,
    MetricSourceType,
    MetricSpec,
    MetricTarget,
    MetricTargetType,
    ObjectMetricSource,
    PodsMetricSource,
    ResourceMetricSource,
)

_NO_TARGET: Final = (
    "invalid {} metric source: neither a value target nor an average value target was set"
)


class MetricComputationError(ScaleCertError):
    """A metric could not be computed.

    Args:
        reason: of the condition ScalingActive and of the event.
        cause: their message.
        text: what the sync's error says.
        label: whose fault it was.
    """

    def __init__(
        self, reason: str, cause: str, text: str, label: ErrorLabel = ErrorLabel.INTERNAL
    ) -> None:
        self.reason, self.cause, self.label = reason, cause, label
        super().__init__(text)


class MetricResult(NamedTuple):
    """A metric that could be computed: its proposal, its name in events, its status."""

    replicas: int
    name: str
    status: MetricStatus


class Replicas(NamedTuple):
    """The target's replica counts: Object and External averages go by `status`, all else `spec`."""

    spec: int
    status: int


def build_quantity(resource: str, raw_milli: int) -> Quantity:
    """Return an amount of a resource; memory is shown with binary suffixes."""
    return Quantity.from_milli(
        raw_milli, Format.BINARY_SI if resource == "memory" else Format.DECIMAL_SI
    )


def compute_replicas_for_metric(
    spec: MetricSpec, replicas: Replicas, calculator: ReplicaCalculator, *, now_ms: int
) -> MetricResult:
    """Return what one metric proposes.

    Args:
        spec: the metric.
        replicas: of the scale target.
        calculator: of this sync.
        now_ms: when the metric's answer has come in.

    Raises:
        MetricComputationError: it could not be computed.
    """
    if spec.type == MetricSourceType.OBJECT and spec.object:
        return _compute_object(spec.object, replicas, calculator)
    if spec.type == MetricSourceType.PODS and spec.pods:
        return _compute_pods(spec.pods, replicas.spec, calculator, now_ms)
    if spec.type == MetricSourceType.RESOURCE and spec.resource:
        return _compute_resource(spec.resource, replicas.spec, calculator, now_ms)
    if spec.type == MetricSourceType.CONTAINER_RESOURCE and spec.container_resource:
        return _compute_container(spec.container_resource, replicas.spec, calculator, now_ms)
    if spec.type == MetricSourceType.EXTERNAL and spec.external:
        return _compute_external(spec.external, replicas, calculator)
    text = f'unknown metric source type "{spec.type}"'
    raise MetricComputationError("InvalidMetricSourceType", text, text, ErrorLabel.SPEC)


def _compute_object(
    source: ObjectMetricSource, replicas: Replicas, calculator: ReplicaCalculator
) -> MetricResult:
    metric, described = source.metric, source.described_object
    averaged = source.target.type == MetricTargetType.AVERAGE_VALUE
    # upstream calls the average of an object's metric an external metric in events
    name = _external_name(metric) if averaged else f"{described.kind} metric {metric.name}"
    try:
        proposal, current = _object_usage(source, replicas, calculator)
    except (ReplicaCalculationError, SelectorError) as error:
        average = averaged and source.target.average_value is not None
        where = f"failed to get {metric.name} object metric: " if average else ""
        raise MetricComputationError(
            "FailedGetObjectMetric",
            str(error),
            f"failed to get object metric value: {where}{error}",
        ) from None
    status = ObjectMetricStatus(metric, current, described)
    return MetricResult(proposal, name, MetricStatus(type=MetricSourceType.OBJECT, object=status))


def _object_usage(
    source: ObjectMetricSource, replicas: Replicas, calculator: ReplicaCalculator
) -> tuple[int, MetricValueStatus]:
    """Return the proposal and value of an Object metric."""
    name, target, described = source.metric.name, source.target, source.described_object
    selector = label_selector_as_selector(source.metric.selector)
    if target.type == MetricTargetType.VALUE and target.value is not None:
        found = calculator.get_object_metric_replicas(
            replicas.spec, target.value.milli_value, name, described, selector
        )
        return found.replicas, MetricValueStatus(value=Quantity.from_milli(found.usage))
    if target.type == MetricTargetType.AVERAGE_VALUE and target.average_value is not None:
        found = calculator.get_object_per_pod_metric_replicas(
            replicas.status, target.average_value.milli_value, name, described, selector
        )
        return found.replicas, MetricValueStatus(average_value=Quantity.from_milli(found.usage))
    raise ReplicaCalculationError(_NO_TARGET.format("object"))


def _compute_pods(
    source: PodsMetricSource, current_replicas: int, calculator: ReplicaCalculator, now_ms: int
) -> MetricResult:
    metric = source.metric
    try:
        proposal, current = _pods_usage(source, current_replicas, calculator, now_ms)
    except (ReplicaCalculationError, SelectorError) as error:
        raise MetricComputationError(
            "FailedGetPodsMetric", str(error), f"failed to get pods metric value: {error}"
        ) from None
    return MetricResult(
        proposal,
        f"pods metric {metric.name}",
        MetricStatus(type=MetricSourceType.PODS, pods=PodsMetricStatus(metric, current)),
    )


def _pods_usage(
    source: PodsMetricSource, current_replicas: int, calculator: ReplicaCalculator, now_ms: int
) -> tuple[int, MetricValueStatus]:
    """Return the proposal and value of a Pods metric."""
    if source.target.average_value is None:
        raise ReplicaCalculationError("invalid pods metric source: no average value target was set")
    found = calculator.get_metric_replicas(
        current_replicas,
        source.target.average_value.milli_value,
        source.metric.name,
        label_selector_as_selector(source.metric.selector),
        now_ms,
    )
    return found.replicas, MetricValueStatus(average_value=Quantity.from_milli(found.usage))


def _compute_resource(
    source: ResourceMetricSource, current_replicas: int, calculator: ReplicaCalculator, now_ms: int
) -> MetricResult:
    try:
        replicas, current = _resource_usage(
            source.target, current_replicas, source.name, "", calculator=calculator, now_ms=now_ms
        )
    except ReplicaCalculationError as error:
        raise MetricComputationError(
            "FailedGetResourceMetric",
            str(error),
            f"failed to get {source.name} resource metric value: {error}",
        ) from None
    status = ResourceMetricStatus(source.name, current)
    return MetricResult(
        replicas,
        _resource_name(source.name, "resource", current),
        MetricStatus(type=MetricSourceType.RESOURCE, resource=status),
    )


def _compute_container(
    source: ContainerResourceMetricSource,
    current_replicas: int,
    calculator: ReplicaCalculator,
    now_ms: int,
) -> MetricResult:
    try:
        replicas, current = _resource_usage(
            source.target,
            current_replicas,
            source.name,
            source.container,
            calculator=calculator,
            now_ms=now_ms,
        )
    except ReplicaCalculationError as error:
        raise MetricComputationError(
            "FailedGetContainerResourceMetric",
            str(error),
            f"failed to get {source.container} container metric value: {error}",
        ) from None
    status = ContainerResourceMetricStatus(source.name, current, source.container)
    return MetricResult(
        replicas,
        _resource_name(source.name, "container resource", current),
        MetricStatus(type=MetricSourceType.CONTAINER_RESOURCE, container_resource=status),
    )


def _resource_usage(
    target: MetricTarget,
    current_replicas: int,
    resource: str,
    container: str,
    *,
    calculator: ReplicaCalculator,
    now_ms: int,
) -> tuple[int, MetricValueStatus]:
    """Return the proposal and value (computeStatusForResourceMetricGeneric)."""
    kind = "utilization" if target.average_value is None else "usage"
    try:
        if target.average_value is not None:
            proposal = calculator.get_raw_resource_replicas(
                current_replicas, target.average_value.milli_value, resource, container, now_ms
            )
            usage = build_quantity(resource, proposal.usage)
            return proposal.replicas, MetricValueStatus(average_value=usage)
        if target.average_utilization is not None:
            proposal = calculator.get_resource_replicas(
                current_replicas, target.average_utilization, resource, container, now_ms
            )
            usage = build_quantity(resource, proposal.raw_utilization_milli)
            return proposal.replicas, MetricValueStatus(
                average_value=usage, average_utilization=proposal.usage
            )
    except ReplicaCalculationError as error:
        raise ReplicaCalculationError(f"failed to get {resource} {kind}: {error}") from None
    raise ReplicaCalculationError(
        "invalid resource metric source: neither an average utilization target nor an average "
        "value (usage) target was set"
    )


def _resource_name(resource: str, source: str, current: MetricValueStatus) -> str:
    if current.average_utilization is None:
        return f"{resource} resource"
    return f"{resource} {source} utilization (percentage of request)"


def _compute_external(
    source: ExternalMetricSource, replicas: Replicas, calculator: ReplicaCalculator
) -> MetricResult:
    metric = source.metric
    try:
        proposal, current = _external_usage(source, replicas, calculator)
    except ReplicaCalculationError as error:
        where = ""
        if source.target.average_value is not None:
            where = f"failed to get {metric.name} external metric: "
        elif source.target.value is not None:
            where = f"failed to get external metric {metric.name}: "
        raise MetricComputationError(
            "FailedGetExternalMetric",
            str(error),
            f"failed to get {metric.name} external metric value: {where}{error}",
        ) from None
    status = ExternalMetricStatus(metric, current)
    return MetricResult(
        proposal,
        _external_name(metric),
        MetricStatus(type=MetricSourceType.EXTERNAL, external=status),
    )


def _external_usage(
    source: ExternalMetricSource, replicas: Replicas, calculator: ReplicaCalculator
) -> tuple[int, MetricValueStatus]:
    """Return the proposal and value of an External metric."""
    name, selector, target = source.metric.name, source.metric.selector, source.target
    if target.average_value is not None:
        found = calculator.get_external_per_pod_metric_replicas(
            replicas.status, target.average_value.milli_value, name, selector
        )
        return found.replicas, MetricValueStatus(average_value=Quantity.from_milli(found.usage))
    if target.value is not None:
        found = calculator.get_external_metric_replicas(
            replicas.spec, target.value.milli_value, name, selector
        )
        return found.replicas, MetricValueStatus(value=Quantity.from_milli(found.usage))
    raise ReplicaCalculationError(_NO_TARGET.format("external"))


def _external_name(metric: MetricIdentifier) -> str:
    selector = "nil" if metric.selector is None else metric.selector
    return f"external metric {metric.name}({selector})"
