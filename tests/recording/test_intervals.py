"""Spans are half open, and step functions are read exactly at their changes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.recording.intervals import Span, StepFunction, inside, subtract

STEADY = settings(max_examples=100, derandomize=True, deadline=None)
TIMES = st.integers(0, 40).map(float)
SPANS = st.tuples(TIMES, TIMES).map(lambda pair: Span(min(pair), max(pair)))
STEPS = StepFunction(np.array([0.0, 10.0, 10.0, 20.0]), np.array([1.0, 9.0, 4.0, 2.0]))


def test_an_arrival_at_the_end_of_a_span_is_outside() -> None:
    """Two spans that touch never hold the same arrival."""
    mask = inside(np.array([9.9, 10.0, 19.9, 20.0]), [Span(10.0, 20.0)])
    assert mask.tolist() == [False, True, True, False]


@STEADY
@given(span=SPANS, holes=st.lists(SPANS, max_size=4), time=TIMES)
def test_subtraction_leaves_exactly_the_rest(span: Span, holes: list[Span], time: float) -> None:
    """A time is in what is left just when it is in the span and in no hole."""
    times = np.array([time])
    expected = bool(inside(times, [span])[0]) and not inside(times, holes)[0]
    assert bool(inside(times, subtract(span, holes))[0]) == expected


def test_of_equal_times_the_last_value_counts() -> None:
    """A scale-down in the same instant as a scale-up was never seen by anyone."""
    assert STEPS.at(10.0) == 4.0
    assert STEPS.within(Span(5.0, 20.0)).tolist() == [1.0, 4.0]
    assert STEPS.at(-1.0) == 1.0


@STEADY
@given(span=SPANS)
def test_the_integral_is_the_sum_over_seconds(span: Span) -> None:
    """Changes fall on whole seconds here, so one can add them up."""
    seconds = np.arange(span.start_seconds, span.end_seconds)
    assert STEPS.integral(span) == pytest.approx(sum(STEPS.at(second) for second in seconds))


def test_the_value_before_the_first_entry_counts_in_the_integral() -> None:
    """A recording that begins late does not lose its first replicas."""
    late = StepFunction(np.array([10.0]), np.array([2.0]))
    assert late.integral(Span(0.0, 20.0)) == 40.0
    assert late.mean(Span(0.0, 20.0)) == 2.0


@pytest.mark.parametrize(("value", "after", "time"), [(1, 3, 3), (2, 0, 10), (5, 0, math.inf)])
def test_first_time_of_a_value(value: float, after: float, time: float) -> None:
    """Counted from a time on, at once if it is there already, inf if it never comes."""
    steps = StepFunction(np.array([0.0, 10.0]), np.array([1.0, 4.0]))
    assert steps.first_at_least(value, after) == time


@pytest.mark.parametrize(
    ("low", "high", "time"), [(0, 9, 5), (2, 4, 10), (2, 2, 20), (5, 9, math.inf)]
)
def test_when_a_value_came_to_stay(low: float, high: float, time: float) -> None:
    """The start if it never was outside, inf if it is outside at the end."""
    assert STEPS.last_outside(low, high, Span(5.0, 30.0)) == time
