"""Replays the tests of whole syncs of the controller."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hpa_replay.upstream_cases import (
    CONTAINERS,
    NOW_MS,
    PERIODS,
    SCALE_UP_LIMIT_FACTOR,
    TOLERANCE,
    WINDOW_MS,
    FakeMetricsApi,
    Offset,
    at,
    decode,
    pod_name,
    time_ms,
)
from hpa_replay.upstream_functions import RecordedRecommendation, recommendations
from hpa_replay.verdict import difference
from scalecert.hpa.config import HorizontalControllerConfig
from scalecert.hpa.defaults import set_defaults_horizontal_pod_autoscaler_behavior
from scalecert.hpa.horizontal import HorizontalController
from scalecert.hpa.metrics.client import ContainerMetrics, PodMetrics, RestMetricsClient
from scalecert.hpa.pods import ZERO_TIME_MS, Container, Pod, PodSpec, ReadyCondition
from scalecert.hpa.quantity import Quantity
from scalecert.hpa.status import HorizontalPodAutoscalerCondition, HorizontalPodAutoscalerStatus
from scalecert.hpa.sync import Scale, SyncOutcome
from scalecert.hpa.types import (
    CrossVersionObjectReference,
    HorizontalPodAutoscalerBehavior,
    HorizontalPodAutoscalerSpec,
    HPAScalingRules,
    MetricSourceType,
    MetricSpec,
    MetricTarget,
    MetricTargetType,
    ResourceMetricSource,
)

_KEY = "test-namespace/test-hpa"
_LABELS = {"name": "test-pod"}
_RESYNC_MS = 100
_MEMORY_PER_CONTAINER_MILLI = 1024 * 1024 * 1000 // 2
_DEFAULT_TARGET = CrossVersionObjectReference(
    kind="ReplicationController", name="test-rc", api_version="v1"
)
_STATUS_OK = (
    ("AbleToScale", "True", "SucceededRescale"),
    ("ScalingActive", "True", "ValidMetricFound"),
    ("ScalingLimited", "False", "DesiredWithinRange"),
)


class _Condition(msgspec.Struct, frozen=True):
    type: str
    status: str
    reason: str


class _Controller(msgspec.Struct, frozen=True, rename="camel"):
    max_replicas: int
    expected_reported_reconciliation_action_label: str
    expected_reported_reconciliation_error_label: str
    expected_reported_metric_computation_action_labels: dict[str, str]
    expected_reported_metric_computation_error_labels: dict[str, str]
    min_replicas: int = 0
    spec_replicas: int = 0
    status_replicas: int = 0
    scale_up_rules: HPAScalingRules | None = None
    scale_down_rules: HPAScalingRules | None = None
    cpu_target: int = msgspec.field(default=0, name="CPUTarget")
    cpu_current: int = msgspec.field(default=0, name="CPUCurrent")
    verify_cpu_current: bool = msgspec.field(default=False, name="verifyCPUCurrent")
    reported_levels: tuple[int, ...] = ()
    reported_cpu_requests: tuple[Quantity, ...] | None = msgspec.field(
        default=None, name="reportedCPURequests"
    )
    reported_pod_readiness: tuple[str, ...] = ()
    reported_pod_start_time: tuple[Offset | None, ...] = ()
    reported_pod_phase: tuple[str, ...] = ()
    reported_pod_deletion_timestamp: tuple[bool, ...] = ()
    metrics_target: tuple[MetricSpec, ...] = ()
    expected_desired_replicas: int = 0
    expected_conditions: tuple[_Condition, ...] | None = None
    expected_reconciliation_count: int = 1
    resource: CrossVersionObjectReference = _DEFAULT_TARGET
    last_scale_time: Offset | None = None
    recommendations: tuple[RecordedRecommendation, ...] | None = None
    initial_conditions: tuple[_Condition, ...] = ()


def replay_controller(raw: msgspec.Raw, gates: Mapping[str, bool]) -> str | None:
    """Reconcile as often as the test does, from the same status each time."""
    case = decode(raw, _Controller)
    controller = HorizontalController(
        HorizontalControllerConfig(
            tolerance=TOLERANCE,
            cpu_initialization_period_seconds=PERIODS.cpu_initialization_ms / 1000,
            initial_readiness_delay_seconds=PERIODS.initial_readiness_delay_ms / 1000,
            scale_up_limit_factor=SCALE_UP_LIMIT_FACTOR,
            scale_to_zero=gates["HPAScaleToZero"],
            configurable_tolerance=gates["HPAConfigurableTolerance"],
            pod_level_resources=gates["PodLevelResources"],
        )
    )
    if case.recommendations is not None:
        controller.memory.recommendations[_KEY] = recommendations(case.recommendations)
    for count in range(case.expected_reconciliation_count):
        mismatch = _check(case, _reconcile(controller, case, NOW_MS + count * _RESYNC_MS))
        if mismatch is not None:
            return mismatch
    return None


def _reconcile(controller: HorizontalController, case: _Controller, now_ms: int) -> SyncOutcome:
    return controller.reconcile(
        _KEY,
        _spec(case),
        _status(case),
        Scale(case.spec_replicas, case.status_replicas, "name=test-pod"),
        pods=_pods(case),
        metrics=RestMetricsClient(_api(case, now_ms)),
        now_ms=now_ms,
    )


def _check(case: _Controller, outcome: SyncOutcome) -> str | None:
    status = outcome.status
    expected_conditions = [
        (one.type, one.status, one.reason) for one in case.expected_conditions or ()
    ]
    if case.expected_conditions is None:
        expected_conditions = list(_STATUS_OK)
    rescaled = case.spec_replicas != case.expected_desired_replicas
    return (
        difference("desired", case.expected_desired_replicas, status.desired_replicas)
        or difference(
            "rescale", case.expected_desired_replicas if rescaled else None, outcome.replicas
        )
        or difference(
            "conditions",
            expected_conditions,
            [(one.type, one.status, one.reason) for one in status.conditions],
        )
        or difference(
            "reconciliation",
            (
                case.expected_reported_reconciliation_action_label,
                case.expected_reported_reconciliation_error_label,
            ),
            (outcome.action, outcome.error_label),
        )
        or _check_metrics(case, outcome)
    )


def _check_metrics(case: _Controller, outcome: SyncOutcome) -> str | None:
    actions = case.expected_reported_metric_computation_action_labels
    errors = case.expected_reported_metric_computation_error_labels
    reported = {(one.type, one.action, one.error_label) for one in outcome.proposals}
    for kind, action in actions.items():
        if (kind, action, errors[kind]) not in reported:
            return difference(f"metric {kind}", (action, errors[kind]), reported)
    if not case.verify_cpu_current:
        return None
    found = [
        one.resource.current.average_utilization
        for one in outcome.status.current_metrics
        if one.resource is not None and one.resource.name == "cpu"
    ]
    return difference("cpu", [case.cpu_current or _computed_cpu(case)], found[:1])


def _computed_cpu(case: _Controller) -> int:
    requests = case.reported_cpu_requests or ()
    return 100 * sum(case.reported_levels) // sum(one.milli_value for one in requests)


def _cpu_metric(target_percent: int | None) -> MetricSpec:
    target = MetricTarget()
    if target_percent is not None:
        target = MetricTarget(type=MetricTargetType.UTILIZATION, average_utilization=target_percent)
    return MetricSpec(
        type=MetricSourceType.RESOURCE, resource=ResourceMetricSource(name="cpu", target=target)
    )


def _spec(case: _Controller) -> HorizontalPodAutoscalerSpec:
    behavior = None
    if case.scale_up_rules is not None or case.scale_down_rules is not None:
        behavior = HorizontalPodAutoscalerBehavior(case.scale_up_rules, case.scale_down_rules)
    metrics = case.metrics_target
    if case.cpu_target > 0:
        metrics = (_cpu_metric(case.cpu_target), *metrics)
    return HorizontalPodAutoscalerSpec(
        scale_target_ref=case.resource,
        min_replicas=case.min_replicas,
        max_replicas=case.max_replicas,
        metrics=metrics or (_cpu_metric(None),),
        behavior=set_defaults_horizontal_pod_autoscaler_behavior(behavior),
    )


def _status(case: _Controller) -> HorizontalPodAutoscalerStatus:
    last_scale = case.last_scale_time
    return HorizontalPodAutoscalerStatus(
        last_scale_time_ms=None if last_scale is None else last_scale.milliseconds,
        current_replicas=case.spec_replicas,
        desired_replicas=case.spec_replicas,
        conditions=tuple(
            HorizontalPodAutoscalerCondition(one.type, one.status, ZERO_TIME_MS, one.reason, "")
            for one in case.initial_conditions
        ),
    )


def _pods(case: _Controller) -> list[Pod]:
    requests = case.reported_cpu_requests
    count = case.status_replicas if requests is None else len(requests)
    return [_pod(case, index) for index in range(count)]


def _pod(case: _Controller, index: int) -> Pod:
    requests = case.reported_cpu_requests
    request_milli = 1000 if requests is None else requests[index].milli_value
    start_ms = time_ms(at(case.reported_pod_start_time, index, None))
    return Pod(
        name=pod_name(index),
        labels=_LABELS,
        phase=at(case.reported_pod_phase, index, "Running"),
        start_time_ms=start_ms,
        ready=ReadyCondition(at(case.reported_pod_readiness, index, "True"), start_ms),
        deleted=at(case.reported_pod_deletion_timestamp, index, default=False),
        spec=PodSpec(tuple(Container(name, {"cpu": request_milli // 2}) for name in CONTAINERS)),
    )


def _api(case: _Controller, now_ms: int) -> FakeMetricsApi:
    """Return the fake APIs; each container uses half of its pod's level."""
    items = [
        PodMetrics(
            pod_name(index),
            now_ms,
            WINDOW_MS,
            [
                ContainerMetrics(name, {"cpu": level // 2, "memory": _MEMORY_PER_CONTAINER_MILLI})
                for name in CONTAINERS
            ],
        )
        for index, level in enumerate(case.reported_levels)
    ]
    return FakeMetricsApi(items, case.reported_levels, now_ms)
