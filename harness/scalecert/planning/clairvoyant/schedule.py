"""Schedules: how many replicas are ready in each bin of a run, what they cost, how to save.

A schedule is the counts per bin. Pods come and go in a stack: the youngest goes first, so the pods
of a schedule are, level by level, the spans in which the count reaches that level. A pod that is
ready from a bin on was started a start-up before; that time is paid as well, as far as it lies
within the run, and so a pod that is there is kept where a new one would cost as much.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

Counts = tuple[int, ...]
"""Ready replicas per bin."""

_ALL_LENGTHS = 4
"""Spans up to so many bins are shortened by every number of bins, longer ones by halves of it."""
_FEW_BINS = 12
"""Beyond it there are too many pairs of a span to lower and a bin to raise."""


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of a run, each `width_seconds` long, but the last, which ends with the run."""

    width_seconds: float
    duration_seconds: float

    @property
    def count(self) -> int:
        """How many bins there are."""
        return max(1, math.ceil(self.duration_seconds / self.width_seconds - 1e-9))

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """Where bins begin, and the run's end: f8[count + 1]."""
        starts = np.arange(self.count) * self.width_seconds
        return np.append(starts, self.duration_seconds)


def starts(counts: Counts) -> int:
    """Return how many pods are started; those of the first bin are there before the run."""
    return sum(max(0, after - before) for before, after in pairwise(counts))


def replica_seconds(counts: Counts, bins: Bins, startup_seconds: float) -> float:
    """Return the time of all ready replicas and of the start-ups within the run."""
    edges = bins.edges
    ready = float(np.dot(counts, np.diff(edges)))
    risen = np.maximum(np.diff(counts), 0)
    return ready + float(np.dot(risen, np.minimum(edges[1:-1], startup_seconds)))


def without_short_dips(needed: Counts, bins: Bins, startup_seconds: float) -> Counts:
    """Return the cheapest schedule that has at least `needed` replicas.

    A gap between two spans of a level is cheaper to keep than to leave if it is shorter than a
    start-up; the levels don't touch each other.
    """
    edges = bins.edges.tolist()
    counts = list(needed)
    for level in range(min(needed) + 1, max(needed) + 1):
        last = -1
        for index, count in enumerate(needed):
            if count < level:
                continue
            if 0 <= last < index - 1 and edges[index] - edges[last + 1] < startup_seconds:
                for gap in range(last + 1, index):
                    counts[gap] = max(counts[gap], level)
            last = index
    return tuple(counts)


def plateaus(counts: Counts) -> Iterator[tuple[int, int]]:
    """Return the longest spans `[first, end)` of one count."""
    first = 0
    for index in range(1, len(counts) + 1):
        if index == len(counts) or counts[index] != counts[first]:
            yield first, index
            first = index


def moved(counts: Counts, first: int, end: int, by: int) -> Counts:
    """Return the schedule with `by` replicas more in the bins `[first, end)`."""
    return (*counts[:first], *(count + by for count in counts[first:end]), *counts[end:])


def savings(counts: Counts, least: int, bins: Bins, startup_seconds: float) -> list[Counts]:
    """Return the schedules with a span of one replica less that save, the most saving first.

    A plateau is lowered as a whole, or from either end.
    """
    spans = {
        span
        for first, end in plateaus(counts)
        if counts[first] > least
        for length in _lengths(end - first)
        for span in ((first, first + length), (end - length, end))
    }
    lowered = (moved(counts, first, end, -1) for first, end in spans)
    return cheaper(counts, lowered, bins, startup_seconds)


def exchanges(
    counts: Counts, least: int, most: int, bins: Bins, startup_seconds: float
) -> list[Counts]:
    """Return what `savings` leaves out in a run of few bins, the most saving first.

    Any span is lowered by one replica, and at most one bin raised by one.
    """
    if len(counts) > _FEW_BINS:
        return []
    found = set()
    for first, end in combinations(range(len(counts) + 1), 2):
        if min(counts[first:end]) <= least:
            continue
        lowered = moved(counts, first, end, -1)
        found.add(lowered)
        found.update(
            moved(lowered, at, at + 1, 1) for at, count in enumerate(lowered) if count < most
        )
    return cheaper(counts, found, bins, startup_seconds)


def cheaper(
    counts: Counts, candidates: Iterable[Counts], bins: Bins, startup_seconds: float
) -> list[Counts]:
    """Return the candidates that cost less than a schedule, the most saving first."""
    paid = replica_seconds(counts, bins, startup_seconds)
    costs = ((replica_seconds(one, bins, startup_seconds), one) for one in candidates)
    return [one for cost, one in sorted(costs) if cost < paid - 1e-6]


def _lengths(longest: int) -> list[int]:
    if longest <= _ALL_LENGTHS:
        return list(range(1, longest + 1))
    return [longest >> shift for shift in range(longest.bit_length())]


def differences(before: Counts, after: Counts, join: int = 0) -> list[tuple[int, int]]:
    """Return the spans `[first, end)` in which two schedules differ, in order.

    Spans with no more than `join` equal bins between them are one.
    """
    spans: list[tuple[int, int]] = []
    for index, (one, other) in enumerate(zip(before, after, strict=True)):
        if one == other:
            continue
        if spans and index - spans[-1][1] <= join:
            spans[-1] = (spans[-1][0], index + 1)
        else:
            spans.append((index, index + 1))
    return spans
