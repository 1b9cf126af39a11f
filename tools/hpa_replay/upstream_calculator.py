"""Replays the tests of the replica calculator, through the REST client's rules."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hpa_replay.upstream_cases import (
    CONTAINERS,
    NOW_MS,
    PERIODS,
    TOLERANCE,
    WINDOW_MS,
    FakeMetricsApi,
    Offset,
    at,
    decode,
    pod_name,
    time_ms,
)
from hpa_replay.verdict import difference
from scalecert.hpa.metrics.client import ContainerMetrics, PodMetrics, RestMetricsClient
from scalecert.hpa.pods import ZERO_TIME_MS, Container, Pod, PodSpec, ReadyCondition
from scalecert.hpa.quantity import Quantity
from scalecert.hpa.replica_calculator import Proposal, ReplicaCalculationError, ReplicaCalculator
from scalecert.hpa.selectors import EVERYTHING
from scalecert.hpa.types import CrossVersionObjectReference, LabelSelector
from scalecert.hpa.usage_ratio import Tolerances

_OBJECT, _OBJECT_PER_POD, _EXTERNAL, _EXTERNAL_PER_POD, _PODS = range(5)


class _Resource(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    target_utilization: int
    requests: tuple[Quantity, ...] = ()
    levels: tuple[tuple[int, ...], ...] = ()
    pod_names: tuple[str, ...] = ()
    expected_utilization: int = 0
    expected_value: int = 0


class _Metric(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    levels: tuple[int, ...]
    metric_type: int = _OBJECT
    single_object: CrossVersionObjectReference | None = None
    target_usage: int = 0
    per_pod_target_usage: int = 0
    expected_usage: int = 0


class _Tolerances(msgspec.Struct, frozen=True, rename="camel"):
    scale_down: float = 0.0
    scale_up: float = 0.0


class _ReplicaCalc(msgspec.Struct, frozen=True, rename="camel"):
    current_replicas: int = 0
    expected_replicas: int = 0
    expected_error: str = ""
    timestamp: Offset | None = None
    tolerances: _Tolerances | None = None
    resource: _Resource | None = None
    metric: _Metric | None = None
    container: str = ""
    pod_readiness: tuple[str, ...] = ()
    pod_start_time: tuple[Offset | None, ...] = ()
    pod_phase: tuple[str, ...] = ()
    pod_deletion_timestamp: tuple[bool, ...] = ()


def replay_replica_calc(raw: msgspec.Raw, _: Mapping[str, bool]) -> str | None:
    """Compute replicas, and compare count, usage and time."""
    case = decode(raw, _ReplicaCalc)
    allowed = case.tolerances or _Tolerances(TOLERANCE, TOLERANCE)
    calculator = ReplicaCalculator(
        RestMetricsClient(_api(case)),
        _pods(case),
        "test-namespace",
        EVERYTHING,
        Tolerances(allowed.scale_down, allowed.scale_up),
        PERIODS,
    )
    try:
        found = _call(calculator, case)
    except ReplicaCalculationError as error:
        if case.expected_error and case.expected_error in str(error):
            return None
        return difference("error", case.expected_error, str(error))
    mismatch = difference("error", case.expected_error, "")
    return mismatch or difference("proposal", _expected(case), found)


def _expected(case: _ReplicaCalc) -> Proposal:
    time = (
        None
        if case.metric and case.metric.metric_type in (_OBJECT, _EXTERNAL)
        else time_ms(case.timestamp)
    )
    if case.resource is not None:
        resource = case.resource
        return Proposal(
            case.expected_replicas, resource.expected_utilization, resource.expected_value, time
        )
    return Proposal(
        case.expected_replicas, case.metric.expected_usage if case.metric else 0, 0, time
    )


def _call(calculator: ReplicaCalculator, case: _ReplicaCalc) -> Proposal:
    current, resource, metric = case.current_replicas, case.resource, case.metric
    if resource is not None:
        return calculator.get_resource_replicas(
            current, resource.target_utilization, resource.name, case.container, NOW_MS
        )
    if metric is None:
        raise ValueError("neither a resource nor a metric")
    target, average = metric.target_usage, metric.per_pod_target_usage
    described = metric.single_object or CrossVersionObjectReference()
    selector = LabelSelector()
    if metric.metric_type == _OBJECT:
        return calculator.get_object_metric_replicas(
            current, target, metric.name, described, EVERYTHING
        )
    if metric.metric_type == _OBJECT_PER_POD:
        return calculator.get_object_per_pod_metric_replicas(
            current, average, metric.name, described, EVERYTHING
        )
    if metric.metric_type == _EXTERNAL:
        return calculator.get_external_metric_replicas(current, target, metric.name, selector)
    if metric.metric_type == _EXTERNAL_PER_POD:
        return calculator.get_external_per_pod_metric_replicas(
            current, average, metric.name, selector
        )
    return calculator.get_metric_replicas(current, target, metric.name, EVERYTHING, NOW_MS)


def _pods(case: _ReplicaCalc) -> list[Pod]:
    count = max(case.current_replicas, len(case.pod_phase))
    return [_pod(case, index) for index in range(count)]


def _pod(case: _ReplicaCalc, index: int) -> Pod:
    start = at(case.pod_start_time, index, None)
    requests: dict[str, int] = {}
    if case.resource is not None and index < len(case.resource.requests):
        requests = {case.resource.name: case.resource.requests[index].milli_value}
    return Pod(
        name=pod_name(index),
        phase=at(case.pod_phase, index, "Running"),
        start_time_ms=time_ms(start),
        ready=ReadyCondition(at(case.pod_readiness, index, "True"), ZERO_TIME_MS),
        deleted=at(case.pod_deletion_timestamp, index, default=False),
        spec=PodSpec(tuple(Container(name, requests) for name in CONTAINERS)),
    )


def _api(case: _ReplicaCalc) -> FakeMetricsApi:
    resource, levels = case.resource, case.metric.levels if case.metric else ()
    items = (
        []
        if resource is None
        else [
            PodMetrics(
                at(resource.pod_names, index, pod_name(index)),
                time_ms(case.timestamp),
                WINDOW_MS,
                [_container_metrics(resource.name, pod_levels, which) for which in range(2)],
            )
            for index, pod_levels in enumerate(resource.levels)
        ]
    )
    return FakeMetricsApi(items, levels, time_ms(case.timestamp))


def _container_metrics(resource: str, levels: tuple[int, ...], which: int) -> ContainerMetrics:
    """Return one of a pod's two containers; without a level it is an empty struct in Go."""
    if which >= len(levels):
        return ContainerMetrics("", {})
    return ContainerMetrics(CONTAINERS[which], {resource: levels[which]})
