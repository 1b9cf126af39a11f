"""Stabilization windows and rate limits: from a recommendation to a replica count (horizontal.go).

An HPA without `behavior` is stabilized downwards only and may double per sync. With one, both
directions have a window and policies. The edges differ and are upstream's: without behavior a
recommendation as old as the window counts, with behavior it doesn't.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from scalecert.hpa.arithmetic import (
    MAX_INT32,
    MIN_INT32,
    ceiling_to_int32,
    truncated_to_int32,
    wrap_int32,
)
from scalecert.hpa.config import SCALE_UP_LIMIT_FACTOR
from scalecert.hpa.memory import TimestampedRecommendation, TimestampedScaleEvent
from scalecert.hpa.types import (
    HPAScalingPolicy,
    HPAScalingPolicyType,
    HPAScalingRules,
    ScalingPolicySelect,
)

_Entry = TypeVar("_Entry", TimestampedRecommendation, TimestampedScaleEvent)

SCALE_UP_LIMIT_MINIMUM: Final = 4.0


class Limited(NamedTuple):
    """A replica count, and the reason and message for a condition."""

    replicas: int
    reason: str
    message: str


class Normalization(NamedTuple):
    """One sync's replica counts and their bounds (upstream's NormalizationArg)."""

    current_replicas: int
    desired_replicas: int
    min_replicas: int
    max_replicas: int


class ScaleEvents(NamedTuple):
    """What was scaled before, in both directions."""

    up: Sequence[TimestampedScaleEvent] = ()
    down: Sequence[TimestampedScaleEvent] = ()


_WITHIN_RANGE: Final = (
    "DesiredWithinRange",
    "the desired count is within the acceptable range",
)
_TOO_FEW: Final = (
    "TooFewReplicas",
    "the desired replica count is less than the minimum replica count",
)
_TOO_MANY: Final = (
    "TooManyReplicas",
    "the desired replica count is more than the maximum replica count",
)
_SCALE_UP_LIMIT: Final = (
    "ScaleUpLimit",
    "the desired replica count is increasing faster than the maximum scale rate",
)
_SCALE_DOWN_LIMIT: Final = (
    "ScaleDownLimit",
    "the desired replica count is decreasing faster than the maximum scale rate",
)
SCALE_UP_STABILIZED: Final = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
SCALE_DOWN_STABILIZED: Final = (
    "ScaleDownStabilized",
    (
        "recent recommendations were higher than current one, "
        "applying the highest recent recommendation"
    ),
)


def stabilize_recommendation(
    recommendations: list[TimestampedRecommendation],
    desired_replicas: int,
    window_seconds: float,
    *,
    now_ms: int,
) -> int:
    """Return the highest recommendation of the window, and record this one.

    Entries as old as the window still count. The last older one gives its slot to the new entry.
    """
    cutoff_ms = now_ms - round(window_seconds * 1000)
    highest, reusable = desired_replicas, None
    for index, one in enumerate(recommendations):
        if one.timestamp_ms < cutoff_ms:
            reusable = index
        elif one.recommendation > highest:
            highest = one.recommendation
    _record(recommendations, reusable, TimestampedRecommendation(desired_replicas, now_ms))
    return highest


def stabilize_recommendation_with_behaviors(
    recommendations: list[TimestampedRecommendation],
    desired_replicas: int,
    current_replicas: int,
    up_window_seconds: int,
    down_window_seconds: int,
    *,
    now_ms: int,
) -> Limited:
    """Return current replicas moved between the extremes of both windows, and record this one.

    Entries as old as a window no longer count for it; only those older than both may be replaced.
    """
    up_cutoff_ms = now_ms - up_window_seconds * 1000
    down_cutoff_ms = now_ms - down_window_seconds * 1000
    lowest, highest, reusable = desired_replicas, desired_replicas, None
    for index, one in enumerate(recommendations):
        if one.timestamp_ms > up_cutoff_ms and one.recommendation < lowest:
            lowest = one.recommendation
        if one.timestamp_ms > down_cutoff_ms and one.recommendation > highest:
            highest = one.recommendation
        if one.timestamp_ms < up_cutoff_ms and one.timestamp_ms < down_cutoff_ms:
            reusable = index
    _record(recommendations, reusable, TimestampedRecommendation(desired_replicas, now_ms))
    stabilized = min(max(current_replicas, lowest), highest)
    upwards = desired_replicas >= current_replicas
    return Limited(stabilized, *(SCALE_UP_STABILIZED if upwards else SCALE_DOWN_STABILIZED))


def _record(entries: list[_Entry], reusable: int | None, entry: _Entry) -> None:
    if reusable is None:
        entries.append(entry)
    else:
        entries[reusable] = entry


def store_scale_event(
    events: list[TimestampedScaleEvent],
    rules: HPAScalingRules,
    replica_change: int,
    *,
    now_ms: int,
) -> None:
    """Record a scaling in its direction's list, in the place of the last outdated event if any."""
    cutoff_ms = now_ms - get_longest_policy_period(rules) * 1000
    reusable = None
    for index, event in enumerate(events):
        if event.timestamp_ms < cutoff_ms and not event.outdated:
            events[index] = event._replace(outdated=True)
        if events[index].outdated:
            reusable = index
    _record(events, reusable, TimestampedScaleEvent(replica_change, now_ms))


def get_longest_policy_period(rules: HPAScalingRules) -> int:
    """Return the longest period of the policies, in seconds."""
    return max((policy.period_seconds for policy in rules.policies or ()), default=0)


def get_replicas_change_per_period(
    period_seconds: int, events: Iterable[TimestampedScaleEvent], *, now_ms: int
) -> int:
    """Return how many replicas events of the period changed; one as old as the period is out."""
    cutoff_ms = now_ms - period_seconds * 1000
    return wrap_int32(
        sum(event.replica_change for event in events if event.timestamp_ms > cutoff_ms)
    )


def convert_desired_replicas_with_rules(
    arg: Normalization, *, scale_up_limit_factor: float = SCALE_UP_LIMIT_FACTOR
) -> Limited:
    """Return the desired count within bounds and, upwards, twice the current count (or 4)."""
    limit = calculate_scale_up_limit(arg.current_replicas, scale_up_limit_factor)
    highest, why = arg.max_replicas, _TOO_MANY
    if arg.max_replicas > limit:
        highest, why = limit, _SCALE_UP_LIMIT
    if arg.desired_replicas < arg.min_replicas:
        return Limited(arg.min_replicas, *_TOO_FEW)
    if arg.desired_replicas > highest:
        return Limited(highest, *why)
    return Limited(arg.desired_replicas, *_WITHIN_RANGE)


def calculate_scale_up_limit(current_replicas: int, factor: float = SCALE_UP_LIMIT_FACTOR) -> int:
    """Return how far one sync may scale up without behavior."""
    return truncated_to_int32(max(factor * current_replicas, SCALE_UP_LIMIT_MINIMUM))


def convert_desired_replicas_with_behavior_rate(
    arg: Normalization,
    events: ScaleEvents,
    scale_up: HPAScalingRules,
    scale_down: HPAScalingRules,
    *,
    now_ms: int,
) -> Limited:
    """Return the desired count within the bound and the rate limit of its direction.

    A limit never turns the direction around, and the other direction's bound does not count.
    """
    current, desired = arg.current_replicas, arg.desired_replicas
    if desired > current:
        limit = calculate_scale_up_limit_with_scaling_rules(
            current, events, scale_up, now_ms=now_ms
        )
        limit = max(limit, current)
        highest, why = arg.max_replicas, _TOO_MANY
        if arg.max_replicas > limit:
            highest, why = limit, _SCALE_UP_LIMIT
        if desired > highest:
            return Limited(highest, *why)
    elif desired < current:
        limit = calculate_scale_down_limit_with_behaviors(
            current, events, scale_down, now_ms=now_ms
        )
        limit = min(limit, current)
        lowest, why = arg.min_replicas, _TOO_FEW
        if arg.min_replicas < limit:
            lowest, why = limit, _SCALE_DOWN_LIMIT
        if desired < lowest:
            return Limited(lowest, *why)
    return Limited(desired, *_WITHIN_RANGE)


def calculate_scale_up_limit_with_scaling_rules(
    current_replicas: int, events: ScaleEvents, rules: HPAScalingRules, *, now_ms: int
) -> int:
    """Return the highest count that the policies for scaling up allow now."""
    if rules.select_policy == ScalingPolicySelect.DISABLED:
        return current_replicas
    proposals = (
        _scale_up_proposal(policy, _period_start(current_replicas, events, policy, now_ms))
        for policy in rules.policies or ()
    )
    # the smallest change is the lowest count
    if rules.select_policy == ScalingPolicySelect.MIN:
        return min(proposals, default=MAX_INT32)
    return max(proposals, default=MIN_INT32)


def calculate_scale_down_limit_with_behaviors(
    current_replicas: int, events: ScaleEvents, rules: HPAScalingRules, *, now_ms: int
) -> int:
    """Return the lowest count that the policies for scaling down allow now."""
    if rules.select_policy == ScalingPolicySelect.DISABLED:
        return current_replicas
    proposals = (
        _scale_down_proposal(policy, _period_start(current_replicas, events, policy, now_ms))
        for policy in rules.policies or ()
    )
    # the smallest change is the highest count
    if rules.select_policy == ScalingPolicySelect.MIN:
        return max(proposals, default=MIN_INT32)
    return min(proposals, default=MAX_INT32)


def _period_start(
    current_replicas: int, events: ScaleEvents, policy: HPAScalingPolicy, now_ms: int
) -> int:
    """Return the count at the start of a policy's period: both directions' changes undone."""
    added = get_replicas_change_per_period(policy.period_seconds, events.up, now_ms=now_ms)
    deleted = get_replicas_change_per_period(policy.period_seconds, events.down, now_ms=now_ms)
    return wrap_int32(current_replicas - added + deleted)


def _scale_up_proposal(policy: HPAScalingPolicy, start: int) -> int:
    if policy.type == HPAScalingPolicyType.PODS:
        return wrap_int32(start + policy.value)
    return ceiling_to_int32(start * (1 + policy.value / 100))  # up, or one pod would stay one


def _scale_down_proposal(policy: HPAScalingPolicy, start: int) -> int:
    if policy.type == HPAScalingPolicyType.PODS:
        return wrap_int32(start - policy.value)
    return truncated_to_int32(start * (1 - policy.value / 100))
