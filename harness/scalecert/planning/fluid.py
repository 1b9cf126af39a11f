"""The fluid view of a load: how many replicas the offered rate needs, whatever the policy does."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from scalecert.recording.plan import Capacity, FluidMinimum, Segment, Window
from scalecert.workload.rate import Jump, RateCurve

BIN_SECONDS = 15.0
PEAK_SECONDS = 60.0


def fluid_minimum(
    curve: RateCurve, duration_seconds: float, capacity: Capacity, min_replicas: int
) -> FluidMinimum:
    """Return the replicas needed per 15 s bin of the offered load."""
    edges = np.append(np.arange(0.0, duration_seconds, BIN_SECONDS), duration_seconds)
    rates = np.diff(curve.cumulative(edges)) / np.diff(edges)
    needed = [capacity.replicas_for(rate, at_least=min_replicas) for rate in rates.tolist()]
    return FluidMinimum(bin_seconds=BIN_SECONDS, replicas=tuple(needed))


def recovery_windows(
    jumps: list[Jump],
    *,
    capacity: Capacity,
    min_replicas: int,
    max_replicas: int,
    startup_seconds: float,
    sync_seconds: float,
    duration_seconds: float,
) -> tuple[Window, ...]:
    """Return a window for each step up that needs more replicas than the rate before it.

    A window is start-up plus two syncs (a metric that is one scrape old, one sync to act on it)
    plus the drain of the backlog that builds up meanwhile, once the new rate's fluid minimum (at
    most maxReplicas) is ready. The start of the run is no step: the
    fleet begins with what the first rate needs.
    """
    windows = []
    for jump in jumps:
        if jump.time_seconds <= 0:
            continue
        before = capacity.replicas_for(jump.before_per_second, at_least=min_replicas)
        after = capacity.replicas_for(jump.after_per_second, at_least=min_replicas)
        if after <= before:
            continue
        blind = startup_seconds + 2.0 * sync_seconds
        drain = drain_seconds(
            jump.after_per_second / before,
            jump.after_per_second / min(after, max_replicas),
            capacity.saturated_per_second,
            blind,
        )
        drain = min(drain, max(0.0, duration_seconds - jump.time_seconds - blind))
        windows.append(
            Window(
                start_seconds=jump.time_seconds,
                end_seconds=jump.time_seconds + blind + drain,
                rate_before=jump.before_per_second,
                rate_after=jump.after_per_second,
                startup_seconds=startup_seconds,
                drain_seconds=drain,
            )
        )
    return tuple(windows)


def drain_seconds(
    during_per_second: float, after_per_second: float, saturated_per_second: float, blind: float
) -> float:
    """Return how long one replica takes to work off what piled up before others were ready.

    A request stays in the queue of the replica that accepted it, so the backlog of the replicas
    that were there drains at what each of them serves beyond its own share of the new load.

    Args:
        during_per_second: what the replica was offered while it was blind, requests/s.
        after_per_second: what it is offered once enough replicas are ready.
        saturated_per_second: what it serves with a queue.
        blind: seconds for which nothing could help.

    Returns:
        Seconds; inf if a replica has nothing to spare then.
    """
    backlog = max(0.0, during_per_second - saturated_per_second) * blind
    spare = saturated_per_second - after_per_second
    if backlog == 0.0:
        return 0.0
    return backlog / spare if spare > 0 else math.inf


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
