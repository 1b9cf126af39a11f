"""Rules on when the HPA scales: range, behavior, thresholds that want one."""

from __future__ import annotations

from collections.abc import Iterator

from scalecert.documents.nodes import value_at
from scalecert.policy.lint.finding import Facts, LintFinding, LintRule, finding_at
from scalecert.policy.lint.kinds import is_queue
from scalecert.scenario.model import PodStartup


def _replica_range(facts: Facts) -> Iterator[LintFinding]:
    """`replica-range`: there is room between minReplicas and maxReplicas."""
    least, most = facts.policy.hpa.min_replicas or 0, facts.policy.hpa.max_replicas
    place = facts.policy.place("spec.maxReplicas")
    if least == most:
        message = f"minReplicas and maxReplicas are both {most}: nothing is ever scaled"
        yield finding_at(place, "replica-range", "warning", message, "raise maxReplicas")
    else:
        yield finding_at(place, "replica-range", "pass", f"{least} to {most} replicas")


def _one_autoscaler(facts: Facts) -> Iterator[LintFinding]:
    """`one-autoscaler`: no other HPA scales the same pods."""
    policy = facts.policy
    if policy.rivals:
        target, names = policy.hpa.scale_target_ref, ", ".join(policy.rivals)
        yield finding_at(
            policy.place("spec.scaleTargetRef"),
            "one-autoscaler",
            "warning",
            f"{names} of the input too would scale {target.kind} {target.name}, and in one cluster"
            " neither would: the controller stops at AmbiguousSelector",
            "apply one of them, or join their metrics in one HPA",
        )


def _scaling_disabled(facts: Facts) -> Iterator[LintFinding]:
    """`scaling-disabled`: neither direction is switched off."""
    behavior = facts.policy.hpa.behavior
    for field, word, rules in (
        ("scaleUp", "up", behavior and behavior.scale_up),
        ("scaleDown", "down", behavior and behavior.scale_down),
    ):
        if rules and rules.select_policy == "Disabled":
            place = facts.policy.place(f"spec.behavior.{field}.selectPolicy")
            message = f"behavior.{field} is Disabled: it never scales {word}"
            yield finding_at(place, "scaling-disabled", "warning", message)


def _stabilization(facts: Facts) -> Iterator[LintFinding]:
    """`stabilization-window`: scaling down waits at least as long as a start-up takes."""
    behavior = facts.policy.hpa.behavior
    rules = behavior.scale_down if behavior else None
    window = rules.stabilization_window_seconds if rules else None
    startup = PodStartup().image_pull + facts.resolved.profile.spec.startup.model_load_seconds
    if window is not None and window < startup:
        path = "spec.behavior.scaleDown.stabilizationWindowSeconds"
        yield finding_at(
            facts.policy.place(path),
            "stabilization-window",
            "warning",
            f"scaling down waits {window} s, a new server takes about {startup:g} s to come back",
            "raise it to the start-up time or more",
        )


_FEW = 10.0
"""Google's best practices for a backlog: for a threshold below it, tune the HPA for spikes."""


def _low_threshold(facts: Facts) -> Iterator[LintFinding]:
    """`low-threshold`: a queue's small target comes with an own pace of scaling up."""
    tuned = value_at(facts.policy.document.value, "spec.behavior.scaleUp.policies")
    for signal in facts.signals:
        if not is_queue(signal) or not 0 < signal.target_value < _FEW:
            continue
        place, target = facts.place(signal), f"{signal.target_value:g}"
        if tuned:
            message = f"behavior.scaleUp sets the pace at a target of {target} waiting requests"
            yield finding_at(place, "low-threshold", "pass", message)
            continue
        yield finding_at(
            place,
            "low-threshold",
            "warning",
            f"any spike exceeds a target of {target} waiting requests many times over, and nothing"
            " sets the pace: by default replicas double, or 4 come, every 15 s",
            "set behavior.scaleUp.policies for spikes, or a target of 10 or more",
        )


RULES = (
    LintRule(
        "replica-range",
        "Is there room between minReplicas and maxReplicas?",
        "warning",
        "where both are the same nothing is ever scaled",
        _replica_range,
    ),
    LintRule(
        "one-autoscaler",
        "Is this the only HPA of the input that scales its target?",
        "warning",
        "each is judged as if it were alone, to compare them; together in a cluster they scale"
        " nothing",
        _one_autoscaler,
    ),
    LintRule(
        "scaling-disabled",
        "Are both directions of scaling switched on?",
        "warning",
        "selectPolicy: Disabled keeps replicas from being added, or from ever going",
        _scaling_disabled,
    ),
    LintRule(
        "stabilization-window",
        "Does scaling down wait at least as long as a server takes to start?",
        "warning",
        "a shorter window takes away a server that the next rise of the load has to wait for",
        _stabilization,
    ),
    LintRule(
        "low-threshold",
        "Does a queue's target under 10 come with policies for scaling up?",
        "warning",
        "a short queue is a sensitive signal: a spike exceeds such a target many times over, so how"
        " many replicas come at once should be a choice",
        _low_threshold,
    ),
)
