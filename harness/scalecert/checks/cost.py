"""Checks of waste: accelerator-hours against the fluid minimum, and the way back to minReplicas."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scalecert.checks import advice, billing
from scalecert.checks.finding import Verdict, format_measure
from scalecert.checks.registry import NoDataError, Outcome, check
from scalecert.checks.timeline import load_falls_seconds, planned_requests, replicas, run
from scalecert.recording.intervals import Span
from scalecert.recording.model import Recording
from scalecert.recording.plan import Plan
from scalecert.units import format_money


@check(
    id="accelerator-hours",
    title="Accelerator-hours",
    question="How much does the policy pay for, compared with the least that carries the load?",
    formula="integral of bound replicas (terminating ones too) / integral of the fluid minimum, per"
    " bin max(minReplicas, ceil(rate / capacity))",
    source="own figure: 1.25 headroom of a target at 80 % of capacity, 1.1 tolerance, and about"
    " 1.4 for start-up and five minutes of scale-down stabilization per load change",
    unit="x",
    default_limit=2.0,
)
def accelerator_hours(recording: Recording, limit: float) -> Outcome:
    """Compare the paid time with the fluid minimum's."""
    plan = recording.plan
    paid, cost = billing.accelerator_hours(recording), billing.cost(recording)
    each = plan.engine.accelerators_per_replica
    least = _fluid_replica_hours(plan) * each
    if least <= 0:
        raise NoDataError("the load needs no accelerator at all")
    ratio = paid / least
    costing = "" if cost is None else f", {format_money(cost, plan.currency)}"
    return Outcome(
        measured=ratio,
        message=f"{paid:.3g} {plan.engine.accelerator}-hours{costing}:"
        f" {ratio:.3g} x the fluid minimum of {least:.3g}",
        next_step=_cheaper(recording, ratio / limit if limit > 0 else math.inf),
        evidence={
            "acceleratorHours": paid,
            "fluidMinimumHours": least,
            "clairvoyantHours": _clairvoyant_hours(plan, each),
            "acceleratorsPerReplica": each,
            "pricePerHour": plan.price_per_hour,
            "cost": cost,
        },
    )


def _clairvoyant_hours(plan: Plan, accelerators: int) -> float | None:
    """Return what knowing the load ahead would have cost, start-ups included; None: not known."""
    found = plan.clairvoyant_minimum
    return None if found is None else found.replica_seconds / 3600 * accelerators


def _fluid_replica_hours(plan: Plan) -> float:
    """Return the fluid minimum's replica-hours; the last bin ends with the run."""
    return _replica_hours(plan, plan.fluid_minimum.replicas)


def _replica_hours(plan: Plan, counts: Sequence[int]) -> float:
    pairs = zip(counts, _bins(plan), strict=True)
    return sum(count * span.length_seconds for count, span in pairs) / 3600


def _bins(plan: Plan) -> list[Span]:
    """Return the fluid minimum's bins; the last one ends with the run."""
    width, end = plan.fluid_minimum.bin_seconds, run(plan).end_seconds
    return [
        Span(index * width, min((index + 1) * width, end))
        for index in range(len(plan.fluid_minimum.replicas))
    ]


def _bin_rates(plan: Plan) -> list[float]:
    """Return the planned rate's mean over each bin, requests/s."""
    return [planned_requests(plan, bin_) / max(bin_.length_seconds, 1e-9) for bin_ in _bins(plan)]


def _cheaper(recording: Recording, ratio: float) -> str:
    plan = recording.plan
    if advice.never_scales_down(plan):
        return advice.for_slow_return(recording)
    target, least = advice.raise_target(recording, ratio), plan.policy.min_replicas
    if least > 1:
        return f"lower minReplicas from {least}, or {target}"
    slow = advice.for_slow_return(recording)
    return target if slow == target else f"{target}, or {slow}"


@check(
    id="minimum-needed",
    title="Minimum replicas",
    question="Does the load need what minReplicas keep, or is the minimum itself the waste?",
    formula="integral of the fluid minimum, per bin max(minReplicas, ceil(rate / capacity)) /"
    " integral of the same with a minimum of 1",
    source="own figure: accelerator-hours takes minReplicas as given, so a fleet held at its"
    " maximum would be called thrifty; 2.5 lets a minimum of half of maxReplicas pass where the"
    " load is gone for half of the time",
    unit="x",
    default_limit=2.5,
    limit_text="2.5 x; 1 x if minReplicas and maxReplicas are the same",
)
def minimum_needed(recording: Recording, limit: float) -> Outcome:
    """Compare what minReplicas alone cost with what the load needs."""
    plan = recording.plan
    least, fixed = plan.policy.min_replicas, plan.policy.min_replicas == plan.policy.max_replicas
    counts = [plan.capacity.replicas_for(rate, at_least=1) for rate in _bin_rates(plan)]
    kept, load = _fluid_replica_hours(plan), _replica_hours(plan, counts)
    if load <= 0:
        raise NoDataError("the run has no length")
    ratio = kept / load
    return Outcome(
        measured=ratio,
        limit=1.0 if fixed else None,
        message=f"minReplicas {least} keep {ratio:.3g} x what the load needs"
        + (", and nothing is ever scaled: maxReplicas is the same" if fixed else ""),
        next_step=f"lower minReplicas from {least} to at most"
        f" {max(1, math.floor(least / ratio * limit * 0.8))}, so that replicas follow the load",
        evidence={"keptHours": kept, "neededHours": load},
    )


def _idle_rate(plan: Plan) -> float:
    """Return the rate at which minReplicas are at most half loaded.

    Half, because a policy with headroom keeps more than the bare need.
    """
    return 0.5 * plan.policy.min_replicas * plan.capacity.requests_per_second


@check(
    id="return-to-minimum",
    title="Return to the minimum",
    question="When the load is gone, how long does the policy keep paying?",
    formula="time from the planned rate's last fall to half of what minReplicas carry, or less,"
    " until spec.replicas is minReplicas to stay",
    source="HPA default scale-down stabilization 300 s, twice for a signal that drains slowly, and"
    " 300 s for scale-down policies of small steps",
    unit="s",
    default_limit=900.0,
)
def return_to_minimum(recording: Recording, limit: float) -> Outcome | None:
    """Judge the way back after the last fall of the load."""
    plan = recording.plan
    fall = load_falls_seconds(plan, _idle_rate(plan))
    if fall is None:
        return None
    rest = Span(fall, run(plan).end_seconds)
    spec, least = replicas(recording, "spec"), plan.policy.min_replicas
    wait = spec.last_outside(-math.inf, least, rest) - fall
    too_short = math.isinf(wait) and rest.length_seconds < limit
    state = f"after {format_measure(wait, 's')}" if math.isfinite(wait) else "not"
    return Outcome(
        measured=wait,
        message=f"back at minReplicas {least} {state} ({rest.length_seconds:g} s were left)"
        if math.isinf(wait)
        else f"back at minReplicas {least} {state}",
        next_step="make the scenario longer, so that the limit can pass"
        if too_short
        else advice.for_slow_return(recording),
        verdict=Verdict.INCONCLUSIVE if too_short else None,
        evidence={
            "loadFallsSeconds": fall,
            "replicasAtFall": spec.at(fall),
            "replicasAtEnd": spec.at(rest.end_seconds),
        },
    )
