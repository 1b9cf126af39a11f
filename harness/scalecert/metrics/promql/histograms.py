"""histogram_quantile over classic histograms (prometheus/prometheus, promql/quantile.go)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from scalecert.metrics.promql.syntax import Element
from scalecert.metrics.tsdb import NAME_LABEL

_BOUND_LABEL = "le"
# Differences between buckets below this share of their count are noise of floats.
_TOLERANCE = 1e-12


def histogram_quantile(quantile: float, vector: Iterable[Element]) -> list[Element]:
    """Return the quantile of each histogram in a vector of buckets (`..._bucket`).

    Elements without a bound (`le`) are left out; the result has neither name nor bound.
    """
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for element in vector:
        bound = _bound(element.labels.get(_BOUND_LABEL))
        if bound is not None:
            rest = {k: v for k, v in element.labels.items() if k not in (_BOUND_LABEL, NAME_LABEL)}
            groups.setdefault(tuple(sorted(rest.items())), []).append((bound, element.value))
    return [
        Element(dict(labels), bucket_quantile(quantile, buckets))
        for labels, buckets in groups.items()
    ]


def _bound(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def bucket_quantile(quantile: float, buckets: Sequence[tuple[float, float]]) -> float:
    """Return a quantile by linear interpolation in the bucket that holds it.

    Args:
        quantile: in [0, 1]; below is -inf, above +inf.
        buckets: (upper bound, cumulative count) in any order; the highest must be +inf.

    Returns:
        NaN without observations, or with fewer than two buckets. In the highest bucket, the
        second highest bound.
    """
    if math.isnan(quantile):
        return math.nan
    if not 0 <= quantile <= 1:
        return math.copysign(math.inf, quantile)
    bounds, counts = _cumulative(buckets)
    if len(bounds) < 2 or bounds[-1] != math.inf or not counts[-1] > 0:
        return math.nan
    rank = quantile * counts[-1]
    index = bisect_left(counts, rank, hi=len(counts) - 1)
    if index == len(counts) - 1:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    start, below = (bounds[index - 1], counts[index - 1]) if index else (0.0, 0.0)
    return start + (bounds[index] - start) * (rank - below) / (counts[index] - below)


def _cumulative(buckets: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return bounds and counts by bound; equal bounds added up, counts made to ascend."""
    merged: dict[float, float] = {}
    for bound, count in sorted(buckets):
        merged[bound] = merged.get(bound, 0.0) + count
    counts: list[float] = []
    for count in merged.values():
        highest = counts[-1] if counts else count
        noise = abs(count - highest) <= _TOLERANCE * abs(count)
        counts.append(highest if noise or count < highest else count)
    return list(merged), counts
