"""Checks of how replicas move: settling, swing when the load is steady, events, overshoot."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from scalecert.checks import advice
from scalecert.checks.finding import format_measure
from scalecert.checks.registry import NoDataError, Outcome, check
from scalecert.checks.timeline import (
    changes,
    needed,
    replicas,
    run,
    settling_allowance_seconds,
    steady_spans,
    until_load_changes,
)
from scalecert.recording.intervals import Span, StepFunction
from scalecert.recording.model import Recording
from scalecert.recording.plan import Plan, Window
from scalecert.units import times

_LEAST_STEADY_SECONDS = 120.0
"""Eight syncs: the shortest span in which a swing can show."""


@check(
    id="settling",
    title="Settling",
    question="How long after a step do replicas keep moving, while the load does not?",
    formula="time from the step until spec.replicas is within max(1, 10 %) of its last value"
    " before the load changes again, and stays; worst step",
    source="HPA reaction (100 s) + start-up + the window in which a correction downwards waits",
    unit="s",
    level="extended",
    default_limit=lambda plan: 100.0 + settling_allowance_seconds(plan),
    limit_text="100 s + start-up + two syncs + scale-down stabilization",
)
def settling(recording: Recording, limit: float) -> Outcome | None:
    """Judge the steps after which the load stays for long enough to see it."""
    spec = replicas(recording, "spec")
    spans = [_steady_after(recording.plan, window) for window in recording.plan.windows]
    spans = [span for span in spans if span.length_seconds > limit]
    if not spans:
        return None
    times = [(_settling_seconds(spec, span), span) for span in spans]
    worst, span = max(times, key=lambda pair: pair[0])
    return Outcome(
        measured=worst,
        message=f"replicas moved for {format_measure(worst, 's')} after the step at"
        f" {span.start_seconds:g} s and ended at {spec.at(span.end_seconds):g}",
        next_step=advice.for_restlessness(recording),
        evidence={
            "steps": [
                {"stepSeconds": part.start_seconds, "settlingSeconds": seconds}
                for seconds, part in times
            ]
        },
    )


def _steady_after(plan: Plan, window: Window) -> Span:
    return Span(window.start_seconds, until_load_changes(plan, window.start_seconds))


def _settling_seconds(spec: StepFunction, span: Span) -> float:
    final = float(spec.within(span)[-1])
    band = max(1.0, 0.1 * final)
    return spec.last_outside(final - band, final + band, span) - span.start_seconds


@check(
    id="steady-swing",
    title="Swing under steady load",
    question="Do replicas stand still while the load does?",
    formula="highest - lowest spec.replicas over spans of constant rate, outside windows, from"
    " start-up + two syncs + scale-down stabilization after the span's begin; worst span",
    source="random arrivals: of n replicas at a target of T running requests the count has a"
    " standard deviation of sqrt(n T), so the HPA asks for n +- sqrt(n / T): 0.7 for 7 replicas at"
    " 13. The highest and lowest of half an hour are four deviations apart: 3 replicas, and half of"
    " a fleet whose servers are near saturation; a policy without stabilization shows twice that",
    unit="replicas",
    default_limit=3.0,
    limit_text="max(3, 50 % of the mean); a scenario's own limit replaces the 3",
)
def steady_swing(recording: Recording, limit: float) -> Outcome | None:
    """Judge the span whose swing is furthest beyond its limit."""
    spans = steady_spans(recording.plan, _LEAST_STEADY_SECONDS)
    if not spans:
        return None
    spec = replicas(recording, "spec")
    rows = [_swing(spec, span, limit) for span in spans]
    worst = max(rows, key=lambda row: float(row["swing"] - row["limit"]))
    return Outcome(
        measured=worst["swing"],
        limit=worst["limit"],
        message=f"replicas ranged from {worst['lowest']:g} to {worst['highest']:g} under constant"
        f" load from {worst['startSeconds']:g} to {worst['endSeconds']:g} s",
        next_step=advice.for_restlessness(recording),
        evidence={"spans": rows},
    )


def _swing(spec: StepFunction, span: Span, limit: float) -> dict[str, Any]:
    values, mean = spec.within(span), spec.mean(span)
    return {
        "startSeconds": span.start_seconds,
        "endSeconds": span.end_seconds,
        "lowest": float(values.min()),
        "highest": float(values.max()),
        "mean": mean,
        "changes": int((values[1:] != values[:-1]).sum()),
        "swing": float(values.max() - values.min()),
        "limit": max(limit, 0.5 * mean),
    }


def _fluid_changes_per_hour(plan: Plan) -> float:
    bins = plan.fluid_minimum.replicas
    count = sum(before != after for before, after in pairwise(bins))
    return count / run(plan).length_seconds * 3600


@check(
    id="scale-events-per-hour",
    title="Scale events per hour",
    question="How often does the policy change the number of replicas?",
    formula="changes of spec.replicas / hours of the run",
    source="own figure: one change in 3 min, twice the 90 s that a 7B model takes to start, on top"
    " of the changes that the load itself asks for",
    unit="/h",
    level="extended",
    default_limit=lambda plan: 20.0 + _fluid_changes_per_hour(plan),
    limit_text="20 + changes of the fluid minimum per hour",
)
def scale_events_per_hour(recording: Recording, _limit: float) -> Outcome:
    """Count the changes of the spec."""
    whole = run(recording.plan)
    if whole.length_seconds == 0:
        raise NoDataError("the run has no length")
    count = changes(recording, "spec", whole)
    rate = count / whole.length_seconds * 3600
    return Outcome(
        measured=rate,
        message=f"replicas changed {times(count)}, {rate:.3g} an hour",
        next_step=advice.for_restlessness(recording),
        evidence={"changes": count},
    )


@check(
    id="overshoot",
    title="Overshoot",
    question="How far beyond the need do replicas go after a step?",
    formula="highest spec.replicas between a step and the next change of load / replicas that the"
    " new rate needs by the fluid minimum; worst step",
    source="HPA default scale-up policy, 100 percent per 15 s: one doubling too many is allowed",
    unit="x",
    level="extended",
    default_limit=2.0,
)
def overshoot(recording: Recording, _limit: float) -> Outcome | None:
    """Judge the step with the highest peak in proportion to the need."""
    plan, spec = recording.plan, replicas(recording, "spec")
    rows = []
    for window in plan.windows:
        peak = float(spec.within(_steady_after(plan, window)).max())
        rows.append((peak / max(1, needed(plan, window.rate_after)), peak, window))
    if not rows:
        return None
    ratio, peak, window = max(rows, key=lambda row: row[0])
    need = needed(plan, window.rate_after)
    return Outcome(
        measured=ratio,
        message=f"up to {peak:g} replicas after the step at {window.start_seconds:g} s,"
        f" which needs {need}",
        next_step=f"{advice.raise_target(recording, ratio / 2)}, or limit"
        " behavior.scaleUp.policies to fewer pods per period",
        evidence={
            "steps": [
                {"stepSeconds": row[2].start_seconds, "peak": row[1], "ratio": row[0]}
                for row in rows
            ]
        },
    )
