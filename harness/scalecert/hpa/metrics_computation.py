"""From all metrics of the spec to one count: the highest (computeReplicasForMetrics upstream)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scalecert.hpa.defaults import DEFAULT_METRICS
from scalecert.hpa.memory import ControllerMemory
from scalecert.hpa.metric_computation import (
    MetricComputationError,
    MetricResult,
    Replicas,
    compute_replicas_for_metric,
)
from scalecert.hpa.pods import Pod
from scalecert.hpa.replica_calculator import ReplicaCalculator
from scalecert.hpa.selectors import Selector, SelectorError, parse_selector
from scalecert.hpa.status import ConditionType, MetricStatus
from scalecert.hpa.sync import (
    ActionLabel,
    ErrorLabel,
    MetricProposal,
    SyncError,
    SyncNotes,
    action_label,
)
from scalecert.hpa.types import MetricSpec


class ComputedReplicas(NamedTuple):
    """What the metrics together ask for; `error` is of those that could not be computed."""

    replicas: int
    metric_name: str
    statuses: tuple[MetricStatus, ...]
    error: str | None


def compute_replicas_for_metrics(
    notes: SyncNotes, replicas: Replicas, calculator: ReplicaCalculator
) -> ComputedReplicas:
    """Return the highest proposal.

    Raises:
        SyncError: no metric could be computed, or some could not and the others say down.
    """
    highest, name = 0, ""
    statuses: list[MetricStatus] = []
    errors: list[MetricComputationError] = []
    for index, metric in enumerate(notes.spec.metrics or DEFAULT_METRICS):
        notes.metric_returns(index)
        try:
            result = compute_replicas_for_metric(metric, replicas, calculator, now_ms=notes.now_ms)
        except MetricComputationError as error:
            notes.warn(error.reason, error.cause)
            notes.proposals.append(_failed(metric, error))
            statuses.append(MetricStatus())
            errors.append(error)
            continue
        notes.proposals.append(_proposed(metric, result, notes.before.current_replicas))
        statuses.append(result.status)
        # upstream takes 0 for "none yet", so that a zero even gives way to a negative overflow
        if highest == 0 or result.replicas > highest:
            highest, name = result.replicas, result.name
    gives_up = len(errors) == len(statuses) or (bool(errors) and highest < replicas.spec)
    error_text = _error_text(errors, len(statuses))
    _note_scaling_active(notes, errors[0] if gives_up else None, name)
    if gives_up:
        raise SyncError(error_text, tuple(statuses))
    return ComputedReplicas(highest, name, tuple(statuses), error_text or None)


def validate_and_parse_selector(
    notes: SyncNotes, memory: ControllerMemory, text: str, pods: Sequence[Pod]
) -> tuple[Selector, list[Pod]]:
    """Return the target's selector and the pods it selects.

    Raises:
        SyncError: it is missing or can't be parsed, or another HPA selects some of the pods too.
    """
    if not text:
        message = "the HPA target's scale is missing a selector"
        raise _bad_selector(notes, "SelectorRequired", "selector is required", message)
    try:
        selector = parse_selector(text)
    except SelectorError as error:
        problem = (
            f"couldn't convert selector into a corresponding internal selector object: {error}"
        )
        raise _bad_selector(notes, "InvalidSelector", problem, problem) from None
    memory.selectors[notes.key] = selector
    selected = [pod for pod in pods if selector.matches(pod.labels)]
    rivals = _hpas_controlling_pods(memory, notes.namespace, selected)
    if len(rivals) > 1:
        names = " ".join(f"{{{name} {notes.namespace}}}" for name in rivals)
        problem = f"pods by selector {text} are controlled by multiple HPAs: [{names}]"
        raise _bad_selector(notes, "AmbiguousSelector", problem, problem)
    return selector, selected


def _hpas_controlling_pods(
    memory: ControllerMemory, namespace: str, pods: Sequence[Pod]
) -> list[str]:
    """Return the names of the HPAs of the namespace whose selectors select any of the pods."""
    if len(memory.selectors) < 2:
        return []
    return sorted(
        key.rpartition("/")[2]
        for key, selector in memory.selectors.items()
        if key.rpartition("/")[0] == namespace and any(selector.matches(one.labels) for one in pods)
    )


def _bad_selector(notes: SyncNotes, event: str, problem: str, message: str) -> SyncError:
    notes.warn(event, problem)
    reason = "AmbiguousSelector" if event == "AmbiguousSelector" else "InvalidSelector"
    notes.set_condition(ConditionType.SCALING_ACTIVE, "False", reason, message)
    return SyncError(problem)


def _note_scaling_active(
    notes: SyncNotes, first_error: MetricComputationError | None, metric_name: str
) -> None:
    if first_error is not None:
        message = f"the HPA was unable to compute the replica count: {first_error.cause}"
        notes.set_condition(ConditionType.SCALING_ACTIVE, "False", first_error.reason, message)
        return
    message = f"the HPA was able to successfully calculate a replica count from {metric_name}"
    notes.set_condition(ConditionType.SCALING_ACTIVE, "True", "ValidMetricFound", message)


def _error_text(errors: Sequence[MetricComputationError], metrics_count: int) -> str:
    if not errors:
        return ""
    return (
        f"invalid metrics ({len(errors)} invalid out of {metrics_count}), "
        f"first error is: {errors[0]}"
    )


def _proposed(metric: MetricSpec, result: MetricResult, reported_replicas: int) -> MetricProposal:
    return MetricProposal(
        type=metric.type,
        name=result.name,
        replicas=result.replicas,
        current=result.status.current,
        error=None,
        action=action_label(result.replicas, reported_replicas),
        error_label=ErrorLabel.NONE,
    )


def _failed(metric: MetricSpec, error: MetricComputationError) -> MetricProposal:
    return MetricProposal(
        type=metric.type,
        name="",
        replicas=None,
        current=None,
        error=str(error),
        action=ActionLabel.NONE,
        error_label=error.label,
    )
