"""Quantiles of request latencies: exact, and in step with shares of requests.

The quantile is the nearest rank (the inverse of the empirical distribution function, type 1 of
Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996): the smallest measured value
that at least `q` of all values do not exceed. So `quantile(x, q) <= limit` holds exactly when at
least a share `q` of the values do not exceed the limit, infinite latencies need no special case,
and improving one value never raises a quantile. Interpolating definitions have none of the three.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROUNDING = 1e-9
"""0.07 x 100 is 7.000000000000001 in binary; its rank is 7."""


def quantile(values: Floats, q: float) -> float:
    """Return the nearest-rank quantile `q` (0 < q <= 1) of `values` (any order, no NaN).

    Raises:
        ValueError: for no values, or q outside its range.
    """
    if not 0 < q <= 1:
        raise ValueError(f"found quantile {q}, expected 0 < q <= 1")
    if values.size == 0:
        raise ValueError("no values")
    rank = max(1, math.ceil(q * values.size - _ROUNDING))
    return float(np.partition(values, rank - 1)[rank - 1])
