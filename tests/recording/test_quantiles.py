"""Quantiles are nearest ranks: exact, in step with shares, and monotone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.recording.quantiles import quantile

VALUES = st.lists(st.floats(0, 1e6) | st.just(math.inf), min_size=1, max_size=60)
QUANTILES = st.sampled_from([0.01, 0.07, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0])
STEADY = settings(max_examples=100, derandomize=True, deadline=None)


@pytest.mark.parametrize(
    ("count", "q", "rank"),
    [(1, 0.5, 1), (100, 0.95, 95), (100, 0.07, 7), (101, 0.95, 96), (20, 0.999, 20), (3, 1.0, 3)],
)
def test_the_rank_is_the_ceiling_of_q_times_n(count: int, q: float, rank: int) -> None:
    """The smallest value that at least q of all do not exceed, whatever binary makes of q."""
    assert quantile(np.arange(count, 0, -1.0), q) == rank


@STEADY
@given(values=VALUES, q=QUANTILES, limit=st.floats(0, 1e6))
def test_quantile_and_share_agree(values: list[float], q: float, limit: float) -> None:
    """The quantile keeps a limit exactly when at least q of all values do."""
    array = np.array(values)
    enough = np.mean(array <= limit) >= q - 1e-9
    assert (quantile(array, q) <= limit) == enough


@STEADY
@given(values=VALUES, q=QUANTILES, data=st.data())
def test_improving_a_value_never_raises_the_quantile(
    values: list[float], q: float, data: st.DataObject
) -> None:
    """One faster request can't make a percentile worse."""
    index = data.draw(st.integers(0, len(values) - 1))
    better = list(values)
    better[index] = data.draw(st.floats(0, min(values[index], 1e6)))
    assert quantile(np.array(better), q) <= quantile(np.array(values), q)


@pytest.mark.parametrize("q", [0.0, -0.1, 1.5, math.nan])
def test_a_quantile_outside_its_range_is_refused(q: float) -> None:
    """95 is no quantile; 0.95 is."""
    with pytest.raises(ValueError, match="expected 0 < q <= 1"):
        quantile(np.ones(3), q)


def test_no_values_have_no_quantile() -> None:
    """Nothing measured is an error to the caller, never a figure."""
    with pytest.raises(ValueError, match="no values"):
        quantile(np.array([]), 0.5)
