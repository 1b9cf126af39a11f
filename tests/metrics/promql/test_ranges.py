"""Functions over a range, against values worked by hand from Prometheus' rules."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.metrics.promql.histograms import bucket_quantile
from scalecert.metrics.promql.ranges import RANGE_FUNCTIONS, Window, increase, irate, rate


def window(samples: dict[float, float], end: float, seconds: float) -> Window:
    return Window(list(samples), list(samples.values()), end, seconds)


def test_rate_extrapolates_to_both_ends_when_samples_are_near() -> None:
    """Four samples 15 s apart in a minute: 45 s sampled, 7.5 s more at each end."""
    one = window({7.5: 100.0, 22.5: 115.0, 37.5: 130.0, 52.5: 145.0}, 60.0, 60.0)
    assert rate(one) == pytest.approx(45.0 * (60.0 / 45.0) / 60.0)


def test_rate_extrapolates_half_an_interval_when_the_series_begins_within() -> None:
    """Samples from 40 s on: the start is 40 s away, over 1.1 intervals, so half of 10 s counts."""
    one = window({40.0: 500.0, 50.0: 510.0, 60.0: 520.0}, 60.0, 60.0)
    assert increase(one) == pytest.approx(20.0 * (20.0 + 5.0 + 0.0) / 20.0)


def test_rate_does_not_extrapolate_below_zero() -> None:
    """A counter at 2 after rising by 10 in 10 s was zero 2 s before, and no earlier."""
    one = window({9.0: 2.0, 19.0: 12.0}, 20.0, 20.0)
    assert increase(one) == pytest.approx(10.0 * (10.0 + 2.0 + 1.0) / 10.0)


def test_rate_counts_a_reset_from_zero() -> None:
    """A fall means a restart: what the counter shows then was counted since."""
    one = window({0.0: 100.0, 10.0: 110.0, 20.0: 3.0, 30.0: 8.0}, 30.0, 30.0)
    assert increase(one) == pytest.approx(10.0 + 3.0 + 5.0)


def test_rate_needs_two_samples() -> None:
    """One sample has no rate, and neither has an instant one."""
    one = window({10.0: 5.0}, 20.0, 60.0)
    assert rate(one) is None
    assert irate(one) is None
    assert RANGE_FUNCTIONS["delta"](one) is None
    assert RANGE_FUNCTIONS["last_over_time"](one) == 5.0


def test_irate_takes_the_last_two_samples() -> None:
    """An instant rate ignores all but the last two, and a reset counts from zero."""
    assert irate(window({0.0: 0.0, 10.0: 50.0, 25.0: 80.0}, 30.0, 30.0)) == pytest.approx(2.0)
    assert irate(window({0.0: 90.0, 10.0: 5.0}, 30.0, 30.0)) == pytest.approx(0.5)


def test_over_time_functions_treat_nan_as_prometheus() -> None:
    """Extremes ignore NaN unless there is nothing else; sums and means don't."""
    one = window({0.0: math.nan, 10.0: 2.0, 20.0: 1.0}, 20.0, 30.0)
    assert RANGE_FUNCTIONS["max_over_time"](one) == 2.0
    assert RANGE_FUNCTIONS["min_over_time"](one) == 1.0
    assert math.isnan(RANGE_FUNCTIONS["avg_over_time"](one) or 0.0)
    assert RANGE_FUNCTIONS["count_over_time"](one) == 3.0


@settings(derandomize=True, max_examples=100)
@given(st.floats(0.01, 100.0), st.floats(0.0, 1e4), st.integers(3, 20), st.floats(1.0, 60.0))
def test_rate_of_a_steady_counter_is_its_slope(
    slope: float, start: float, count: int, interval: float
) -> None:
    """Sampled evenly over the whole range, a counter of constant slope has that rate."""
    end = count * interval
    samples = {
        step * interval: start + slope * (step * interval + end) for step in range(1, count + 1)
    }
    assert rate(window(samples, end, end)) == pytest.approx(slope, rel=1e-6)


BUCKETS = [(0.1, 5.0), (0.5, 10.0), (1.0, 10.0), (math.inf, 20.0)]


@pytest.mark.parametrize(
    ("quantile", "expected"),
    [
        (0.0, 0.0),
        (0.125, 0.05),
        (0.25, 0.1),
        (0.375, 0.3),
        (0.5, 0.5),
        (0.6, 1.0),
        (1.0, 1.0),
        (-0.1, -math.inf),
        (1.1, math.inf),
    ],
)
def test_quantile_interpolates_in_its_bucket(quantile: float, expected: float) -> None:
    """Linear from the lower bound; the highest finite bound beyond it."""
    assert bucket_quantile(quantile, BUCKETS) == pytest.approx(expected)


@pytest.mark.parametrize(
    "buckets",
    [[(math.inf, 5.0)], [(0.1, 0.0), (math.inf, 0.0)], [(0.1, 1.0), (0.5, 2.0)]],
)
def test_quantile_of_nothing_is_nan(buckets: list[tuple[float, float]]) -> None:
    """One bucket, no observation, or no +Inf bucket: NaN, as is the quantile of NaN."""
    assert math.isnan(bucket_quantile(0.5, buckets))
    assert math.isnan(bucket_quantile(math.nan, BUCKETS))


def test_quantile_of_a_falling_histogram_is_that_of_its_envelope() -> None:
    """A bucket below the one before it counts as much as that one."""
    falling = [(0.1, 5.0), (0.5, 3.0), (math.inf, 10.0)]
    assert bucket_quantile(0.25, falling) == pytest.approx(0.05)


def test_quantile_in_a_bucket_without_positive_bound_is_that_bound() -> None:
    """The lowest bucket has no lower bound if its upper one is not positive."""
    assert bucket_quantile(0.1, [(-1.0, 5.0), (1.0, 6.0), (math.inf, 6.0)]) == -1.0
