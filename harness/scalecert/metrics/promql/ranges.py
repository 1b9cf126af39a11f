"""Functions over the samples of one series in a range.

Semantics are those of Prometheus 3 (prometheus/prometheus, promql/functions.go); a function
returns None where Prometheus drops the series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scalecert.metrics.promql.arithmetic import maximum, minimum

# Samples further from the range's edge than 1.1 average intervals: the series begins or ends there.
_EXTRAPOLATION_INTERVALS = 1.1


@dataclass(frozen=True, slots=True)
class Window:
    """The samples in (end - range_seconds, end]: times in seconds, never empty."""

    times: Sequence[float]
    values: Sequence[float]
    end: float
    range_seconds: float


def rate(window: Window) -> float | None:
    """Return the extrapolated increase of a counter per second."""
    risen = increase(window)
    return None if risen is None else risen / window.range_seconds


def increase(window: Window) -> float | None:
    """Return the extrapolated increase of a counter, resets counted from zero."""
    if len(window.values) < 2:
        return None
    risen = window.values[-1] - window.values[0]
    for before, after in zip(window.values, window.values[1:], strict=False):
        if after < before:
            risen += before
    return risen * _extrapolation(window, risen if risen > 0 else None)


def delta(window: Window) -> float | None:
    """Return the extrapolated difference of a gauge."""
    if len(window.values) < 2:
        return None
    return (window.values[-1] - window.values[0]) * _extrapolation(window, None)


def _extrapolation(window: Window, risen: float | None) -> float:
    """Return the factor from the sampled interval to the range (extrapolatedRate).

    Args:
        window: the samples.
        risen: a counter's increase, whose zero point limits how far back it goes; else None.
    """
    times = window.times
    sampled = times[-1] - times[0]
    average = sampled / (len(times) - 1)
    threshold = average * _EXTRAPOLATION_INTERVALS
    to_start = times[0] - (window.end - window.range_seconds)
    to_end = window.end - times[-1]
    if to_start >= threshold:
        to_start = average / 2
    if risen is not None and window.values[0] >= 0:
        to_start = min(to_start, sampled * (window.values[0] / risen))
    if to_end >= threshold:
        to_end = average / 2
    return (sampled + to_start + to_end) / sampled


def irate(window: Window) -> float | None:
    """Return the increase per second between the last two samples of a counter."""
    if len(window.values) < 2:
        return None
    before, last = window.values[-2:]
    return (last - before if last >= before else last) / (window.times[-1] - window.times[-2])


RANGE_FUNCTIONS: dict[str, Callable[[Window], float | None]] = {
    "rate": rate,
    "irate": irate,
    "increase": increase,
    "delta": delta,
    "avg_over_time": lambda window: sum(window.values) / len(window.values),
    "max_over_time": lambda window: maximum(window.values),
    "min_over_time": lambda window: minimum(window.values),
    "sum_over_time": lambda window: sum(window.values),
    "count_over_time": lambda window: float(len(window.values)),
    "last_over_time": lambda window: window.values[-1],
}
