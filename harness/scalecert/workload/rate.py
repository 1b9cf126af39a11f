"""Rate curves: a workload's shape in absolute requests/s, over the seconds of the run.

Second stage of the flow, between the document and `arrivals`; `planning` and the checks read the
same curve for steps, windows and the fluid minimum. A curve is straight between its knots, so its
cumulative (the expected number of requests) is a parabola piece by piece and inverts in closed
form. It is plain data: with it in hand nobody needs the trace that it came from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from itertools import accumulate

import msgspec
import numpy as np
import numpy.typing as npt

from scalecert.errors import HarnessBug, UsageError
from scalecert.workload.model import (
    BurstAndDrain,
    ConstantRate,
    Ramp,
    Shape,
    Sine,
    Spike,
    Staircase,
    TraceRate,
)
from scalecert.workload.stated_rate import Rate
from scalecert.workload.traces import TraceRows

Floats = npt.NDArray[np.float64]

SINE_PIECES = 256  # chords miss the sine by at most (2 pi / 256)^2 / 8 = 0.0075 % of its amplitude
TRACE_BIN_SECONDS = 15.0  # the HPA's sync period: a finer rate is noise to an autoscaler


class Knot(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The rate just before and from `time_seconds` on; they differ where the curve jumps."""

    time_seconds: float
    before_per_second: float
    after_per_second: float


Jump = Knot  # what `RateCurve.jumps` returns


class Replay(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How `arrivals.replay` scales a trace: `copies` of it, rows kept with the chance `keep`."""

    copies: int
    keep: float


class RateCurve(msgspec.Struct, frozen=True, dict=True, rename="camel", forbid_unknown_fields=True):
    """Requests/s over time, from 0 s on.

    Attributes:
        knots: in order of time, the first at 0 s; straight lines between them, and the last
            rate goes on for ever.
        period_seconds: if set, the curve up to there repeats for ever instead.
        replay: for a trace's curve, how its rows become arrivals.
    """

    knots: tuple[Knot, ...]
    period_seconds: float | None = None
    replay: Replay | None = None

    @cached_property
    def _pieces(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Per knot: time, rate from it on, slope, and requests expected before it."""
        time, before, after = np.array([msgspec.structs.astuple(knot) for knot in self.knots]).T
        width = np.diff(time)
        slope = np.append((before[1:] - after[:-1]) / width, 0.0)
        area = (after[:-1] + before[1:]) / 2 * width
        return time, after, slope, np.concatenate(([0.0], np.cumsum(area)))

    def at(self, time_seconds: npt.ArrayLike) -> Floats:
        """Return the rate in requests/s at each time (from the right at a jump; 0 before 0 s)."""
        times = np.asarray(time_seconds, dtype=np.float64)
        time, after, slope, _ = self._pieces
        local = times if self.period_seconds is None else np.mod(times, self.period_seconds)
        piece = np.maximum(np.searchsorted(time, local, side="right") - 1, 0)
        rate = np.maximum(after[piece] + slope[piece] * (local - time[piece]), 0.0)
        return np.asarray(np.where(times < 0, 0.0, rate))

    def cumulative(self, time_seconds: npt.ArrayLike) -> Floats:
        """Return the requests expected in [0, time) for each time."""
        times = np.maximum(np.asarray(time_seconds, dtype=np.float64), 0.0)
        if self.period_seconds is None:
            return self._within(times)
        rounds, local = np.divmod(times, self.period_seconds)
        return np.asarray(rounds * self._pieces[3][-1] + self._within(local))

    def _within(self, times: Floats) -> Floats:
        time, after, slope, before = self._pieces
        piece = np.searchsorted(time, times, side="right") - 1
        elapsed = times - time[piece]
        return np.asarray(before[piece] + (after[piece] + slope[piece] * elapsed / 2) * elapsed)

    def inverse(self, requests: Floats) -> Floats:
        """Return the last time up to which no more than each number of requests is expected.

        Infinite where the curve never offers that many. `requests` are 0 or more.
        """
        if self.period_seconds is None:
            return self._inverse_within(requests)
        total = self._pieces[3][-1]
        if total <= 0:
            return np.full(requests.shape, math.inf)
        rounds, rest = np.divmod(requests, total)
        local = np.minimum(self._inverse_within(rest), self.period_seconds)
        return np.asarray(rounds * self.period_seconds + local)

    def _inverse_within(self, requests: Floats) -> Floats:
        # In a piece: after x + slope x^2 / 2 = rest, solved so that nothing cancels when the
        # slope is small: x = 2 rest / (after + sqrt(after^2 + 2 slope rest)).
        time, after, slope, before = self._pieces
        piece = np.searchsorted(before, requests, side="right") - 1
        rest, start = requests - before[piece], after[piece]
        divisor = start + np.sqrt(np.maximum(start**2 + 2 * slope[piece] * rest, 0.0))
        never = np.where(slope[piece] > 0, 0.0, math.inf)
        elapsed = np.divide(2 * rest, divisor, out=never, where=divisor > 0)
        return np.asarray(np.minimum(time[piece] + elapsed, np.append(time[1:], math.inf)[piece]))

    def peak(self, duration_seconds: float) -> float:
        """Return the highest rate in [0, duration)."""
        ends = [float(self.at(math.nextafter(duration_seconds, 0.0)))]
        inside = [knot for knot in self.knots if knot.time_seconds < duration_seconds]
        return max(ends + [max(knot.before_per_second, knot.after_per_second) for knot in inside])

    def jumps(self) -> list[Knot]:
        """Return where the rate leaps up, the start from nothing at 0 s included.

        The bins of a trace are not leaps: there only the start counts.
        """
        candidates = self.knots if self.replay is None else self.knots[:1]
        return [knot for knot in candidates if knot.after_per_second > knot.before_per_second]


def resolve(
    shape: Shape,
    capacity_per_second: float,
    max_replicas: int,
    trace: TraceRows | None = None,
) -> RateCurve:
    """Return the curve of a shape.

    Args:
        shape: the workload's `rate`.
        capacity_per_second: requests/s that one replica sustains under the objective.
        max_replicas: the policy's maxReplicas.
        trace: the rows of the workload's trace, for shape `trace`.

    Raises:
        UsageError: if a sine's amplitude exceeds its mean.
        HarnessBug: if shape `trace` comes without rows.
    """

    def absolute(rate: Rate) -> float:
        return rate.per_second(capacity_per_second=capacity_per_second, max_replicas=max_replicas)

    match shape:
        case ConstantRate():
            return _steps([(absolute(shape.rate), math.inf)])
        case Ramp():
            return _ramp(shape, absolute(shape.from_), absolute(shape.to))
        case Staircase():
            return _staircase(
                (absolute(level.rate), level.duration, level.ramp) for level in shape.levels
            )
        case Spike():
            base = absolute(shape.base)
            return _steps(
                [(base, shape.start), (absolute(shape.peak), shape.duration), (base, 0.0)]
            )
        case BurstAndDrain():
            burst = (absolute(shape.peak), shape.duration)
            drain = (absolute(shape.drain), shape.drain_duration)
            base = absolute(shape.base)
            cycles = [burst, drain] * shape.cycles
            return _steps([(base, shape.start), *cycles, (base, 0.0)])
        case Sine():
            return _sine(absolute(shape.mean), absolute(shape.amplitude), shape.period)
        case TraceRate():
            if trace is None:
                raise HarnessBug("shape trace without the rows of the trace")
            stated = shape.mean or shape.peak
            return _trace(shape, trace, absolute(stated) if stated is not None else None)


def _steps(levels: Iterable[tuple[float, float]]) -> RateCurve:
    """Return the curve of (requests/s, seconds), one after the other; the last one stays.

    A level of no time (what comes before a spike at the very start) leaves no knot.
    """
    *earlier, last = levels
    kept = [(rate, width) for rate, width in earlier if width > 0] + [last]
    rates = [rate for rate, _ in kept]
    starts = accumulate((float(width) for _, width in kept[:-1]), initial=0.0)
    knots = zip(starts, [0.0, *rates[:-1]], rates, strict=True)
    return RateCurve(tuple(Knot(*knot) for knot in knots))


def _staircase(levels: Iterable[tuple[float, float, float]]) -> RateCurve:
    """Return the curve of (requests/s, seconds, seconds of the slope into the level)."""
    knots: dict[float, Knot] = {}  # a slope to the end of its level meets the next level's knot
    start, before = 0.0, 0.0
    for rate, width, slope in levels:
        knots[start] = Knot(start, before, before if slope > 0 else rate)
        if slope > 0:
            knots[start + slope] = Knot(start + slope, rate, rate)
        start, before = start + width, rate
    return RateCurve(tuple(knots.values()))


def _ramp(shape: Ramp, low: float, high: float) -> RateCurve:
    knots = [Knot(0.0, 0.0, low)]
    if shape.start > 0:
        knots.append(Knot(float(shape.start), low, low))
    knots.append(Knot(shape.start + shape.duration, high, high))
    return RateCurve(tuple(knots))


def _sine(mean: float, amplitude: float, period_seconds: float) -> RateCurve:
    if amplitude > mean:
        raise UsageError(
            f"found amplitude {amplitude:.4g}/s above mean {mean:.4g}/s, expected no negative rate",
            field="workload.rate.amplitude",
        )
    turns = np.arange(SINE_PIECES + 1) / SINE_PIECES
    rates = mean + amplitude * np.sin(2 * np.pi * turns)
    rates[-1] = rates[0]
    before = np.concatenate(([0.0], rates[1:]))
    columns = (turns * period_seconds, before, rates)
    knots = zip(*(column.tolist() for column in columns), strict=True)
    return RateCurve(tuple(Knot(*knot) for knot in knots), period_seconds=float(period_seconds))


def _trace(shape: TraceRate, rows: TraceRows, stated_per_second: float | None) -> RateCurve:
    own = busiest_per_second(rows, shape.window) if shape.peak else mean_per_second(rows)
    factor = 1.0 if stated_per_second is None else stated_per_second / own
    copies = max(1, math.ceil(factor))
    # The last bin takes what is left over (up to twice the width), so that no sliver of a bin
    # with one request in it shows as a peak.
    bins = max(1, int(rows.span_seconds / TRACE_BIN_SECONDS))
    edges = np.append(np.arange(bins) * TRACE_BIN_SECONDS, rows.span_seconds)
    rates = np.histogram(rows.arrival_seconds, edges)[0] / np.diff(edges) * factor
    levels = zip([*rates.tolist(), 0.0], [*np.diff(edges).tolist(), 0.0], strict=True)
    replay = Replay(copies, factor / copies)
    return msgspec.structs.replace(_steps(levels), replay=replay)


def mean_per_second(rows: TraceRows) -> float:
    """Return the mean rate of a trace in requests/s."""
    return len(rows.arrival_seconds) / rows.span_seconds


def busiest_per_second(rows: TraceRows, window_seconds: float) -> float:
    """Return the rate in requests/s of the busiest window of a trace, wherever it begins.

    A trace shorter than the window is taken whole.
    """
    if rows.span_seconds <= window_seconds:
        return mean_per_second(rows)
    times = rows.arrival_seconds
    ends = np.searchsorted(times, times + window_seconds, side="left")
    return float(np.max(ends - np.arange(len(times)))) / window_seconds
