"""Arrival times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert import rng
from scalecert.errors import UsageError
from scalecert.units import Duration
from scalecert.workload.arrivals import arrival_times, replay
from scalecert.workload.model import Arrivals, ConstantRate, Level, Ramp, Sine, Staircase
from scalecert.workload.rate import Replay, resolve
from scalecert.workload.stated_rate import Rate
from scalecert.workload.traces import TraceRows

MODEST = settings(max_examples=100, derandomize=True, deadline=None)

POISSON = Arrivals()
EVEN = Arrivals(process="constant")
processes = st.sampled_from([EVEN, POISSON]) | st.floats(0.05, 20).map(
    lambda cv: Arrivals(process="gamma", cv=cv)
)


def constant(rate):
    return resolve(ConstantRate(Rate.decode(rate)), 1, 1)


def stairs(*levels):
    parts = tuple(Level(Rate.decode(rate), Duration(width)) for rate, width in levels)
    return resolve(Staircase(parts), 1, 1)


def draw(process, curve, duration, seed=1):
    return arrival_times(process, curve, duration, rng.stream(seed, "arrivals"))


@MODEST
@given(
    processes,
    st.lists(st.tuples(st.floats(0, 20), st.floats(1, 60)), min_size=1, max_size=4),
    st.floats(0.1, 200),
    st.integers(0, 2**32),
)
def test_sorted_and_within_the_run(process, levels, duration, seed):
    """Arrivals are sorted, lie in [0, duration), and none falls where the rate is zero."""
    curve = stairs(*[(round(rate, 2), width) for rate, width in levels])
    times = draw(process, curve, duration, seed)
    assert (np.diff(times) >= 0).all()
    assert ((times >= 0) & (times < duration)).all()
    edges = [knot.time_seconds for knot in curve.knots]
    clear = np.array([np.abs(time - np.array(edges)).min() > 1e-6 for time in times], dtype=bool)
    assert (curve.at(times[clear]) > 0).all()


@MODEST
@given(processes, st.floats(1, 100), st.floats(1, 100), st.integers(0, 2**32))
def test_longer_run_begins_alike(process, first, more, seed):
    """A longer run has the arrivals of the shorter one, to the bit, and then others."""
    curve = resolve(
        Ramp(from_=Rate("1/s"), to=Rate("9/s"), start=Duration(5), duration=Duration(50)), 1, 1
    )
    short, long = draw(process, curve, first, seed), draw(process, curve, first + more, seed)
    assert long[: len(short)].tolist() == short.tolist()
    assert (long[len(short) :] >= first).all()


def test_seeds():
    """The same seed gives the same arrivals, another seed others."""
    curve = constant(5)
    assert draw(POISSON, curve, 100, 7).tolist() == draw(POISSON, curve, 100, 7).tolist()
    assert draw(POISSON, curve, 100, 7).tolist() != draw(POISSON, curve, 100, 8).tolist()


def test_constant_is_evenly_spaced():
    """Evenly spaced arrivals keep the gap of the rate, and spread over a level's whole length."""
    assert draw(EVEN, constant(2), 3).tolist() == pytest.approx(
        [0.25, 0.75, 1.25, 1.75, 2.25, 2.75]
    )
    assert draw(EVEN, stairs((1, 2), (0, 10), (2, 1)), 13).tolist() == pytest.approx(
        [0.5, 1.5, 12.25, 12.75]
    )


@pytest.mark.parametrize("cv", [0.25, 1.0, 3.0, 10.0])
def test_count_and_scatter(cv):
    """Counts match the integral of the rate and gaps have the stated CV.

    Bounds are 5 standard errors for the count (variance CV^2 x n), 10 % for the CV.
    """
    process = Arrivals(process="gamma", cv=cv)
    times = draw(process, constant(100), 2000)
    expected = 200_000
    assert abs(len(times) - expected) < 5 * cv * expected**0.5
    gaps = np.diff(times)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.1)


def test_poisson_is_gamma_with_cv_1():
    """A gamma process with CV 1 is the Poisson process, arrival by arrival."""
    gamma = Arrivals(process="gamma", cv=1.0)
    assert draw(gamma, constant(9), 50).tolist() == draw(POISSON, constant(9), 50).tolist()


def test_no_bias_at_the_start():
    """A bursty process offers what the rate says from the start, not a burst more.

    200 runs of 50 requests each with CV 3: the mean count is within 4 standard errors
    (CV x sqrt(50 / 200) = 1.5). A renewal at 0 s would add (CV^2 - 1) / 2 = 4 to each.
    """
    process = Arrivals(process="gamma", cv=3.0)
    counts = [len(draw(process, constant(5), 10, seed)) for seed in range(200)]
    assert np.mean(counts) == pytest.approx(50, abs=6)
    first = [int((draw(process, constant(5), 10, seed) < 0.2).sum()) for seed in range(2000)]
    assert np.mean(first) == pytest.approx(1, abs=0.25)


def test_varying_rate_is_followed():
    """Counts of a sine follow it through its period, within 5 standard errors each eighth."""
    sine = Sine(mean=Rate("50/s"), amplitude=Rate("45/s"), period=Duration(80))
    curve = resolve(sine, 1, 1)
    times = draw(POISSON, curve, 1600)
    eighths = np.histogram(np.mod(times, 80), np.arange(0, 81, 10))[0]
    expected = 20 * np.diff(curve.cumulative(np.arange(0, 81, 10)))
    assert (np.abs(eighths - expected) < 5 * np.sqrt(expected)).all()
    assert eighths.max() > 3 * eighths.min()


def test_nothing_offered():
    """A rate of zero brings no requests, and no error."""
    still = resolve(Sine(mean=Rate("0/s"), amplitude=Rate("0/s"), period=Duration(9)), 1, 1)
    for process in (EVEN, POISSON, Arrivals(process="gamma", cv=5.0)):
        assert len(draw(process, constant(0), 100)) == 0
        assert len(draw(process, still, 100)) == 0


def test_too_many():
    """A rate that no run can hold is refused before memory is."""
    with pytest.raises(
        UsageError, match=r"5.01e\+06 requests in one run, expected at most 5000000"
    ):
        draw(POISSON, constant(50_100), 100)


def rows_of(times, span):
    tokens = np.arange(1, len(times) + 1, dtype=np.int32)
    return TraceRows(np.array(times, dtype=np.float64), tokens, tokens, span)


def test_replay_as_recorded():
    """An unscaled trace is replayed exactly, up to the end of the run."""
    rows = rows_of([0.0, 1.5, 1.5, 8.0, 9.0], 9.0)
    times, index = replay(rows, Replay(copies=1, keep=1.0), 9.0, rng.stream(1, "arrivals"))
    assert times.tolist() == [0.0, 1.5, 1.5, 8.0]
    assert index.tolist() == [0, 1, 2, 3]


@MODEST
@given(st.integers(1, 6), st.floats(0, 1), st.integers(0, 2**32), st.floats(1, 400))
def test_replay_scaled(copies, keep, seed, duration):
    """However scaled, arrivals are sorted, within run and trace, and at most `copies` a row."""
    rows = rows_of(np.linspace(0, 300, 500), 300.0)
    times, index = replay(rows, Replay(copies, keep), duration, rng.stream(seed, "arrivals"))
    assert (np.diff(times) >= 0).all()
    assert ((times >= 0) & (times < duration) & (times <= 300)).all()
    assert np.bincount(index, minlength=500).max() <= copies
    if duration > 300:
        expected = 500 * copies * keep
        assert abs(len(times) - expected) <= 6 * (expected * (1 - keep)) ** 0.5 + 1e-9


def test_replay_keeps_the_drift():
    """A scaled trace has its rates at the times of the trace: 3 x 0.9 of each minute's count."""
    minutes = np.array([10, 400, 100, 10, 900, 50])
    times = np.concatenate([60 * i + np.arange(n) / n * 60 for i, n in enumerate(minutes)])
    scaled, _ = replay(rows_of(times, 360.0), Replay(3, 0.9), 360, rng.stream(1, "arrivals"))
    inner = np.histogram(scaled, [75, 120, 135, 180, 255, 300])[0][[0, 2, 4]]
    expected = minutes[[1, 2, 4]] * 0.75 * 2.7
    assert (np.abs(inner - expected) < 5 * np.sqrt(expected)).all()


def test_replay_too_many():
    """Scaling a trace beyond what a run holds is refused."""
    rows = rows_of(np.arange(1000.0), 1000.0)
    with pytest.raises(UsageError, match="requests in one run"):
        replay(rows, Replay(6000, 1.0), 10, rng.stream(1, "arrivals"))
