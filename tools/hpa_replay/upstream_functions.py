"""Replays the tests of single functions: pods, requests, windows, limits, events, quantities."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hpa_replay.upstream_cases import (
    NOW_MS,
    PERIODS,
    SCALE_UP_LIMIT_FACTOR,
    Offset,
    decode,
    time_ms,
)
from hpa_replay.verdict import difference
from scalecert.hpa.behavior import (
    Limited,
    Normalization,
    ScaleEvents,
    convert_desired_replicas_with_behavior_rate,
    convert_desired_replicas_with_rules,
    get_replicas_change_per_period,
    stabilize_recommendation,
    stabilize_recommendation_with_behaviors,
    store_scale_event,
)
from scalecert.hpa.defaults import generate_hpa_scale_down_rules, generate_hpa_scale_up_rules
from scalecert.hpa.memory import TimestampedRecommendation, TimestampedScaleEvent
from scalecert.hpa.metric_computation import build_quantity
from scalecert.hpa.metrics.interfaces import PodMetric
from scalecert.hpa.pod_groups import group_pods
from scalecert.hpa.pod_requests import RequestError, calculate_requests
from scalecert.hpa.pods import Container, Pod, PodSpec, ReadyCondition
from scalecert.hpa.quantity import Quantity
from scalecert.hpa.types import HPAScalingRules

_DOWNSCALE_STABILIZATION_SECONDS = 300
_EVENT_PERIOD_SECONDS = 60

Gates = Mapping[str, bool]


class _GoStruct(msgspec.Struct, frozen=True, rename="pascal"):
    """A Kubernetes object dumped by Go's field names."""


class _Meta(_GoStruct, frozen=True):
    name: str = ""
    deletion_timestamp: Offset | None = None


class _PodCondition(_GoStruct, frozen=True):
    type: str
    status: str
    last_transition_time: Offset | None = None


class _PodStatus(_GoStruct, frozen=True):
    phase: str = ""
    start_time: Offset | None = None
    conditions: tuple[_PodCondition, ...] = ()


class _Resources(_GoStruct, frozen=True):
    requests: dict[str, Quantity] = {}

    def milli(self) -> dict[str, int]:
        return {name: quantity.milli_value for name, quantity in self.requests.items()}


class _Container(_GoStruct, frozen=True):
    name: str = ""
    resources: _Resources = _Resources()
    restart_policy: str | None = None

    def container(self) -> Container:
        return Container(self.name, self.resources.milli(), self.restart_policy)


class _PodSpec(_GoStruct, frozen=True):
    containers: tuple[_Container, ...] = ()
    init_containers: tuple[_Container, ...] = ()
    resources: _Resources = _Resources()


class _Pod(_GoStruct, frozen=True):
    object_meta: _Meta = _Meta()
    status: _PodStatus = _PodStatus()
    spec: _PodSpec = _PodSpec()

    def pod(self) -> Pod:
        ready = [
            ReadyCondition(one.status, time_ms(one.last_transition_time))
            for one in self.status.conditions
            if one.type == "Ready"
        ]
        start = self.status.start_time
        return Pod(
            name=self.object_meta.name,
            phase=self.status.phase,
            start_time_ms=None if start is None else start.milliseconds,
            ready=ready[0] if ready else None,
            deleted=self.object_meta.deletion_timestamp is not None,
            spec=PodSpec(
                tuple(one.container() for one in self.spec.containers),
                tuple(one.container() for one in self.spec.init_containers),
                self.spec.resources.milli(),
            ),
        )


class _PodMetric(_GoStruct, frozen=True):
    value: int = 0
    timestamp: Offset | None = None
    window: float = 0.0

    def metric(self) -> PodMetric:
        return PodMetric(self.value, time_ms(self.timestamp), round(self.window * 1000))


class RecordedRecommendation(msgspec.Struct, frozen=True):
    """A recommendation that the controller remembers."""

    timestamp: Offset
    recommendation: int = 0


class _ScaleEvent(msgspec.Struct, frozen=True, rename="camel"):
    timestamp: Offset
    replica_change: int = 0
    outdated: bool = False

    def event(self) -> TimestampedScaleEvent:
        return TimestampedScaleEvent(
            self.replica_change, self.timestamp.milliseconds, self.outdated
        )


def recommendations(
    recorded: tuple[RecordedRecommendation, ...],
) -> list[TimestampedRecommendation]:
    """Return recommendations as the controller remembers them."""
    return [
        TimestampedRecommendation(one.recommendation, one.timestamp.milliseconds)
        for one in recorded
    ]


class _GroupPods(msgspec.Struct, frozen=True, rename="camel"):
    pods: tuple[_Pod, ...]
    metrics: dict[str, _PodMetric]
    resource: str
    expect_ignored_pods: set[str]
    expect_missing_pods: set[str]
    expect_unready_pods: set[str]
    expect_ready_pod_count: int = 0


def replay_group_pods(raw: msgspec.Raw, _: Gates) -> str | None:
    """Group pods."""
    case = decode(raw, _GroupPods)
    found = group_pods(
        [one.pod() for one in case.pods],
        {name: one.metric() for name, one in case.metrics.items()},
        case.resource,
        PERIODS,
        now_ms=NOW_MS,
    )
    expected = (
        case.expect_ready_pod_count,
        case.expect_unready_pods,
        case.expect_missing_pods,
        case.expect_ignored_pods,
    )
    return difference("groups", expected, tuple(found))


class _CalculateRequests(msgspec.Struct, frozen=True, rename="camel"):
    pods: tuple[_Pod, ...]
    resource: str
    container: str = ""
    expected_requests: dict[str, int] | None = None
    expected_error: str = ""


def replay_calculate_requests(raw: msgspec.Raw, gates: Gates) -> str | None:
    """Sum requests."""
    case = decode(raw, _CalculateRequests)
    found, error = None, ""
    try:
        found = calculate_requests(
            [one.pod() for one in case.pods],
            case.container,
            case.resource,
            pod_level_resources=gates["PodLevelResources"],
        )
    except RequestError as failure:
        error = str(failure)
    return difference("error", case.expected_error, error) or difference(
        "requests", case.expected_requests, found
    )


class _ConvertWithRules(msgspec.Struct, frozen=True, rename="camel"):
    expected_condition: str
    current_replicas: int = 0
    expected_desired_replicas: int = 0  # what goes in, in spite of its name
    expected_converted_desired_replicas: int = 0
    hpa_min_replicas: int = 0
    hpa_max_replicas: int = 0


def replay_convert_with_rules(raw: msgspec.Raw, _: Gates) -> str | None:
    """Limit a desired count without behavior."""
    case = decode(raw, _ConvertWithRules)
    arg = Normalization(
        case.current_replicas,
        case.expected_desired_replicas,
        case.hpa_min_replicas,
        case.hpa_max_replicas,
    )
    found = convert_desired_replicas_with_rules(arg, scale_up_limit_factor=SCALE_UP_LIMIT_FACTOR)
    return _limited(case.expected_converted_desired_replicas, case.expected_condition, found)


class _ConvertWithBehaviorRate(msgspec.Struct, frozen=True, rename="camel"):
    expected_condition: str
    current_replicas: int = 0
    prenormalized_desired_replicas: int = 0
    spec_min_replicas: int = 0
    spec_max_replicas: int = 0
    expected_replicas: int = 0
    scale_up_rules: HPAScalingRules | None = None
    scale_down_rules: HPAScalingRules | None = None
    scale_up_events: tuple[_ScaleEvent, ...] = ()
    scale_down_events: tuple[_ScaleEvent, ...] = ()


def replay_convert_with_behavior_rate(raw: msgspec.Raw, _: Gates) -> str | None:
    """Limit a desired count with behavior."""
    case = decode(raw, _ConvertWithBehaviorRate)
    found = convert_desired_replicas_with_behavior_rate(
        Normalization(
            case.current_replicas,
            case.prenormalized_desired_replicas,
            case.spec_min_replicas,
            case.spec_max_replicas,
        ),
        ScaleEvents(
            [one.event() for one in case.scale_up_events],
            [one.event() for one in case.scale_down_events],
        ),
        generate_hpa_scale_up_rules(case.scale_up_rules),
        generate_hpa_scale_down_rules(case.scale_down_rules),
        now_ms=NOW_MS,
    )
    return _limited(case.expected_replicas, case.expected_condition, found)


def _limited(replicas: int, reason: str, found: Limited) -> str | None:
    return difference("limit", (replicas, reason), (found.replicas, found.reason))


class _Stabilize(msgspec.Struct, frozen=True, rename="camel"):
    recommendations: tuple[RecordedRecommendation, ...]
    expected_log_length: int
    prenormalized_desired_replicas: int = 0
    expected_stabilized_replicas: int = 0


def replay_stabilize(raw: msgspec.Raw, _: Gates) -> str | None:
    """Stabilize without behavior."""
    case = decode(raw, _Stabilize)
    log = recommendations(case.recommendations)
    found = stabilize_recommendation(
        log, case.prenormalized_desired_replicas, _DOWNSCALE_STABILIZATION_SECONDS, now_ms=NOW_MS
    )
    expected = (case.expected_stabilized_replicas, case.expected_log_length)
    return difference("replicas and length of log", expected, (found, len(log)))


class _StabilizeWithBehaviors(msgspec.Struct, frozen=True, rename="camel"):
    recommendations: tuple[RecordedRecommendation, ...]
    current_replicas: int = 0
    prenormalized_desired_replicas: int = 0
    expected_stabilized_replicas: int = 0
    scale_up_stabilization_window_seconds: int = 0
    scale_down_stabilization_window_seconds: int = 0
    expected_recommendations: tuple[RecordedRecommendation, ...] | None = None


def replay_stabilize_with_behaviors(raw: msgspec.Raw, _: Gates) -> str | None:
    """Stabilize with behavior; of the recommendations kept, upstream compares the counts."""
    case = decode(raw, _StabilizeWithBehaviors)
    log = recommendations(case.recommendations)
    found = stabilize_recommendation_with_behaviors(
        log,
        case.prenormalized_desired_replicas,
        case.current_replicas,
        case.scale_up_stabilization_window_seconds,
        case.scale_down_stabilization_window_seconds,
        now_ms=NOW_MS,
    )
    mismatch = difference("replicas", case.expected_stabilized_replicas, found.replicas)
    if case.expected_recommendations is None:
        return mismatch
    expected = [one.recommendation for one in case.expected_recommendations]
    return mismatch or difference("log", expected, [one.recommendation for one in log])


class _StoreScaleEvent(msgspec.Struct, frozen=True, rename="camel"):
    prev_scale_events: tuple[_ScaleEvent, ...]
    new_scale_events: tuple[_ScaleEvent, ...]
    replica_change: int
    scaling_rules: HPAScalingRules | None = None
    expected_replicas_change: int = 0


def replay_store_scale_event(raw: msgspec.Raw, _: Gates) -> str | None:
    """Store a scale event. Both directions' lists work alike."""
    case = decode(raw, _StoreScaleEvent)
    events = [one.event() for one in case.prev_scale_events]
    change = get_replicas_change_per_period(_EVENT_PERIOD_SECONDS, events, now_ms=NOW_MS)
    if case.scaling_rules is not None:  # without behavior nothing is stored
        store_scale_event(events, case.scaling_rules, case.replica_change, now_ms=NOW_MS)
    expected = [(one.replica_change, one.outdated) for one in case.new_scale_events]
    return difference("change", case.expected_replicas_change, change) or difference(
        "events", expected, [(one.replica_change, one.outdated) for one in events]
    )


class _BuildQuantity(msgspec.Struct, frozen=True, rename="camel"):
    resource_name: str
    expected: str
    raw_proposal: int = 0


def replay_build_quantity(raw: msgspec.Raw, _: Gates) -> str | None:
    """Build the quantity of a status."""
    case = decode(raw, _BuildQuantity)
    return difference(
        "text", case.expected, str(build_quantity(case.resource_name, case.raw_proposal))
    )
