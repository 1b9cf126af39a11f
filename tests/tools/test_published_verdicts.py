"""Intervals and verdicts: what the seeds say of a claim, and never more than that."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_report.verdicts import (
    Expected,
    Interval,
    Outcome,
    central_probability,
    interval,
    student_quantile,
)

from scalecert.rng import stream

STEADY = settings(max_examples=60, derandomize=True, deadline=None)
VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20)


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (19, 2.093), (120, 1.980)],
)
def test_students_quantile_is_that_of_the_tables(freedom: int, expected: float):
    """Abramowitz and Stegun, table 26.10: two-sided 95 %."""
    assert student_quantile(0.975, freedom) == pytest.approx(expected, abs=5e-4)


@STEADY
@given(st.floats(0.5, 0.9999), st.integers(1, 200))
def test_the_quantile_inverts_the_distribution(probability: float, freedom: int):
    """Between -t and t lies what is asked for."""
    t = student_quantile(probability, freedom)
    assert central_probability(t, freedom) == pytest.approx(2 * probability - 1, abs=1e-9)


def test_an_interval_holds_the_true_mean_as_often_as_it_says():
    """Of 2,000 samples of five normal values 95 % have it, within three standard errors."""
    draws = stream(1, "coverage").normal(7.0, 3.0, (2000, 5)).tolist()
    found = [interval(sample) for sample in draws]
    held = sum(one is not None and one.low < 7.0 < one.high for one in found)
    assert abs(held / 2000 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 2000)


@STEADY
@given(VALUES)
def test_an_interval_turns_with_the_sign(values: list[float]):
    """A less b is as certain as b less a."""
    one, other = interval(values), interval([-value for value in values])
    assert one is not None
    assert other is not None
    assert (one.mean, one.low, one.high) == pytest.approx((-other.mean, -other.high, -other.low))


def test_equal_differences_leave_no_doubt():
    """An interval of no width."""
    assert interval([2.0, 2.0, 2.0]) == Interval(2.0, 2.0, 2.0, 3)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, math.inf]])
def test_what_is_missing_decides_nothing(values: list[float]):
    """One seed, or a run without the figure: no interval, no verdict."""
    assert interval(values) is None
    assert Expected(low=0.0).judge(interval(values)) is Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.1, 2.0, Outcome.REPRODUCED),
        (-0.1, 2.0, Outcome.UNDECIDED),
        (-2.0, -0.1, Outcome.NOT_REPRODUCED),
        (0.0, 0.0, Outcome.NOT_REPRODUCED),
    ],
)
def test_a_sign_is_told_by_the_whole_interval(low: float, high: float, outcome: Outcome):
    """On the expected side of 0, on the other, or across; no difference at all is none."""
    found = Interval((low + high) / 2, low, high, 20)
    assert Expected(low=0.0).judge(found) is outcome


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (-0.62, -0.58, Outcome.REPRODUCED),
        (-0.70, -0.60, Outcome.UNDECIDED),
        (-0.80, -0.66, Outcome.NOT_REPRODUCED),
        (-0.90, -0.10, Outcome.UNDECIDED),
    ],
)
def test_about_sixty_percent_is_a_range(low: float, high: float, outcome: Outcome):
    """Within it, outside it, or neither."""
    found = Interval((low + high) / 2, low, high, 20)
    assert Expected(-0.65, -0.55).judge(found) is outcome
