"""Cross-series reducers of Cloud Monitoring (`Aggregation.Reducer` in the API's reference)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

from scalecert.hpa.metrics.interfaces import MetricsError

_PERCENTILE = "REDUCE_PERCENTILE_"

_REDUCERS: Mapping[str, Callable[[Sequence[float]], float | int]] = {
    "REDUCE_MEAN": statistics.fmean,
    "REDUCE_MIN": min,
    "REDUCE_MAX": max,
    "REDUCE_SUM": math.fsum,
    # Whether it is the population's or the sample's is not documented.
    "REDUCE_STDDEV": statistics.pstdev,
    "REDUCE_COUNT": len,
}


def reduce_values(reducer: str, values: Sequence[float]) -> float | int:
    """Return one value for those of all series (at least one); a count is an INT64.

    Raises:
        MetricsError: for a reducer of booleans, which no Prometheus metric has.
    """
    if reducer.startswith(_PERCENTILE):
        return _percentile(values, int(reducer.removeprefix(_PERCENTILE)) / 100.0)
    if reducer not in _REDUCERS:
        raise MetricsError(
            f"googleapi: Error 400: the reducer {reducer} is not valid for values of type DOUBLE"
        )
    return _REDUCERS[reducer](values)


def _percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile, linear between ranks: how Cloud Monitoring does is not documented."""
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (rank - low) * (ordered[high] - ordered[low])
