"""The HPA controller (pkg/controller/podautoscaler/horizontal.go).

`HorizontalController.reconcile` is one sync of one HPA: spec, status, scale, pods, metrics and time
in, a replica count and a status out. It has no clock, thread or client: the caller gives the time
and carries the status from one sync to the next; what the process itself would remember is in
`memory`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from scalecert.hpa.api_writes import finished, stopped, write_scale
from scalecert.hpa.behavior import Normalization, store_scale_event
from scalecert.hpa.conditions import Event, EventType, is_condition_true
from scalecert.hpa.config import HorizontalControllerConfig
from scalecert.hpa.defaults import (
    DEFAULT_MIN_REPLICAS,
    DEFAULT_SCALE_DOWN_RULES,
    DEFAULT_SCALE_UP_RULES,
)
from scalecert.hpa.memory import ControllerMemory, TimestampedRecommendation
from scalecert.hpa.metric_computation import Replicas
from scalecert.hpa.metrics.interfaces import MetricsClient
from scalecert.hpa.metrics_computation import (
    compute_replicas_for_metrics,
    validate_and_parse_selector,
)
from scalecert.hpa.normalization import (
    normalize_desired_replicas,
    normalize_desired_replicas_with_behaviors,
)
from scalecert.hpa.pods import Pod
from scalecert.hpa.replica_calculator import ReplicaCalculator
from scalecert.hpa.status import ConditionType, HorizontalPodAutoscalerStatus, MetricStatus
from scalecert.hpa.sync import (
    NO_FAULTS,
    NO_TIME_TAKEN,
    ApiFaults,
    ErrorLabel,
    Scale,
    SyncError,
    SyncNotes,
    SyncOutcome,
    SyncTimes,
    action_label,
)
from scalecert.hpa.types import HorizontalPodAutoscalerSpec, MetricSourceType
from scalecert.hpa.usage_ratio import Tolerances

__all__ = ["HorizontalController", "HorizontalControllerConfig"]


class _Decision(NamedTuple):
    """The replica count to have, and why. `error` is of metrics that could not be computed."""

    replicas: int
    reason: str = ""
    metrics: tuple[MetricStatus, ...] = ()
    error: str | None = None


@dataclass(slots=True)
class HorizontalController:
    """The controller of any number of HPAs. A restart is a new `memory`.

    Args:
        config: flags and gates.
        memory: what the process remembers.
    """

    config: HorizontalControllerConfig = field(default_factory=HorizontalControllerConfig)
    memory: ControllerMemory = field(default_factory=ControllerMemory)

    def reconcile(  # noqa: PLR0917 - all that one sync is made of
        self,
        key: str,
        spec: HorizontalPodAutoscalerSpec,
        status: HorizontalPodAutoscalerStatus,
        scale: Scale,
        pods: Sequence[Pod],
        metrics: MetricsClient,
        now_ms: int,
        *,
        times: SyncTimes = NO_TIME_TAKEN,
        faults: ApiFaults = NO_FAULTS,
    ) -> SyncOutcome:
        """Do one sync.

        Args:
            key: `namespace/name` of the HPA.
            spec: with defaults filled in, and valid.
            status: as the last sync's outcome has it (an empty one for a new HPA).
            scale: of the target.
            pods: of the namespace; the scale's selector selects among them.
            metrics: where metrics come from.
            now_ms: the time when the sync starts.
            times: for a sync that takes time.
            faults: what the API server refuses this time.
        """
        notes = SyncNotes(key, spec, status, times, faults, now_ms, list(status.conditions))
        current = scale.spec_replicas
        try:
            self._get_scale(notes)
        except SyncError as failure:
            return stopped(notes, status, current, failure)
        self.memory.recommendations.setdefault(key, [TimestampedRecommendation(current, now_ms)])
        try:
            decision = self._decide_without_metrics(notes, current)
            if decision is None:
                decision = self._decide_by_metrics(notes, scale, pods, metrics)
        except SyncError as failure:
            told = replace(status, current_replicas=current, current_metrics=failure.metrics)
            outcome = stopped(notes, told, current, failure)
            cause = Event(EventType.WARNING, "FailedComputeMetricsReplicas", str(failure))
            return replace(
                outcome,
                events=(*outcome.events, cause),
                error="failed to compute desired number of replicas based on listed metrics for "
                f"{notes.reference}: {failure}",
            )
        return self._carry_out(notes, current, decision)

    def forget(self, key: str) -> None:
        """Forget a deleted HPA."""
        self.memory.forget(key)

    def tolerances_for_hpa(self, spec: HorizontalPodAutoscalerSpec) -> Tolerances:
        """Return the tolerances of the spec's behavior, or the controller's own."""
        down = up = self.config.tolerance
        if spec.behavior is not None and self.config.configurable_tolerance:
            rules = spec.behavior.scale_down
            if rules is not None and rules.tolerance is not None:
                down = rules.tolerance.as_approximate_float64()
            rules = spec.behavior.scale_up
            if rules is not None and rules.tolerance is not None:
                up = rules.tolerance.as_approximate_float64()
        return Tolerances(down, up)

    def _get_scale(self, notes: SyncNotes) -> None:
        """Note that the target's scale could be had, or fail."""
        version = notes.spec.scale_target_ref.api_version
        if version.count("/") > 1:
            problem, label = f"unexpected GroupVersion string: {version}", ErrorLabel.SPEC
            text = f"invalid API version in scale target reference: {problem}"
        elif notes.faults.get_scale is not None:
            problem, label = notes.faults.get_scale, ErrorLabel.INTERNAL
            text = f"failed to query scale subresource for {notes.reference}: {problem}"
        else:
            notes.set_condition(
                ConditionType.ABLE_TO_SCALE,
                "True",
                "SucceededGetScale",
                "the HPA controller was able to get the target's current scale",
            )
            return
        notes.warn("FailedGetScale", problem)
        notes.set_condition(
            ConditionType.ABLE_TO_SCALE,
            "False",
            "FailedGetScale",
            f"the HPA controller was unable to get the target's current scale: {problem}",
        )
        raise SyncError(text, label=label)

    def _decide_without_metrics(self, notes: SyncNotes, current: int) -> _Decision | None:
        """Return what is decided without metrics, windows and rate limits; None: nothing is."""
        lowest, highest = _min_replicas(notes.spec), notes.spec.max_replicas
        if current == 0:
            if self._is_scaled_to_zero(notes) and (lowest or _has_outside_metric(notes.spec)):
                return None
            notes.set_condition(
                ConditionType.SCALING_ACTIVE,
                "False",
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
            )
            if not self.config.scale_to_zero:
                notes.remove_condition(ConditionType.SCALED_TO_ZERO)
            return _Decision(0)
        if current > highest:
            return _Decision(highest, "Current number of replicas above Spec.MaxReplicas")
        if current < lowest:
            return _Decision(lowest, "Current number of replicas below Spec.MinReplicas")
        return None

    def _is_scaled_to_zero(self, notes: SyncNotes) -> bool:
        return self.config.scale_to_zero and is_condition_true(
            notes.conditions, ConditionType.SCALED_TO_ZERO
        )

    def _decide_by_metrics(
        self, notes: SyncNotes, scale: Scale, pods: Sequence[Pod], metrics: MetricsClient
    ) -> _Decision:
        current, lowest = scale.spec_replicas, _min_replicas(notes.spec)
        calculator = self._calculator(notes, scale.selector, pods, metrics)
        counts = Replicas(scale.spec_replicas, scale.status_replicas)
        computed = compute_replicas_for_metrics(notes, counts, calculator)
        desired = max(computed.replicas, 0)
        reason = ""
        if desired > current:
            reason = f"{computed.metric_name} above target"
        elif desired < current:
            reason = "All metrics below target"
        desired = self._normalize(
            notes, Normalization(current, desired, lowest, notes.spec.max_replicas)
        )
        if current == 0 and desired < lowest and self._is_scaled_to_zero(notes):
            desired = lowest
            reason = reason or "Current number of replicas below Spec.MinReplicas"
        return _Decision(desired, reason, computed.statuses, computed.error)

    def _calculator(
        self, notes: SyncNotes, selector_text: str, pods: Sequence[Pod], metrics: MetricsClient
    ) -> ReplicaCalculator:
        selector, selected = validate_and_parse_selector(notes, self.memory, selector_text, pods)
        return ReplicaCalculator(
            metrics,
            selected,
            notes.namespace,
            selector,
            self.tolerances_for_hpa(notes.spec),
            self.config.readiness_periods,
            self.config.pod_level_resources,
        )

    def _normalize(self, notes: SyncNotes, arg: Normalization) -> int:
        window_seconds = self.config.downscale_stabilization_seconds
        if notes.spec.behavior is None:
            return normalize_desired_replicas(
                notes,
                self.memory,
                arg,
                downscale_stabilization_seconds=window_seconds,
                scale_up_limit_factor=self.config.scale_up_limit_factor,
            )
        return normalize_desired_replicas_with_behaviors(
            notes,
            self.memory,
            arg,
            notes.spec.behavior,
            downscale_stabilization_seconds=window_seconds,
        )

    def _carry_out(self, notes: SyncNotes, current: int, decision: _Decision) -> SyncOutcome:
        """Write the scale where it changes, and the status."""
        desired = decision.replicas
        told = replace(notes.before, current_replicas=current, current_metrics=decision.metrics)
        if desired == current:
            told = replace(told, desired_replicas=desired)
            return finished(notes, told, desired, decision.error)
        problem = write_scale(notes)
        if problem is not None:
            notes.warn(
                "FailedRescale",
                f"New size: {desired}; reason: {decision.reason}; error: {problem}",
            )
            notes.set_condition(
                ConditionType.ABLE_TO_SCALE,
                "False",
                "FailedUpdateScale",
                f"the HPA controller was unable to update the target scale: {problem}",
            )
            text = f"failed to rescale {notes.reference}: {problem}"
            return stopped(notes, told, desired, SyncError(text))
        self._note_rescale(notes, current, decision)
        told = replace(told, desired_replicas=desired, last_scale_time_ms=notes.now_ms)
        outcome = finished(notes, told, desired, decision.error)
        return replace(outcome, replicas=desired, action=action_label(desired, current))

    def _note_rescale(self, notes: SyncNotes, current: int, decision: _Decision) -> None:
        desired = decision.replicas
        notes.set_condition(
            ConditionType.ABLE_TO_SCALE,
            "True",
            "SucceededRescale",
            f"the HPA controller was able to update the target scale to {desired}",
        )
        message = f"New size: {desired}; reason: {decision.reason}"
        notes.events.append(Event(EventType.NORMAL, "SuccessfulRescale", message))
        self._store_scale_event(notes, current, desired)
        if not self.config.scale_to_zero:
            notes.remove_condition(ConditionType.SCALED_TO_ZERO)
        elif desired == 0 == _min_replicas(notes.spec) and _has_outside_metric(notes.spec):
            notes.set_condition(
                ConditionType.SCALED_TO_ZERO,
                "True",
                "ScaledToZero",
                "the HPA controller scaled the workload to zero",
            )
        else:
            notes.set_condition(
                ConditionType.SCALED_TO_ZERO,
                "False",
                "NotScaledToZero",
                "the HPA controller did not scale the workload to zero",
            )

    def _store_scale_event(self, notes: SyncNotes, current: int, desired: int) -> None:
        behavior = notes.spec.behavior
        if behavior is None:  # no policies that would look at it
            return
        if desired > current:
            table, rules = self.memory.scale_up_events, behavior.scale_up
        else:
            table, rules = self.memory.scale_down_events, behavior.scale_down
        default = DEFAULT_SCALE_UP_RULES if desired > current else DEFAULT_SCALE_DOWN_RULES
        store_scale_event(
            table.setdefault(notes.key, []),
            rules or default,
            abs(desired - current),
            now_ms=notes.now_ms,
        )


def _min_replicas(spec: HorizontalPodAutoscalerSpec) -> int:
    return DEFAULT_MIN_REPLICAS if spec.min_replicas is None else spec.min_replicas


def _has_outside_metric(spec: HorizontalPodAutoscalerSpec) -> bool:
    """Tell whether there is a metric that exists without pods (hasObjectOrExternalMetrics)."""
    outside = (MetricSourceType.OBJECT, MetricSourceType.EXTERNAL)
    return any(metric.type in outside for metric in spec.metrics)
