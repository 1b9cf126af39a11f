"""The fluid view of a load: how many replicas the offered rate needs, whatever the policy does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scalecert.recording.plan import HEADROOM_UTILIZATION, Capacity, FluidMinimum, Segment, Window
from scalecert.workload.rate import RateCurve

BIN_SECONDS = 15.0
PEAK_SECONDS = 60.0
_DRAIN_STEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """The policy's range of replicas; `minimum` is 1 or more: what a load needs, not the spec."""

    minimum: int
    maximum: int


def with_headroom(rate_per_second: float, capacity: Capacity, bounds: Bounds) -> int:
    """Return the replicas of a fleet with headroom, within the policy's range."""
    wanted = capacity.replicas_for(
        rate_per_second, at_least=bounds.minimum, utilization=HEADROOM_UTILIZATION
    )
    return min(bounds.maximum, wanted)


def fluid_minimum(
    curve: RateCurve, duration_seconds: float, capacity: Capacity, min_replicas: int
) -> FluidMinimum:
    """Return the replicas needed per 15 s bin of the offered load."""
    edges = np.append(np.arange(0.0, duration_seconds, BIN_SECONDS), duration_seconds)
    rates = np.diff(curve.cumulative(edges)) / np.diff(edges)
    needed = [capacity.replicas_for(rate, at_least=min_replicas) for rate in rates.tolist()]
    return FluidMinimum(bin_seconds=BIN_SECONDS, replicas=tuple(needed))


def recovery_windows(
    curve: RateCurve,
    *,
    capacity: Capacity,
    bounds: Bounds,
    startup_seconds: float,
    sync_seconds: float,
    duration_seconds: float,
) -> tuple[Window, ...]:
    """Return a window for each step up that needs more replicas than the rate before it.

    A window is start-up plus two syncs (a metric that is one scrape old, one sync to act on it)
    plus the drain of the backlog that builds up meanwhile. The start of the run is no step: the
    fleet begins with what the first rate needs.
    """
    blind = startup_seconds + 2.0 * sync_seconds
    windows = []
    for jump in curve.jumps():
        before, after = (
            capacity.replicas_for(rate, at_least=bounds.minimum)
            for rate in (jump.before_per_second, jump.after_per_second)
        )
        if jump.time_seconds <= 0 or after <= before:
            continue
        seen = min(jump.time_seconds + blind, duration_seconds)
        times = (jump.time_seconds, seen, duration_seconds)
        drain = drain_seconds(curve, times, before, capacity, bounds)
        windows.append(
            Window(
                start_seconds=jump.time_seconds,
                end_seconds=seen + drain,
                rate_before=jump.before_per_second,
                rate_after=jump.after_per_second,
                startup_seconds=startup_seconds,
                drain_seconds=drain,
            )
        )
    return tuple(windows)


def drain_seconds(
    curve: RateCurve,
    times: tuple[float, float, float],
    there: int,
    capacity: Capacity,
    bounds: Bounds,
) -> float:
    """Return how long replicas take to work off what piled up before others were ready.

    A request stays in the queue of the replica that accepted it, so the backlog of the replicas
    that were there drains at what each of them serves beyond its own share of the load. That share
    follows the planned rate over a fleet with headroom, as far as maxReplicas allow it.

    Args:
        curve: the planned rate.
        times: of the step, of the new replicas being ready, and of the run's end, seconds.
        there: replicas before the step; each takes its share of the load until others are ready.
        capacity: of one replica.
        bounds: minReplicas and maxReplicas.

    Returns:
        Seconds, to the end of the run at most.
    """
    step, ready, end = times
    offered = float(curve.cumulative(ready) - curve.cumulative(step)) / there
    backlog = offered - capacity.saturated_per_second * (ready - step)
    if backlog <= 0.0:
        return 0.0
    edges = np.append(np.arange(ready, end, _DRAIN_STEP_SECONDS), end)
    rates = np.diff(curve.cumulative(edges)) / np.diff(edges)
    shares = [rate / with_headroom(rate, capacity, bounds) for rate in rates.tolist()]
    spare = (capacity.saturated_per_second - np.array(shares)) * np.diff(edges)
    left = backlog - np.concatenate(([0.0], np.cumsum(spare)))
    done = np.flatnonzero(left <= 0.0)
    if not done.size:
        return end - ready
    last = int(done[0])
    share = left[last - 1] / (left[last - 1] - left[last])
    return float(edges[last - 1] + share * (edges[last] - edges[last - 1])) - ready


def peak_per_second(curve: RateCurve, duration_seconds: float) -> float:
    """Return the highest mean rate over `PEAK_SECONDS`, on a grid of 1 s."""
    starts = np.arange(0.0, max(1.0, duration_seconds - PEAK_SECONDS + 1.0))
    ends = np.minimum(starts + PEAK_SECONDS, duration_seconds)
    return float(np.max((curve.cumulative(ends) - curve.cumulative(starts)) / (ends - starts)))


def segments(curve: RateCurve, duration_seconds: float) -> tuple[Segment, ...]:
    """Return the curve as straight pieces that cover the run without gaps."""
    return tuple(
        _piece(curve, start, end) for start, end in pairwise(_edges(curve, duration_seconds))
    )


def _piece(curve: RateCurve, start: float, end: float) -> Segment:
    """Return the straight piece between two edges, read off well inside of it.

    At the edges themselves rounding could pick the neighbour's rate.
    """
    first, last = curve.at([0.75 * start + 0.25 * end, 0.25 * start + 0.75 * end]).tolist()
    return Segment(
        start, end, max(0.0, 1.5 * first - 0.5 * last), max(0.0, 1.5 * last - 0.5 * first)
    )


def _edges(curve: RateCurve, duration_seconds: float) -> list[float]:
    """Return where straight pieces begin and end, repeats of a periodic curve included."""
    period = curve.period_seconds or math.inf
    rounds = math.ceil(duration_seconds / period) if math.isfinite(period) else 1
    times = {
        knot.time_seconds + turn * period if turn else knot.time_seconds
        for turn in range(rounds)
        for knot in curve.knots
    }
    return sorted({time for time in times if time < duration_seconds} | {duration_seconds})
