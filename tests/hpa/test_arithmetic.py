"""Integers and conversions of Go on amd64."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.hpa.arithmetic import (
    MAX_INT32,
    MAX_INT64,
    MIN_INT32,
    MIN_INT64,
    ceiling_to_int32,
    ceiling_to_int64,
    float_quotient,
    power_of_ten,
    truncated_quotient,
    truncated_to_int32,
    wrap_int32,
    wrap_int64,
)


def test_integers_wrap_around() -> None:
    """One past the highest is the lowest."""
    assert (wrap_int32(MAX_INT32 + 1), wrap_int32(MIN_INT32 - 1)) == (MIN_INT32, MAX_INT32)
    assert (wrap_int64(MAX_INT64 + 1), wrap_int64(MIN_INT64 - 1)) == (MIN_INT64, MAX_INT64)


@given(st.integers(MIN_INT64, MAX_INT64), st.integers(-(2**70), 2**70))
@settings(max_examples=100, derandomize=True)
def test_wrapping_once_is_wrapping_every_time(first: int, second: int) -> None:
    """Sums may be wrapped at the end: the result is that of wrapping at every step."""
    assert wrap_int64(first + second) == wrap_int64(wrap_int64(first) + wrap_int64(second))


@pytest.mark.parametrize(
    ("dividend", "divisor", "expected"),
    [(7, 2, 3), (-7, 2, -3), (7, -2, -3), (-7, -2, 3), (MIN_INT64, -1, MIN_INT64), (0, -5, 0)],
)
def test_division_drops_the_fraction(dividend: int, divisor: int, expected: int) -> None:
    """Division goes toward zero, and the one quotient that does not fit wraps."""
    assert truncated_quotient(dividend, divisor) == expected


def test_float_division_by_zero() -> None:
    """Dividing by zero gives infinities and NaN instead of an exception."""
    assert float_quotient(1.0, 0.0) == math.inf
    assert float_quotient(-1.0, 0.0) == -math.inf
    assert math.isnan(float_quotient(0.0, 0.0))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2.0**31, -(2.0**31) - 1])
def test_what_does_not_fit_becomes_the_lowest_int32(value: float) -> None:
    """Conversions out of range give the lowest integer: a huge ratio scales down."""
    assert ceiling_to_int32(value) == MIN_INT32
    assert truncated_to_int32(value) == MIN_INT32


def test_rounding_to_integers() -> None:
    """Ceilings go up and truncation goes toward zero, to the edges of the range."""
    assert (ceiling_to_int32(2.0000001), ceiling_to_int32(-2.9)) == (3, -2)
    assert (truncated_to_int32(2.9), truncated_to_int32(-2.9)) == (2, -2)
    assert ceiling_to_int32(MAX_INT32 - 0.5) == MAX_INT32
    assert ceiling_to_int64(2.0**63) == MIN_INT64
    assert ceiling_to_int64(-(2.0**63)) == MIN_INT64


def test_powers_of_ten_round_as_go_does() -> None:
    """Beyond 1e-31 a power is a quotient of two, which may be off in the last bit."""
    assert [power_of_ten(n) for n in (-400, -3, 0, 22, 400)] == [0.0, 0.001, 1.0, 1e22, math.inf]
    assert power_of_ten(-40) == 1e-32 / 1e8
