"""From what metrics ask for to what is scaled to: windows, rate limits, bounds, and the conditions.

The two normalizeDesiredReplicas functions of horizontal.go; the rules themselves are in `behavior`.
"""

from __future__ import annotations

from scalecert.hpa.behavior import (
    SCALE_DOWN_STABILIZED,
    Limited,
    Normalization,
    ScaleEvents,
    convert_desired_replicas_with_behavior_rate,
    convert_desired_replicas_with_rules,
    stabilize_recommendation,
    stabilize_recommendation_with_behaviors,
)
from scalecert.hpa.defaults import DEFAULT_SCALE_DOWN_RULES, DEFAULT_SCALE_UP_RULES
from scalecert.hpa.memory import ControllerMemory
from scalecert.hpa.status import ConditionType
from scalecert.hpa.sync import SyncNotes
from scalecert.hpa.types import HorizontalPodAutoscalerBehavior


def normalize_desired_replicas(
    notes: SyncNotes,
    memory: ControllerMemory,
    arg: Normalization,
    *,
    downscale_stabilization_seconds: float,
    scale_up_limit_factor: float,
) -> int:
    """Return the count without `behavior`: highest recommendation of the window, bounds, doubling.

    Records the recommendation in `memory` and the conditions in `notes`.
    """
    stabilized = stabilize_recommendation(
        memory.recommendations.setdefault(notes.key, []),
        arg.desired_replicas,
        downscale_stabilization_seconds,
        now_ms=notes.now_ms,
    )
    _note_stabilization(notes, arg, Limited(stabilized, *SCALE_DOWN_STABILIZED))
    limited = convert_desired_replicas_with_rules(
        arg._replace(desired_replicas=stabilized), scale_up_limit_factor=scale_up_limit_factor
    )
    _note_limit(notes, limited, stabilized)
    return limited.replicas


def normalize_desired_replicas_with_behaviors(
    notes: SyncNotes,
    memory: ControllerMemory,
    arg: Normalization,
    behavior: HorizontalPodAutoscalerBehavior,
    *,
    downscale_stabilization_seconds: float,
) -> int:
    """Return the count with `behavior`: both windows, the policies of the direction, its bound.

    Records the recommendation in `memory` and the conditions in `notes`.
    """
    scale_up = behavior.scale_up or DEFAULT_SCALE_UP_RULES
    scale_down = behavior.scale_down or DEFAULT_SCALE_DOWN_RULES
    down_window_seconds = scale_down.stabilization_window_seconds
    if down_window_seconds is None:
        down_window_seconds = int(downscale_stabilization_seconds)
    stabilized = stabilize_recommendation_with_behaviors(
        memory.recommendations.setdefault(notes.key, []),
        arg.desired_replicas,
        arg.current_replicas,
        scale_up.stabilization_window_seconds or 0,
        down_window_seconds,
        now_ms=notes.now_ms,
    )
    _note_stabilization(notes, arg, stabilized)
    limited = convert_desired_replicas_with_behavior_rate(
        arg._replace(desired_replicas=stabilized.replicas),
        ScaleEvents(
            memory.scale_up_events.get(notes.key, ()), memory.scale_down_events.get(notes.key, ())
        ),
        scale_up,
        scale_down,
        now_ms=notes.now_ms,
    )
    _note_limit(notes, limited, stabilized.replicas)
    return limited.replicas


def _note_stabilization(notes: SyncNotes, arg: Normalization, stabilized: Limited) -> None:
    reason, message = "ReadyForNewScale", "recommended size matches current size"
    if stabilized.replicas != arg.desired_replicas:
        reason, message = stabilized.reason, stabilized.message
    notes.set_condition(ConditionType.ABLE_TO_SCALE, "True", reason, message)


def _note_limit(notes: SyncNotes, limited: Limited, stabilized: int) -> None:
    status = "False" if limited.replicas == stabilized else "True"
    notes.set_condition(ConditionType.SCALING_LIMITED, status, limited.reason, limited.message)
