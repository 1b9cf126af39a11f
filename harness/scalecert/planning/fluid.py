"""The fluid view of a load: how many replicas the offered rate needs, whatever the policy does."""

from __future__ import annotations

import math

import numpy as np

from scalecert.recording.plan import FluidMinimum, Window
from scalecert.workload.rate import Jump, RateCurve

BIN_SECONDS = 15.0


def replicas_needed(rate_per_second: float, capacity_per_second: float, minimum: int) -> int:
    """Return max(minimum, ceil(rate / capacity)); a rate within 1e-9 of a whole count is it."""
    return max(minimum, math.ceil(rate_per_second / capacity_per_second - 1e-9))


def fluid_minimum(
    curve: RateCurve, duration_seconds: float, capacity_per_second: float, min_replicas: int
) -> FluidMinimum:
    """Return the replicas needed per 15 s bin of the offered load."""
    edges = np.append(np.arange(0.0, duration_seconds, BIN_SECONDS), duration_seconds)
    rates = np.diff(curve.cumulative(edges)) / np.diff(edges)
    needed = [replicas_needed(rate, capacity_per_second, min_replicas) for rate in rates.tolist()]
    return FluidMinimum(bin_seconds=BIN_SECONDS, replicas=tuple(needed))


def recovery_windows(
    jumps: list[Jump],
    *,
    capacity_per_second: float,
    min_replicas: int,
    max_replicas: int,
    startup_seconds: float,
    sync_seconds: float,
) -> tuple[Window, ...]:
    """Return a window for each step up that needs more replicas than the rate before it.

    A window is start-up plus two syncs (a metric that is one scrape old, one sync to act on it)
    plus the drain of the backlog that builds up meanwhile, by a policy that then runs at
    maxReplicas. A load beyond maxReplicas x capacity never drains: the window has no end.
    """
    windows = []
    for jump in jumps:
        before = replicas_needed(jump.before_per_second, capacity_per_second, min_replicas)
        after = replicas_needed(jump.after_per_second, capacity_per_second, min_replicas)
        if after <= before:
            continue
        blind = startup_seconds + 2.0 * sync_seconds
        backlog = (jump.after_per_second - before * capacity_per_second) * blind
        spare = max_replicas * capacity_per_second - jump.after_per_second
        drain = backlog / spare if spare > 0 else math.inf
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
