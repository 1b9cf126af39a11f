"""What a schedule of the clairvoyant has to hold: the objective, in every part of the run.

Every part of `PART_SECONDS` is asked by itself, which is stricter than the run as a whole: else the
cheapest schedule is the one that gives up on a stretch of the load, as long as a p95 has 5 % of the
requests to spare. Nothing is left out: who knows the load ahead needs no recovery window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scalecert.planning.clairvoyant.schedule import Bins, Counts, without_short_dips
from scalecert.planning.fluid import Bounds, fluid_minimum
from scalecert.recording.plan import Capacity, ObjectiveTerm
from scalecert.recording.quantiles import Floats
from scalecert.workload.rate import RateCurve

PART_SECONDS = 300.0
"""Long enough that its p95 is of hundreds of requests, short enough that 5 % are half a bin."""
_HOPELESS_BACKLOG = 2.0
"""A backlog of so many times the late requests that a part allows is not worth a replay."""


def fluid_floor(curve: RateCurve, bins: Bins, capacity: Capacity, bounds: Bounds) -> Counts:
    """Return the fluid minimum's most replicas in each bin of a schedule, within the bounds."""
    fluid = fluid_minimum(curve, bins.duration_seconds, capacity, bounds.minimum)
    firsts = (bins.edges[:-1] / fluid.bin_seconds + 1e-9).astype(int).tolist()
    ends = np.ceil(bins.edges[1:] / fluid.bin_seconds - 1e-9).astype(int).tolist()
    return tuple(
        min(bounds.maximum, max(fluid.replicas[first:end]))
        for first, end in zip(firsts, ends, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Demand:
    """What a schedule has to hold, and within which bounds.

    `rates` are the planned requests per second of each bin; `floor` is the fluid minimum of each,
    within the bounds: what the load takes however it arrives.
    """

    bins: Bins
    rates: Floats
    objective: Sequence[ObjectiveTerm]
    capacity: Capacity
    bounds: Bounds
    startup_seconds: float
    floor: Counts

    @property
    def parts(self) -> list[tuple[int, int]]:
        """The parts' bins `[first, end)`; a rest of less than half a part goes to the last one."""
        length = max(1, round(PART_SECONDS / self.bins.width_seconds))
        count = max(1, round(self.bins.count / length))
        firsts = [part * length for part in range(count)]
        return list(zip(firsts, [*firsts[1:], self.bins.count], strict=True))

    def part_of(self, index: int) -> int:
        """Return the part that a bin is in."""
        return next(part for part, (_, end) in enumerate(self.parts) if index < end)

    def fluid_minimum(self) -> Counts:
        """Return the cheapest schedule that loads no replica beyond its capacity."""
        return without_short_dips(self.floor, self.bins, self.startup_seconds)

    def beyond_ceiling(self) -> bool:
        """Tell whether the load is more than maxReplicas carry, by their capacity."""
        fleet = self.bounds.maximum * self.capacity.requests_per_second
        return bool(self.rates.max() > fleet)

    def broken(self, late: Floats, judged: Floats, margin: float = 1.0) -> list[int]:
        """Return the parts in which some term's share of late requests is too high.

        Args:
            late: late requests, f8[bins, terms].
            judged: requests that have the term's latency, f8[bins, terms].
            margin: the share of what is allowed that may be used.
        """
        firsts = [first for first, _ in self.parts]
        allowed = margin * np.add.reduceat(judged, firsts) * self._spare()
        over = (np.add.reduceat(late, firsts) > allowed + 1e-6).any(axis=1)
        return np.flatnonzero(over).tolist()

    def _spare(self) -> Floats:
        """Return the share of requests that each term lets be late."""
        return np.array([1.0 - term.quantile for term in self.objective])

    def to_raise(self, part: int, late: Floats, judged: Floats) -> tuple[int, int]:
        """Return the bins of a broken part that need a replica more.

        All that are not full where most bins break the objective by themselves. Else those around
        the first that does: what is late there is a backlog, and a replica for a minute clears it.
        """
        first, end = self.parts[part]
        over = (late[first:end] > judged[first:end] * self._spare()).any(axis=1)
        if 2 * np.count_nonzero(over) >= end - first or not over.any():
            return first, end
        at = first + int(np.argmax(over))
        return max(first, at - 1), at + 1

    def overloaded(self, counts: Counts, first: int, end: int) -> bool:
        """Tell whether a span is offered too much for a replay to be worth it."""
        lengths = np.diff(self.bins.edges)
        served = np.array(counts[first:end]) * self.capacity.saturated_per_second
        backlog = float(np.dot(self.rates[first:end] - served, lengths[first:end]))
        low, high = self.parts[self.part_of(first)][0], self.parts[self.part_of(end - 1)][1]
        offered = float(np.dot(self.rates[low:high], lengths[low:high]))
        return backlog > _HOPELESS_BACKLOG * float(self._spare().max()) * offered
