"""The fluid view of a load: needed replicas, windows, peaks, straight pieces."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.planning.fluid import (
    Bounds,
    fluid_minimum,
    peak_per_second,
    recovery_windows,
    segments,
    with_headroom,
)
from scalecert.recording.plan import Capacity
from scalecert.workload.rate import Knot, RateCurve


def staircase(*levels):
    """Return the curve of (start, rate) levels."""
    rates = [0.0, *(rate for _, rate in levels)]
    knots = [Knot(float(start), rates[i], rate) for i, (start, rate) in enumerate(levels)]
    return RateCurve(tuple(knots))


def capacity_of(requests_per_second):
    return Capacity(requests_per_second, 2.5, 256.0, 128.0, "given")


def windows_of(curve, **changes):
    plan = {
        "capacity": capacity_of(2.0),
        "bounds": Bounds(1, 10),
        "startup_seconds": 90.0,
        "sync_seconds": 15.0,
        "duration_seconds": 3600.0,
    }
    return recovery_windows(curve, **(plan | changes))


def test_a_rate_of_whole_replicas_needs_just_those():
    """Rounding in the last bit does not cost a replica."""
    assert capacity_of(0.2).replicas_for(0.1 * 3 * 2.0, at_least=1) == 3
    assert capacity_of(2.0).replicas_for(0.0, at_least=1) == 1
    assert capacity_of(2.0).replicas_for(2.001, at_least=1) == 2


def test_the_fluid_minimum_follows_the_mean_rate_of_each_bin():
    """Per 15 s bin: max(minReplicas, ceil(rate / capacity))."""
    curve = staircase((0, 1.0), (30, 9.0), (52.5, 0.0))
    bound = fluid_minimum(curve, 75.0, capacity_of(2.0), 1)
    assert bound.replicas == (1, 1, 5, 3, 1)
    assert bound.bin_seconds == 15.0


def test_a_window_is_start_up_two_syncs_and_the_drain():
    """0.3 -> 0.9 of ten replicas: 120 s with 6/s on each of three, then 2.5/s against 1.8/s."""
    (_, window) = windows_of(staircase((0, 0.0), (10, 6.0), (600, 18.0)))
    assert (window.start_seconds, window.startup_seconds) == (600.0, 90.0)
    assert window.drain_seconds == pytest.approx((6.0 - 2.5) * 120.0 / (2.5 - 1.8))
    assert window.end_seconds == pytest.approx(600.0 + 120.0 + 600.0)


def test_a_backlog_drains_against_a_fleet_with_headroom():
    """Where maxReplicas allow it, each replica's share of the load is 0.8 of its capacity."""
    (window,) = windows_of(staircase((0, 2.0), (600, 8.0)), bounds=Bounds(1, 100))
    assert window.drain_seconds == pytest.approx((8.0 - 2.5) * 120.0 / (2.5 - 8.0 / 5))


def test_a_load_that_falls_lets_the_backlog_drain_sooner():
    """100 s after the new replicas were ready nobody asks for anything more."""
    (window,) = windows_of(staircase((0, 6.0), (600, 18.0), (820, 0.0)))
    backlog = (6.0 - 2.5) * 120.0 - (2.5 - 1.8) * 100.0
    assert window.drain_seconds == pytest.approx(100.0 + backlog / 2.5)


def test_a_fleet_with_headroom_stays_within_the_policys_range():
    """A fifth above the need, and never beyond maxReplicas or under minReplicas."""
    capacity = capacity_of(2.0)
    replicas = [with_headroom(rate, capacity, Bounds(2, 6)) for rate in (0.0, 3.3, 8.0, 16.0)]
    assert replicas == [2, 3, 5, 6]


def test_without_a_backlog_nothing_has_to_drain():
    """Replicas that serve the step saturated are late, not behind."""
    (window,) = windows_of(staircase((0, 2.0), (600, 2.4)))
    assert (window.drain_seconds, window.end_seconds) == (0.0, 720.0)


def test_a_step_that_needs_no_more_replicas_has_no_window():
    """Only a step that pods have to start for is judged by recovery."""
    assert windows_of(staircase((0, 1.0), (600, 2.0), (900, 0.5))) == ()


def test_the_start_of_a_run_is_no_step():
    """A fleet begins with what the first rate needs."""
    assert windows_of(staircase((0, 18.0))) == ()


def test_a_load_beyond_the_fleet_never_drains():
    """Its window ends with the run."""
    (window,) = windows_of(staircase((0, 1.0), (60, 25.0)))
    assert window.end_seconds == 3600.0


def test_peak_is_the_highest_minute():
    """A burst of half a minute counts for half."""
    curve = staircase((0, 2.0), (100, 10.0), (130, 2.0))
    assert peak_per_second(curve, 600.0) == pytest.approx(6.0)


@settings(derandomize=True, max_examples=60)
@given(
    levels=st.lists(st.tuples(st.floats(1, 300), st.floats(0, 50)), min_size=1, max_size=8),
    duration=st.floats(10, 2000),
    period=st.none() | st.floats(400, 900),
)
def test_segments_cover_the_run_and_carry_the_same_requests(levels, duration, period):
    """INV-7: no gaps, and the area under the pieces is the curve's."""
    starts = np.cumsum([0.0] + [width for width, _ in levels[:-1]])
    all_levels = zip(starts, (rate for _, rate in levels), strict=True)
    kept = [level for level in all_levels if period is None or level[0] < period]
    knots = staircase(*kept).knots
    if period is not None:
        knots = (*knots, Knot(period, kept[-1][1], knots[0].after_per_second))
    curve = RateCurve(knots, period)
    pieces = segments(curve, duration)
    assert pieces[0].start_seconds == 0.0
    assert pieces[-1].end_seconds == duration
    assert all(a.end_seconds == b.start_seconds for a, b in pairwise(pieces))
    area = sum((p.end_seconds - p.start_seconds) * (p.rate_start + p.rate_end) / 2 for p in pieces)
    assert math.isclose(area, float(curve.cumulative(duration)), rel_tol=1e-6, abs_tol=1e-6)
