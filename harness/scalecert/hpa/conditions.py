"""Conditions and events of an HPA, as one sync builds them up (setConditionInList upstream)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from scalecert.hpa.status import ConditionType, HorizontalPodAutoscalerCondition


class EventType(StrEnum):
    """Severity of an event."""

    NORMAL = "Normal"
    WARNING = "Warning"


class Event(msgspec.Struct, frozen=True):
    """One event as the controller emits it, before the API's aggregation and rate limit."""

    type: EventType
    reason: str
    message: str


def set_condition_in_list(
    conditions: list[HorizontalPodAutoscalerCondition],
    kind: ConditionType,
    status: str,
    reason: str,
    message: str,
    *,
    now_ms: int,
) -> None:
    """Replace the condition of that type in its place, or append it.

    Its transition time moves only when `status` changes.
    """
    for index, one in enumerate(conditions):
        if one.type == kind:
            since_ms = one.last_transition_time_ms if one.status == status else now_ms
            conditions[index] = HorizontalPodAutoscalerCondition(
                kind, status, since_ms, reason, message
            )
            return
    conditions.append(HorizontalPodAutoscalerCondition(kind, status, now_ms, reason, message))


def is_condition_true(
    conditions: Iterable[HorizontalPodAutoscalerCondition], kind: ConditionType
) -> bool:
    """Tell whether there is a condition of that type and it is "True"."""
    return any(one.type == kind and one.status == "True" for one in conditions)
