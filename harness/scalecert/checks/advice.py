"""Next steps: which field of the policy to change, and to about what.

Heuristics, and said as such ("about"): a target is moved in proportion to how far a figure is
beyond its limit, by no more than half at once, because the response is not linear.
"""

from __future__ import annotations

import math

from scalecert.checks.timeline import behavior, replicas, run
from scalecert.recording.model import Recording
from scalecert.recording.plan import Plan, Signal

_OFTEN_AT_MAXIMUM = 0.1
"""Share of the run at maxReplicas from which that is what to change first."""


def for_latency(recording: Recording, ratio: float) -> str:
    """Return what to do about a latency that is `ratio` times its limit (inf: requests lost)."""
    plan = recording.plan
    if math.isinf(ratio):
        return f"see no-request-lost first; then {for_latency(recording, 2.0)}"
    share = share_at_maximum(recording)
    if plan.policy.max_replicas > plan.policy.min_replicas and share >= _OFTEN_AT_MAXIMUM:
        return (
            f"raise maxReplicas above {plan.policy.max_replicas}: "
            f"the policy was at it for {share * 100:.0f} % of the run"
        )
    return f"{lower_target(plan, ratio)}, or raise minReplicas above {plan.policy.min_replicas}"


def share_at_maximum(recording: Recording) -> float:
    """Return the share of the run in which the spec was at maxReplicas."""
    spec, whole = replicas(recording, "spec"), run(recording.plan)
    at_maximum = spec.values >= recording.plan.policy.max_replicas
    return type(spec)(spec.times, at_maximum.astype(float)).mean(whole)


def lower_target(plan: Plan, ratio: float) -> str:
    """Return the advice to add replicas earlier, for a figure `ratio` times its limit."""
    factor = max(0.5, 1 / ratio) if ratio > 1 else 1.0
    return _move_target(plan, min(0.9, factor), "lower", "added earlier")


def raise_target(plan: Plan, ratio: float) -> str:
    """Return the advice to use replicas better, for a figure `ratio` times its limit."""
    return _move_target(plan, max(1.1, min(2.0, ratio)), "raise", "used better")


def _move_target(plan: Plan, factor: float, verb: str, effect: str) -> str:
    signal = next((signal for signal in plan.signals if signal.exists), None)
    if signal is None:
        return f"give the policy a metric that exists, so that replicas are {effect}"
    now, then = (
        quantity(signal, signal.target_value),
        quantity(signal, signal.target_value * factor),
    )
    return (
        f"{verb} the target of {signal.metric} from {now} to about {then}, "
        f"so that replicas are {effect}"
    )


def quantity(signal: Signal, value: float) -> str:
    """Return a target as a manifest has it: `12`, `0.5 (500m)`, `80 %`."""
    if signal.target_type == "Utilization":
        return f"{value:.0f} %"
    if value >= 100:
        return f"{value:.0f}"
    rounded = float(f"{value:.2g}")
    return f"{rounded:g} ({rounded * 1000:.0f}m)" if 0 < rounded < 1 else f"{rounded:g}"


def for_slow_reaction(plan: Plan) -> str:
    """Return what to do about a first scale-up that comes late."""
    window = behavior(plan, "scaleUp", "stabilizationWindowSeconds") or 0.0
    if window > 0:
        return f"lower behavior.scaleUp.stabilizationWindowSeconds from {window:g} to 0"
    if plan.scrape_interval_seconds > 15:
        return f"scrape every 15s instead of every {plan.scrape_interval_seconds:g}s"
    return lower_target(plan, 1.5)


def for_slow_return(plan: Plan) -> str:
    """Return what to do about replicas that stay for long after the load is gone."""
    window = behavior(plan, "scaleDown", "stabilizationWindowSeconds")
    if window is not None and window > 300:
        return f"lower behavior.scaleDown.stabilizationWindowSeconds from {window:g} to about 300"
    return "allow larger steps in behavior.scaleDown.policies, e.g. 100 percent per 15 s"
