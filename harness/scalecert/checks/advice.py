"""Next steps: which field of the policy to change, and to about what.

What holds a policy back is looked for in order of how surely it does: a number that stood in for
missing data, a brake in `behavior`, a scrape that is too rare, a signal that can't tell the load,
too few replicas allowed; only then is the target to blame. Heuristics, and said as such ("about"):
a target is moved in proportion to how far a figure is beyond its limit, by no more than half at
once, because the response is not linear.
"""

from __future__ import annotations

import math

import numpy as np

from scalecert.checks.deaf_signals import for_deaf_signal
from scalecert.checks.targets import highest_useful_target, highest_value, moved, quantity
from scalecert.checks.timeline import behavior, planned_rates, replicas, rules, run
from scalecert.recording.model import Recording
from scalecert.recording.plan import HEADROOM_UTILIZATION, Plan, Signal
from scalecert.recording.quantiles import Floats
from scalecert.units import format_figure

_OFTEN_AT_MAXIMUM = 0.1
"""Share of the run at maxReplicas from which that is what to change first."""

_OFTEN_UNPLACED = 0.05
"""Share of the run with pods that no node takes from which nodes are what is missing."""

_RARE_SCRAPES_SECONDS = 60.0
"""Four syncs: the HPA acts on the same figure four times."""

_WIDE_TOLERANCE = 0.25
"""The tolerance (default 0.1) beyond which it is a brake: a quarter more load goes unseen."""

_SLOW_START_REPLICAS_PER_MINUTE = 4.0
"""Below a quarter of the default pace (4 pods per 15 s), the policies of scaleUp are a brake."""

_OFTEN_ZERO = 0.4
"""Share of syncs with a zero from which a signal is silent: it does not tell loads apart."""


def for_latency(recording: Recording, ratio: float) -> str:
    """Return what to do about a latency that is `ratio` times its limit (inf: requests lost)."""
    plan = recording.plan
    if math.isinf(ratio):
        return f"see no-request-lost first; then {for_latency(recording, 2.0)}"
    held_back = _held_back(recording)
    if held_back:
        return held_back
    waiting = _share_unplaced(recording)
    if waiting >= _OFTEN_UNPLACED:
        return f"add nodes, or warm ones: pods waited for one at {waiting * 100:.0f} % of the run"
    if _needs_more_than_maximum(plan) and share_at_maximum(recording) >= _OFTEN_AT_MAXIMUM:
        return (
            f"raise maxReplicas above {plan.policy.max_replicas}: the policy was at it for"
            f" {share_at_maximum(recording) * 100:.0f} % of the run"
        )
    return f"{lower_target(plan, ratio)}, or raise minReplicas above {plan.policy.min_replicas}"


def _held_back(recording: Recording) -> str:
    """Return what to do about what keeps replicas from coming in time, empty if nothing does."""
    plan = recording.plan
    return (
        for_made_up_value(recording)
        or brake(plan)
        or for_rare_scrapes(plan)
        or for_dull_signal(recording)
    )


def _needs_more_than_maximum(plan: Plan) -> bool:
    """Tell whether the peak, with headroom, takes more replicas than the policy may have."""
    needed = plan.capacity.replicas_for(
        plan.load.peak_per_second, at_least=1, utilization=HEADROOM_UTILIZATION
    )
    return plan.policy.min_replicas < plan.policy.max_replicas < needed


def share_at_maximum(recording: Recording) -> float:
    """Return the share of the run in which the spec was at maxReplicas."""
    spec, whole = replicas(recording, "spec"), run(recording.plan)
    at_maximum = spec.values >= recording.plan.policy.max_replicas
    return type(spec)(spec.times, at_maximum.astype(float)).mean(whole)


def _share_unplaced(recording: Recording) -> float:
    """Return the share of the run in which some pod was not bound to a node."""
    created, bound = replicas(recording, "created"), replicas(recording, "bound")
    waiting = type(bound)(bound.times, (created.values > bound.values).astype(float))
    return waiting.mean(run(recording.plan))


def brake(plan: Plan) -> str:
    """Return which field of `behavior.scaleUp` slows the policy down, empty if none does."""
    if rules(plan, "scaleUp").get("selectPolicy") == "Disabled":
        return "remove behavior.scaleUp.selectPolicy: Disabled, which forbids every scale-up"
    window = behavior(plan, "scaleUp", "stabilizationWindowSeconds") or 0.0
    if window > 0:
        return f"lower behavior.scaleUp.stabilizationWindowSeconds from {window:g} to 0"
    if _pods_per_minute(plan) < _SLOW_START_REPLICAS_PER_MINUTE:
        return "allow larger steps in behavior.scaleUp.policies, e.g. 4 pods or 100 % per 15 s"
    tolerance = max((signal.tolerance_up for signal in plan.signals), default=0.0)
    if tolerance > _WIDE_TOLERANCE:
        return f"lower behavior.scaleUp.tolerance from {tolerance:g} to 0.1"
    return ""


def _pods_per_minute(plan: Plan) -> float:
    """Return how many pods a minute the scaleUp policies add to half of maxReplicas."""
    half = max(1.0, plan.policy.max_replicas / 2)
    paces = [
        rule["value"]
        * (half / 100 if rule["type"] == "Percent" else 1)
        * 60
        / rule["periodSeconds"]
        for rule in rules(plan, "scaleUp").get("policies") or ()
    ]
    slowest = rules(plan, "scaleUp").get("selectPolicy") == "Min"
    return (min if slowest else max)(paces, default=math.inf)


def for_rare_scrapes(plan: Plan) -> str:
    """Return what to do about scrapes that are too rare to act on, empty if they are not."""
    if plan.scrape_interval_seconds < _RARE_SCRAPES_SECONDS:
        return ""
    return f"scrape every 15s instead of every {plan.scrape_interval_seconds:g}s"


def for_made_up_value(recording: Recording) -> str:
    """Return what to do about a number that stood in for missing data and took replicas away."""
    for signal in recording.plan.signals:
        if signal.fallback is None:
            continue
        fall = _fall_on(recording, signal, signal.fallback)
        if fall is not None:
            time, before, after = fall
            return (
                f"remove `or vector({signal.fallback:g})` from the rule of {signal.metric}: under"
                f" load, at {time:.0f} s, it read {signal.fallback:g} and replicas went from"
                f" {before:.0f} to {after:.0f}; a metric without a value would have kept them"
            )
    return ""


def _fall_on(
    recording: Recording, signal: Signal, fallback: float
) -> tuple[float, float, float] | None:
    """Return time, replicas before and after of the first fall under load on a fallback's value."""
    columns = [f"sync.{name}" for name in ("time_seconds", "spec_replicas", "desired_replicas")]
    if not recording.series.keys() >= {*columns, f"sync.metric.{signal.index}.value"}:
        return None
    times, before, after = (recording.series[name].astype(np.float64) for name in columns)
    made_up = _values(recording, signal) == fallback
    loaded = planned_rates(recording.plan, times) > 0
    found = np.flatnonzero(made_up & (after < before) & loaded)
    return (times[found[0]], before[found[0]], after[found[0]]) if found.size else None


def for_dull_signal(recording: Recording) -> str:
    """Return what to do about a policy none of whose signals tells the load, empty if one does."""
    dull = [_dullness(recording, signal) for signal in recording.plan.signals if signal.exists]
    if not dull or not all(dull):
        return ""
    return (
        f"{dull[0]}: scale on a metric that rises with the load from the start, such as the"
        " requests that a replica runs or the share of its KV cache in use"
    )


def _dullness(recording: Recording, signal: Signal) -> str:
    """Return why a signal can't tell the load, empty if it can."""
    if signal.source_type in ("Resource", "ContainerResource"):
        return f"{signal.metric} of the server does not tell how many requests it can still take"
    values = _values(recording, signal)
    present = values[np.isfinite(values)]
    zero = float(np.mean(present == 0.0)) if present.size else 0.0
    if zero < _OFTEN_ZERO or _idle_share(recording.plan) > zero / 2:
        return ""
    return f"{signal.metric} was 0 at {zero * 100:.0f} % of syncs, under load too"


def _values(recording: Recording, signal: Signal) -> Floats:
    """Return what the HPA saw at each sync, NaN for nothing; empty without a series."""
    values = recording.series.get(f"sync.metric.{signal.index}.value")
    return np.zeros(0) if values is None else values.astype(np.float64)


def _idle_share(plan: Plan) -> float:
    """Return the share of the run without any load."""
    idle = sum(
        part.end_seconds - part.start_seconds
        for part in plan.load.segments
        if part.rate_start <= 0 and part.rate_end <= 0
    )
    return idle / max(run(plan).length_seconds, 1e-9)


def lower_target(plan: Plan, ratio: float) -> str:
    """Return the advice to add replicas earlier, for a figure `ratio` times its limit."""
    signal = _signal(plan)
    if signal is None:
        return "give the policy a metric that exists, so that replicas are added earlier"
    factor = max(0.5, 1 / ratio) if ratio > 1 else 1.0
    return moved(signal, signal.target_value * min(0.9, factor), "lower", "added earlier")


def raise_target(recording: Recording, ratio: float) -> str:
    """Return the advice to use replicas better, for a figure `ratio` times its limit.

    Where the metric is an average per pod, the target that would have kept just the replicas of a
    fleet with headroom is known: total of the metric / those replicas.
    """
    plan = recording.plan
    signal = _signal(plan)
    if signal is None:
        return "give the policy a metric that exists, so that replicas are used better"
    summed = signal.source_type in ("External", "Object") and signal.aggregation in ("", "sum")
    if summed and signal.target_type == "Value":
        return (
            f"use AverageValue for {signal.metric}: with type Value the HPA compares the sum over"
            " all pods with the target of one, and multiplies by the pods that are ready"
        )
    if deaf := for_deaf_signal(recording):
        return deaf
    least = signal.target_value * max(1.1, min(2.0, ratio))
    highest = highest_value(signal)
    most = highest_useful_target(signal, highest)
    if most < 1.1 * signal.target_value:
        return (
            f"{signal.metric} ends at {format_figure(highest, signal.unit)}, so no higher target"
            f" than {quantity(signal, signal.target_value)} helps: scale on the requests that a"
            " replica runs or holds in its queue"
        )
    then = min(most, max(least, _frugal_target(recording, signal)))
    return moved(signal, then, "raise", "used better")


def _frugal_target(recording: Recording, signal: Signal) -> float:
    """Return the target that would have kept a fleet with headroom for the load; 0: unknown."""
    if signal.target_type != "AverageValue":
        return 0.0
    values, ready = _values(recording, signal), recording.series.get("sync.ready_replicas")
    if ready is None or not np.isfinite(values).any():
        return 0.0
    bins = recording.plan.fluid_minimum.replicas
    needed = sum(bins) / max(1, len(bins)) / HEADROOM_UTILIZATION
    return float(np.nanmean(values * ready.astype(np.float64))) / needed if needed > 0 else 0.0


def _signal(plan: Plan) -> Signal | None:
    return next((signal for signal in plan.signals if signal.exists), None)


def for_slow_reaction(recording: Recording) -> str:
    """Return what to do about replicas that are asked for late."""
    return _held_back(recording) or lower_target(recording.plan, 1.5)


def never_scales_down(plan: Plan) -> bool:
    """Tell whether the policy forbids every scale-down."""
    return rules(plan, "scaleDown").get("selectPolicy") == "Disabled"


def for_slow_return(recording: Recording) -> str:
    """Return what to do about replicas that stay for long after the load is gone."""
    plan = recording.plan
    if never_scales_down(plan):
        return "remove behavior.scaleDown.selectPolicy: Disabled, which forbids every scale-down"
    if deaf := for_deaf_signal(recording):
        return deaf
    window = behavior(plan, "scaleDown", "stabilizationWindowSeconds")
    if window is not None and window > 300:
        return f"lower behavior.scaleDown.stabilizationWindowSeconds from {window:g} to about 300"
    return "allow larger steps in behavior.scaleDown.policies, e.g. 100 percent per 15 s"


def for_restlessness(recording: Recording) -> str:
    """Return what to do about replicas that move while the load does not."""
    plan = recording.plan
    found = for_made_up_value(recording) or for_dull_signal(recording)
    if found:
        return found
    window = behavior(plan, "scaleDown", "stabilizationWindowSeconds")
    now = 300.0 if window is None else window
    longer = max(300.0, math.ceil(2 * plan.startup_seconds / 60) * 60.0)
    if now < longer:
        return (
            f"lengthen behavior.scaleDown.stabilizationWindowSeconds from {now:g} to about"
            f" {longer:g}, beyond the start-up of a pod ({plan.startup_seconds:g} s)"
        )
    return (
        "widen the tolerance (behavior.scaleUp.tolerance, behavior.scaleDown.tolerance) to 0.2,"
        f" or lengthen behavior.scaleDown.stabilizationWindowSeconds beyond {now:g}"
    )
