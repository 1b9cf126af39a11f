"""Aligning one series' points as Cloud Monitoring does before it answers.

Documented in the API's reference (`Aggregation.Aligner`): every aligned series has one point per
alignment period, periods being counted back from the interval's end. Points lie in (start, end].
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from scalecert.metrics.gke.request import TimeSeriesRequest


def align(
    request: TimeSeriesRequest, times: Sequence[float], values: Sequence[float]
) -> float | None:
    """Return the newest aligned point of a series' points in the request's interval.

    None if no period has one.
    """
    if request.aligner == "ALIGN_RATE":
        return _newest_rate(request, times, values)
    # ALIGN_NEXT_OLDER: the newest point of the period, however old, moved to the period's end.
    # Its period is the whole interval.
    return values[-1] if times else None


def _newest_rate(
    request: TimeSeriesRequest, times: Sequence[float], values: Sequence[float]
) -> float | None:
    """Return the slope over the newest period that has a point (ALIGN_RATE).

    The slope runs from the period's start, where the value is interpolated, or from the series'
    own start. The reference has it run to the period's end; what Cloud Monitoring takes as the
    value there while no later point has arrived is not documented, and the newest point stands
    for it here, with its own time.

    A series' first point only dates its start: the collectors hold it back (`getResetAdjusted`).
    """
    risen = _risen(values)
    end = request.end_seconds
    while end > request.start_seconds:
        start = end - request.alignment_seconds
        last = bisect_right(times, end) - 1
        if last > 0 and times[last] > start:
            since, before = _start_of_period(times, risen, start)
            return (risen[last] - before) / (times[last] - since)
        end = start
    return None


def _start_of_period(
    times: Sequence[float], risen: Sequence[float], start: float
) -> tuple[float, float]:
    """Return where a period begins: its time and the counter's rise until then."""
    after = bisect_right(times, start)
    if after == 0:
        return times[0], 0.0
    share = (start - times[after - 1]) / (times[after] - times[after - 1])
    return start, risen[after - 1] + share * (risen[after] - risen[after - 1])


def _risen(values: Sequence[float]) -> list[float]:
    """Return by how much a counter has risen since its first value; a reset starts from zero."""
    total = 0.0
    risen = [total] if values else []
    for before, after in pairwise(values):
        total += after - before if after >= before else after
        risen.append(total)
    return risen
