"""The series of a recording as checks read them: replicas as step functions, spans of the run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from scalecert.checks.registry import NoDataError
from scalecert.checks.requests import windows
from scalecert.recording.intervals import Span, StepFunction, subtract
from scalecert.recording.model import Recording
from scalecert.recording.plan import Plan, Segment
from scalecert.recording.quantiles import Floats


def series(recording: Recording, name: str) -> Floats:
    """Return a series as float64.

    Raises:
        NoDataError: if the recording lacks it, or it is empty.
    """
    values = recording.series.get(name)
    if values is None or len(values) == 0:
        raise NoDataError(f"the recording has no series {name}")
    return np.asarray(values, dtype=np.float64)


def replicas(recording: Recording, name: str) -> StepFunction:
    """Return `pods.<name>` over time: spec, created, bound, ready or terminating."""
    return StepFunction(series(recording, "pods.time_seconds"), series(recording, f"pods.{name}"))


def run(plan: Plan) -> Span:
    """Return the whole run."""
    return Span(0.0, float(plan.scenario.spec.duration))


def needed(plan: Plan, rate_per_second: float) -> int:
    """Return the replicas that carry a rate, as many as the policy may have at most."""
    count = plan.capacity.replicas_for(rate_per_second, at_least=plan.policy.min_replicas)
    return min(count, plan.policy.max_replicas)


def downscale_stabilization_seconds(plan: Plan) -> float:
    """Return the HPA's window for scale-downs: its own, else the controller's flag."""
    own = behavior(plan, "scaleDown", "stabilizationWindowSeconds")
    controllers = plan.scenario.spec.cluster.controllers
    return float(controllers.downscale_stabilization) if own is None else own


def behavior(plan: Plan, direction: str, field: str) -> float | None:
    """Return a number of `spec.behavior` of the HPA, None where the manifest has none."""
    value = rules(plan, direction).get(field)
    return float(value) if isinstance(value, int | float) else None


def rules(plan: Plan, direction: str) -> Mapping[str, Any]:
    """Return `scaleUp` or `scaleDown` of `spec.behavior`, empty where the manifest has none.

    So is what is no mapping: in a recording that was edited, for no manifest has that.
    """
    behavior_of = plan.policy.spec.get("behavior")
    found = behavior_of.get(direction) if isinstance(behavior_of, dict) else None
    return found if isinstance(found, dict) else {}


def settling_allowance_seconds(plan: Plan) -> float:
    """Return how long after a change of load any policy may still be moving.

    Start-up of a pod, two syncs, and the stabilization that a correction downwards has to wait
    for.
    """
    sync = float(plan.scenario.spec.cluster.controllers.sync_period)
    return plan.startup_seconds + 2 * sync + downscale_stabilization_seconds(plan)


def constant_spans(plan: Plan) -> list[tuple[Span, float]]:
    """Return the spans of one constant, positive rate, each with its rate per second."""
    spans: list[tuple[Span, float]] = []
    for segment in plan.load.segments:
        rate, span = segment.rate_start, Span(segment.start_seconds, segment.end_seconds)
        if rate <= 0 or not math.isclose(rate, segment.rate_end):
            continue
        before = spans[-1] if spans else (span, math.nan)
        if before[0].end_seconds == span.start_seconds and math.isclose(before[1], rate):
            span = Span(spans.pop()[0].start_seconds, span.end_seconds)
        spans.append((span, rate))
    return spans


def steady_spans(plan: Plan, least_seconds: float) -> list[Span]:
    """Return the parts of constant spans, outside windows, in which replicas should stand still."""
    allowance = settling_allowance_seconds(plan)
    found = []
    for span, _ in constant_spans(plan):
        for part in subtract(span, windows(plan)):
            rest = Span(part.start_seconds + allowance, part.end_seconds)
            if rest.length_seconds >= least_seconds:
                found.append(rest)
    return found


def until_load_changes(plan: Plan, after_seconds: float) -> float:
    """Return when the rate that holds from `after_seconds` on ends; the run's end at the latest."""
    for span, _ in constant_spans(plan):
        if span.start_seconds <= after_seconds < span.end_seconds:
            return span.end_seconds
    ends = [part.end_seconds for part in plan.load.segments if part.end_seconds > after_seconds]
    return min([*ends, run(plan).end_seconds])


def load_falls_seconds(plan: Plan, rate_per_second: float) -> float | None:
    """Return from when on the planned rate stays at or under a rate that it exceeded before.

    None if it never exceeds it, or does so at the end.
    """
    last = max((_last_above(part, rate_per_second) for part in plan.load.segments), default=-1.0)
    return last if 0 <= last < run(plan).end_seconds else None


def _last_above(segment: Segment, rate_per_second: float) -> float:
    """Return the end of the part of a segment above a rate, -1 if there is none."""
    high, low = segment.rate_start, segment.rate_end
    if low > rate_per_second:
        return segment.end_seconds
    if high <= rate_per_second:
        return -1.0
    share = (high - rate_per_second) / (high - low)
    return segment.start_seconds + share * (segment.end_seconds - segment.start_seconds)


def planned_rates(plan: Plan, times: Floats) -> Floats:
    """Return the planned rate at each time, 0 after the run."""
    rates = np.zeros_like(times)
    for part in plan.load.segments:
        inside = (times >= part.start_seconds) & (times < part.end_seconds)
        share = (times - part.start_seconds) / (part.end_seconds - part.start_seconds)
        rates = np.where(inside, part.rate_start + (part.rate_end - part.rate_start) * share, rates)
    return rates


def planned_requests(plan: Plan, span: Span) -> float:
    """Return the requests planned within a span: the area under the plan's segments."""
    return sum(_area(part, span) for part in plan.load.segments)


def _area(segment: Segment, span: Span) -> float:
    """Return the area under the part of a segment within a span."""
    start = max(segment.start_seconds, span.start_seconds)
    width = min(segment.end_seconds, span.end_seconds) - start
    if width <= 0:
        return 0.0
    length = segment.end_seconds - segment.start_seconds
    slope = (segment.rate_end - segment.rate_start) / length
    middle = start + width / 2 - segment.start_seconds
    return (segment.rate_start + slope * middle) * width


def changes(recording: Recording, name: str, span: Span) -> int:
    """Return how often `pods.<name>` changed within a span."""
    values = replicas(recording, name).within(span)
    return sum(1 for before, after in pairwise(values.tolist()) if before != after)
