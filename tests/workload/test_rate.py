"""Rate curves."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.errors import HarnessBug, UsageError
from scalecert.units import Duration
from scalecert.workload.model import (
    BurstAndDrain,
    ConstantRate,
    Level,
    Ramp,
    Sine,
    Spike,
    Staircase,
    TraceRate,
)
from scalecert.workload.rate import (
    Knot,
    RateCurve,
    busiest_per_second,
    mean_per_second,
    resolve,
)
from scalecert.workload.stated_rate import Rate
from scalecert.workload.traces import TraceRows

MODEST = settings(max_examples=100, derandomize=True, deadline=None)

rates = st.floats(0, 50).map(lambda rate: Rate.decode(round(rate, 3)))
seconds = st.floats(0.5, 500).map(Duration)
begins = st.just(Duration(0)) | seconds
shapes = st.one_of(
    st.builds(ConstantRate, rate=rates),
    st.builds(Ramp, from_=rates, to=rates, duration=seconds, start=begins),
    st.builds(
        Staircase,
        levels=st.lists(st.builds(Level, rate=rates, duration=seconds), min_size=1, max_size=6).map(
            tuple
        ),
    ),
    st.builds(Spike, base=rates, peak=rates, start=begins, duration=seconds),
    st.builds(
        BurstAndDrain,
        base=rates,
        peak=rates,
        start=begins,
        duration=seconds,
        drain_duration=seconds,
        drain=rates,
        cycles=st.integers(1, 4),
    ),
    st.tuples(rates, st.floats(0, 1), seconds).map(
        lambda drawn: Sine(
            mean=drawn[0],
            amplitude=Rate.decode(
                drawn[0].per_second(capacity_per_second=1, max_replicas=1) * drawn[1]
            ),
            period=drawn[2],
        )
    ),
)
curves = shapes.map(lambda shape: resolve(shape, 1.0, 1))


def trace_of(times, span=None):
    arrivals = np.array(times, dtype=np.float64)
    sizes = np.ones(len(arrivals), dtype=np.int32)
    return TraceRows(arrivals, sizes, sizes, float(span or arrivals[-1]))


@MODEST
@given(curves, st.lists(st.floats(0, 3000), min_size=2, max_size=20).map(sorted))
def test_cumulative_is_the_integral(curve, times):
    """Cumulative starts at 0, never falls, and grows by the integral of `at`."""
    values = curve.cumulative(times)
    assert curve.cumulative(0.0) == 0
    assert (np.diff(values) >= -1e-9 * (1 + values[1:])).all()
    # Between knots the rate is straight: the mean of the ends of a piece is its integral.
    low, high = times[0], times[-1]
    knots = np.array([knot.time_seconds for knot in curve.knots])
    if curve.period_seconds is not None:
        rounds = np.arange(int(high / curve.period_seconds) + 1) * curve.period_seconds
        knots = np.add.outer(rounds, knots).ravel()
    edges = np.unique(np.concatenate(([low, high], knots[(knots > low) & (knots < high)])))
    width = np.diff(edges)
    inner = curve.at(edges[:-1] + width / 3) + curve.at(edges[:-1] + width * 2 / 3)
    integral = float((inner / 2 * width).sum())
    assert values[-1] - values[0] == pytest.approx(integral, rel=1e-6, abs=1e-6)


@MODEST
@given(curves, st.lists(st.floats(0, 0.999), min_size=1, max_size=20))
def test_inverse_undoes_cumulative(curve, shares):
    """The inverse is a time at which that many requests are expected."""
    offered = float(curve.cumulative(1000.0))
    requests = np.array(sorted(shares)) * offered
    times = curve.inverse(requests)
    finite = np.isfinite(times)
    assert finite.all() or offered == 0
    assert curve.cumulative(times[finite]) == pytest.approx(
        requests[finite], rel=1e-9, abs=1e-9 * (1 + offered)
    )
    assert (np.diff(times[finite]) >= -1e-6).all()


@MODEST
@given(curves, st.floats(1, 2000))
def test_peak_bounds_the_rate(curve, duration):
    """No rate in the run exceeds its peak, and the peak is reached or approached."""
    peak = curve.peak(duration)
    inside = [k.time_seconds for k in curve.knots if k.time_seconds < duration]
    times = np.concatenate((np.linspace(0, duration, 500, endpoint=False), inside))
    near = np.concatenate((times, np.nextafter(times, 0), [math.nextafter(duration, 0)]))
    sampled = curve.at(near)
    assert sampled.max() <= peak * (1 + 1e-9) + 1e-9
    assert sampled.max() == pytest.approx(peak, rel=1e-3, abs=1e-9)


@MODEST
@given(curves)
def test_jumps_are_the_upward_leaps(curve):
    """Every jump goes up, its sides are the rates beside it, and no leap is missing."""
    jumps = curve.jumps()
    assert [jump for jump in jumps if jump.after_per_second <= jump.before_per_second] == []
    for jump in jumps:
        assert curve.at(jump.time_seconds) == pytest.approx(jump.after_per_second)
    leaps = {jump.time_seconds for jump in jumps}
    for before, knot in zip(curve.knots, curve.knots[1:], strict=False):
        left = knot.time_seconds - (knot.time_seconds - before.time_seconds) * 1e-9
        leap = float(curve.at(knot.time_seconds) - curve.at(left))
        assert leap <= 1e-6 or knot.time_seconds in leaps


@MODEST
@given(curves)
def test_curve_is_plain_data(curve):
    """A curve survives JSON, so that a recording can carry it."""
    encoded = msgspec.json.encode(curve)
    again = msgspec.json.decode(encoded, type=RateCurve)
    assert again == curve
    assert again.cumulative(77.0) == curve.cumulative(77.0)


def test_shapes():
    """Each shape has the rates that its docstring promises, from the right at jumps."""

    def at(shape, *times):
        return resolve(shape, 2.0, 10).at(times).tolist()

    one, nine, s10, s20 = Rate("1/s"), Rate("9/s"), Duration(10), Duration(20)
    ramp = Ramp(from_=one, to=nine, start=s10, duration=s20)
    assert at(ramp, -1, 0, 10, 20, 30, 99) == [0, 1, 1, 5, 9, 9]
    stairs = Staircase((Level(one, s10), Level(nine, s20), Level(one, s10)))
    assert at(stairs, 0, 9.99, 10, 29.99, 30, 99) == [1, 1, 9, 9, 1, 1]
    slopes = Staircase((Level(one, s10), Level(nine, s20, s10), Level(one, s10, s10)))
    assert at(slopes, 0, 10, 15, 20, 29.99, 30, 35, 40, 99) == [1, 1, 5, 9, 9, 9, 5, 1, 1]
    spike = Spike(base=Rate("0.3 max"), peak=Rate("0.9 max"), start=s10, duration=s20)
    assert at(spike, 0, 10, 29.99, 30) == [6, 18, 18, 6]
    burst = BurstAndDrain(
        base=one, peak=nine, start=s10, duration=s10, drain_duration=s20, cycles=2
    )
    assert at(burst, 0, 10, 20, 39, 40, 50, 69, 70) == [1, 9, 0, 0, 9, 0, 0, 1]
    sine = Sine(mean=nine, amplitude=one, period=s20)
    assert at(sine, 0, 5, 10, 15, 20, 25) == pytest.approx([9, 10, 9, 8, 9, 10])


def test_jumps_of_shapes():
    """A spike jumps at 0 s and at its start; a ramp and a sine only at 0 s, from nothing."""
    one, nine, s10 = Rate("1/s"), Rate("9/s"), Duration(10)
    spike = resolve(Spike(base=one, peak=nine, start=s10, duration=s10), 1, 1)
    assert spike.jumps() == [Knot(0.0, 0.0, 1.0), Knot(10.0, 1.0, 9.0)]
    at_once = resolve(Spike(base=one, peak=nine, start=Duration(0), duration=s10), 1, 1)
    assert at_once.jumps() == [Knot(0.0, 0.0, 9.0)]
    slopes = Staircase((Level(one, s10, s10), Level(nine, s10, s10), Level(one, s10)))
    assert resolve(slopes, 1, 1).jumps() == []
    ramp = resolve(Ramp(from_=Rate("0/s"), to=nine, duration=s10), 1, 1)
    assert ramp.jumps() == []
    sine = resolve(Sine(mean=nine, amplitude=one, period=s10), 1, 1)
    assert sine.jumps() == [Knot(0.0, 0.0, 9.0)]


def test_sine_is_close_to_the_sine():
    """The chords of a sine miss it by less than 0.01 % of its amplitude, its mean not at all."""
    curve = resolve(Sine(mean=Rate("9/s"), amplitude=Rate("9/s"), period=Duration(100)), 1, 1)
    times = np.linspace(0, 300, 5000)
    exact = 9 + 9 * np.sin(2 * np.pi * times / 100)
    assert np.abs(curve.at(times) - exact).max() < 9e-4
    assert curve.cumulative(300.0) == pytest.approx(2700)


def test_sine_below_zero():
    """A sine that would go below zero is refused, whatever the units."""
    sine = Sine(mean=Rate("5/s"), amplitude=Rate("0.5 max"), period=Duration(60))
    assert resolve(sine, 1.0, 10).peak(60) == pytest.approx(10)
    with pytest.raises(UsageError, match=r"amplitude 10/s above mean 5/s"):
        resolve(sine, 2.0, 10)


def test_trace_curve_counts_the_trace():
    """A trace's curve holds all its requests, in bins of 15 s, with no sliver at its end."""
    rows = trace_of([0, 1, 2, 20, 21, 40, 60.5, 61])
    curve = resolve(TraceRate(), 1, 1, rows)
    assert curve.cumulative([15, 30, 45, 61, 1e9]).tolist() == pytest.approx([3, 5, 6, 8, 8])
    assert curve.peak(100) == pytest.approx(3 / 15)
    assert curve.jumps() == [Knot(0.0, 0.0, 0.2)]
    assert curve.at(62) == 0


@pytest.mark.parametrize(
    ("rate", "copies", "keep"),
    [
        (TraceRate(), 1, 1.0),
        (TraceRate(mean=Rate("0.05/s")), 1, 0.5),
        (TraceRate(mean=Rate("0.25/s")), 3, 2.5 / 3),
        (TraceRate(peak=Rate("0.6 max"), window=Duration(10)), 6, 1.0),
    ],
)
def test_trace_rate_is_scaled(rate, copies, keep):
    """Mean and peak of a trace are stated: thinned to get lower, laid over itself to get higher.

    10 requests in 100 s, 4 of them in the busiest 10 s: mean 0.1/s, peak 0.4/s.
    """
    rows = trace_of([0, 30, 51, 53, 54, 60, 70, 80, 90, 100])
    assert mean_per_second(rows) == pytest.approx(0.1)
    assert busiest_per_second(rows, 10) == pytest.approx(0.4)
    assert busiest_per_second(rows, 500) == pytest.approx(0.1)
    curve = resolve(rate, 0.5, 8, rows)
    assert curve.replay is not None
    assert (curve.replay.copies, curve.replay.keep) == (copies, pytest.approx(keep))
    assert curve.cumulative(100) == pytest.approx(10 * copies * keep)


def test_trace_shape_needs_rows():
    """Resolving a trace without its rows is a slip of ours, not of the user."""
    with pytest.raises(HarnessBug):
        resolve(TraceRate(), 1, 1)
