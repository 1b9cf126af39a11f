"""Spans of a run and step functions over them: how checks cut a recording in time.

Spans are half open, `[start, end)`: an arrival at a window's end is outside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalecert.recording.quantiles import Floats


@dataclass(frozen=True, slots=True)
class Span:
    """`start_seconds <= t < end_seconds`."""

    start_seconds: float
    end_seconds: float

    @property
    def length_seconds(self) -> float:
        """The length, never negative."""
        return max(0.0, self.end_seconds - self.start_seconds)


def inside(times: Floats, spans: Iterable[Span]) -> npt.NDArray[np.bool_]:
    """Return for each time whether any of the spans holds it."""
    mask = np.zeros(times.shape, dtype=np.bool_)
    for span in spans:
        mask |= (times >= span.start_seconds) & (times < span.end_seconds)
    return mask


def subtract(span: Span, holes: Sequence[Span]) -> list[Span]:
    """Return what is left of `span` without the holes, in order."""
    left, start = [], span.start_seconds
    for hole in sorted(holes, key=lambda hole: hole.start_seconds):
        end = min(hole.start_seconds, span.end_seconds)
        if end > start:
            left.append(Span(start, end))
        start = max(start, hole.end_seconds)
    if span.end_seconds > start:
        left.append(Span(start, span.end_seconds))
    return left


@dataclass(frozen=True, slots=True)
class StepFunction:
    """A count that changes at `times` (sorted, not empty) to `values` and stays until the next.

    Of several entries at one time the last counts; before the first time it has the first value.
    """

    times: Floats
    values: Floats

    def at(self, seconds: float) -> float:
        """Return the value at a time."""
        index = int(np.searchsorted(self.times, seconds, side="right")) - 1
        return float(self.values[max(index, 0)])

    def within(self, span: Span) -> Floats:
        """Return every value held in the span, the one it begins with first."""
        first = int(np.searchsorted(self.times, span.start_seconds, side="right"))
        last = int(np.searchsorted(self.times, span.end_seconds, side="left"))
        return np.concatenate(([self.at(span.start_seconds)], self._settled(first, last)))

    def _settled(self, first: int, last: int) -> Floats:
        """Return the values of entries `first` to `last`, of equal times only the last one."""
        times, values = self.times[first:last], self.values[first:last]
        if times.size == 0:
            return values
        last_of_its_time: npt.NDArray[np.bool_] = np.append(times[1:] != times[:-1], True)
        return values[last_of_its_time]

    def integral(self, span: Span) -> float:
        """Return value x seconds over the span."""
        if span.length_seconds == 0.0:
            return 0.0
        edges = np.clip(self.times, span.start_seconds, span.end_seconds)
        ends = np.append(edges[1:], span.end_seconds)
        before = self.values[0] * max(0.0, float(edges[0]) - span.start_seconds)
        return float(np.sum(self.values * (ends - edges)) + before)

    def mean(self, span: Span) -> float:
        """Return the time-weighted mean over a span that is not empty."""
        return self.integral(span) / span.length_seconds

    def first_at_least(self, value: float, after: float) -> float:
        """Return the first time from `after` on with at least `value`; inf if never."""
        if self.at(after) >= value:
            return after
        later = (self.times > after) & (self.values >= value)
        return float(self.times[int(np.argmax(later))]) if later.any() else float("inf")

    def first_increase(self, after: float) -> float:
        """Return the first time later than `after` at which the value rises; inf if never."""
        before = np.concatenate((self.values[:1], self.values[:-1]))
        rises = (self.times > after) & (self.values > before)
        return float(self.times[int(np.argmax(rises))]) if rises.any() else float("inf")

    def last_outside(self, low: float, high: float, span: Span) -> float:
        """Return when within the span the value came into [low, high] to stay.

        The span's start if it was always inside, inf if it is outside at the end.
        """
        first = int(np.searchsorted(self.times, span.start_seconds, side="right"))
        last = int(np.searchsorted(self.times, span.end_seconds, side="left"))
        times = np.concatenate(([span.start_seconds], self.times[first:last]))
        values = np.concatenate(([self.at(span.start_seconds)], self.values[first:last]))
        outside = np.flatnonzero((values < low) | (values > high))
        if outside.size == 0:
            return span.start_seconds
        entry = int(outside[-1]) + 1
        return float(times[entry]) if entry < times.size else float("inf")
