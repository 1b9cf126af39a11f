"""Arrival times from a rate curve: a unit-rate process, carried over by the inverse cumulative.

Third stage of the workload's flow. The k-th arrival of a process with rate 1 at "time" u_k
becomes the arrival at the time when the curve expects u_k requests; so one random sequence serves
every curve, and its scatter is in proportion to the rate (Devroye, Non-Uniform Random Variate
Generation, 1986, VI.1.3: inversion of the integrated rate function).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from scalecert.errors import UsageError
from scalecert.rng import Generator
from scalecert.workload.files import MAX_ROWS
from scalecert.workload.model import Arrivals
from scalecert.workload.rate import TRACE_BIN_SECONDS, Floats, RateCurve, Replay
from scalecert.workload.traces import TraceRows

Rows = npt.NDArray[np.int64]


def arrival_times(
    arrivals: Arrivals,
    curve: RateCurve,
    duration_seconds: float,
    rng: Generator,
) -> Floats:
    """Return the arrival times in [0, duration), f8[n], sorted.

    A longer run begins with the same arrivals.

    Raises:
        UsageError: if the curve offers more requests than one run may hold.
    """
    offered = float(curve.cumulative(duration_seconds))
    _check_number(offered)
    times = curve.inverse(_unit_times(arrivals, offered, rng))
    times = np.maximum.accumulate(times)  # rounding may swap two that all but coincide
    return times[times < duration_seconds]


def replay(
    rows: TraceRows,
    how: Replay,
    duration_seconds: float,
    rng: Generator,
) -> tuple[Floats, Rows]:
    """Return the arrival times in [0, duration), sorted, and the row of the trace of each.

    A trace that is to be slower is thinned. One that is to be faster is laid over itself: each
    further copy begins up to 15 s later, at random, and runs in a circle, as if other users with
    the same rhythm had come; then all are thinned. So bursts within a copy stay, and so does the
    drift over minutes, which a compression of time would make too fast for any autoscaler.

    Raises:
        UsageError: if the copies hold more requests than one run may.
    """
    _check_number(float(len(rows.arrival_seconds) * how.copies))
    shifts = rng.uniform(0.0, min(TRACE_BIN_SECONDS, rows.span_seconds), how.copies)
    shifts[0] = 0.0
    times = np.add.outer(shifts, rows.arrival_seconds)
    times[1:] %= rows.span_seconds
    kept = rng.random(times.shape) < how.keep
    flat, index = times[kept], np.nonzero(kept)[1]
    order = np.argsort(flat, kind="stable")
    order = order[flat[order] < duration_seconds]
    return flat[order], index[order]


def _check_number(requests: float) -> None:
    if requests > MAX_ROWS:
        raise UsageError(
            f"found {requests:.3g} requests in one run, expected at most {MAX_ROWS}",
            field="workload.rate",
            hint="a lower rate or a shorter duration",
        )


def _unit_times(
    arrivals: Arrivals,
    until: float,
    rng: Generator,
) -> Floats:
    """Return the arrivals of the process with rate 1 in [0, until), f8[n], sorted.

    Evenly spaced arrivals stand in the middle of their unit. Gaps of the other processes are
    gamma with mean 1 and shape 1/CV^2 (1: exponential), but for the first: the process has been
    running before 0 (Cox, Renewal Theory, 1962, 2.3: the stationary forward recurrence time, a
    uniform share of a gap drawn in proportion to its length), so that the expected number of
    arrivals is `until` itself, whatever the CV.
    """
    if arrivals.process == "constant":
        return np.arange(math.ceil(until - 0.5), dtype=np.float64) + 0.5
    cv = arrivals.cv or 1.0
    shape = cv**-2
    reached = float(rng.random() * rng.standard_gamma(shape + 1) / shape)
    pieces = [np.array([reached])]
    chunk = int(until + 4 * cv * math.sqrt(until)) + 16
    while reached < until:
        gaps = rng.standard_gamma(shape, chunk) / shape
        gaps[0] += reached  # added up as if all had been drawn at once
        pieces.append(np.cumsum(gaps))
        reached = float(pieces[-1][-1])
    times = np.concatenate(pieces)
    return times[times < until]
