"""Replays: a scenario's requests on a given schedule, whole, in part, or thinned.

A change of the schedule touches the requests from `LOOK_BACK_SECONDS` before it, whose answers are
still being written, to `SETTLING_SECONDS` after it. They alone are replayed, on servers that were
empty `WARM_UP_SECONDS` before them.

With random routing, what one replica gets does not depend on the others: of a fleet of n, the
oldest k see the requests whose draw is below k/n. So a thinned replay runs k replicas only, each
exactly as in the whole fleet, and lets each request stand for n/k.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scalecert.planning.clairvoyant.playback import Checkpoint, Playback, Sample, StartServer, Tally
from scalecert.planning.clairvoyant.schedule import Bins, Counts
from scalecert.recording.plan import ObjectiveTerm
from scalecert.recording.quantiles import Floats
from scalecert.scenario.model import Routing
from scalecert.workload.generate import Requests

WARM_UP_SECONDS = 30.0
LOOK_BACK_SECONDS = 30.0
SETTLING_SECONDS = 60.0
"""Twice and more what an answer of some hundred tokens takes; what a longer answer, or a backlog,
carries beyond them is seen when the whole run is replayed."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a replay of a part showed, until it ended or was given up as hopeless.

    `tally` is of all bins that the change touches (of the last one seen, if hopeless), `requests`
    how many were replayed.
    """

    tally: Tally
    requests: int
    hopeless: bool


@dataclass(frozen=True, slots=True)
class Replays:
    """Replays of one scenario's requests.

    Attributes:
        requests: of the whole run.
        draws: of random routing, f8[n], as the world's.
        routing: the scenario's.
        objective: the terms that decide what is late.
        bins: of the schedules.
        start: starts a server.
        replicas: how many replicas a thinned replay runs; None: all, which it has to be where
            routing is not random.
    """

    requests: Requests
    draws: Floats
    routing: Routing
    objective: Sequence[ObjectiveTerm]
    bins: Bins
    start: StartServer
    replicas: int | None = None

    def touched(self, first: int, end: int) -> tuple[int, int]:
        """Return the bins whose requests see a change in bins `[first, end)`."""
        before = math.ceil(LOOK_BACK_SECONDS / self.bins.width_seconds)
        return max(0, first - before), min(self.bins.count, end + self.settling_bins)

    @property
    def settling_bins(self) -> int:
        """How many bins after a change still show it."""
        return math.ceil(SETTLING_SECONDS / self.bins.width_seconds)

    def whole(self, observed: int | None) -> Playback:
        """Return a playback of the whole run, with all replicas at work or the oldest ones."""
        count = self.bins.count
        return self._playback(self._sample((1,) * count, 0, count, None), observed)

    def affordable(self, counts: Counts, most: float) -> int | None:
        """Return how many replicas get at most `most` requests in all, 1 at least; None: all do."""
        limits = np.searchsorted(self.requests.arrival_seconds, self.bins.edges)
        offered, ready = np.diff(limits), np.array(counts)
        if offered.sum() <= most:
            return None
        replicas = 1
        while float(np.dot(offered, np.minimum(1.0, (replicas + 1) / ready))) <= most:
            replicas += 1
        return replicas

    def part(self, counts: Counts, first: int, end: int) -> Tally:
        """Return what becomes of what the bins `[first, end)` of a schedule touch, thinned."""
        return self.attempt(counts, first, end, lambda _: False).tally

    def attempt(
        self, counts: Counts, first: int, end: int, hopeless: Callable[[Tally], bool]
    ) -> Attempt:
        """Replay what the bins `[first, end)` of a schedule touch, thinned.

        Args:
            counts: the schedule.
            first: first bin.
            end: the bin after the last.
            hopeless: asked with each bin that has settled; True ends the replay.
        """
        touched, stop = self.touched(first, end)
        begin = max(0, touched - math.ceil(WARM_UP_SECONDS / self.bins.width_seconds))
        sample = self._sample(counts, begin, stop, self.replicas)
        fleet = self._playback(sample)
        most = max(counts) if self.replicas is None else self.replicas
        for index in range(begin, stop):
            fleet.step(index, min(counts[index], most))
            settled = index - self.settling_bins
            if settled >= touched and hopeless(one := fleet.tally(settled, settled + 1)):
                return Attempt(one, int(np.searchsorted(sample.bins, index + 1)), hopeless=True)
        fleet.finish()
        return Attempt(fleet.tally(touched, stop), len(sample.bins), hopeless=False)

    def _playback(self, sample: Sample, observed: int | None = None) -> Playback:
        return Playback(
            sample,
            bins=self.bins,
            start=self.start,
            routing=self.routing,
            objective=self.objective,
            observed=observed,
        )

    def _sample(self, counts: Counts, begin: int, end: int, replicas: int | None) -> Sample:
        """Return the requests of bins `[begin, end)` that the oldest `replicas` get."""
        arrivals = self.requests.arrival_seconds
        limits = np.searchsorted(arrivals, self.bins.edges[begin : end + 1], side="left")
        low, high = int(limits[0]), int(limits[-1])
        bins = np.repeat(np.arange(begin, end), np.diff(limits))
        ready = np.array(counts)[bins]
        weight = np.ones(high - low) if replicas is None else ready / np.minimum(ready, replicas)
        draws = self.draws[low:high] * weight
        kept = np.flatnonzero(draws < 1.0)
        ids = kept + low
        sizes = self.requests.input_tokens[ids], self.requests.output_tokens[ids]
        return Sample(Requests(arrivals[ids], *sizes, 0), draws[kept], weight[kept], bins[kept])


class WholeRun:
    """A replay of the whole run that stops after each of its parts, and can go back."""

    def __init__(
        self, replays: Replays, parts: Sequence[tuple[int, int]], observed: int | None
    ) -> None:
        self._fleet = replays.whole(observed)
        self._parts = parts
        self._settling = replays.settling_bins
        self._saved: list[Checkpoint] = []
        self._next = 0
        self._seen: list[Tally] = []
        self.finished = False

    def played(self, counts: Counts) -> Tally:
        """Play on until one part more has settled; return what became of the run so far.

        The tally has all bins; those of parts to come are empty.
        """
        first, end = self._parts[len(self._seen)]
        self._step(counts, min(len(counts), end + self._settling))
        self._seen.append(self._fleet.tally(first, end))
        if len(self._seen) == len(self._parts):
            self._fleet.finish()
            self.finished = True
            return self._fleet.tally(0, len(counts))
        missing = ((0, len(counts) - end), (0, 0))
        late = np.concatenate([tally.late for tally in self._seen])
        judged = np.concatenate([tally.judged for tally in self._seen])
        return Tally(0, np.pad(late, missing), np.pad(judged, missing))

    def go_back(self, index: int) -> None:
        """Go back to the beginning of the part that bin `index` is in."""
        part = next(part for part, (_, end) in enumerate(self._parts) if index < end)
        self._fleet.restore(self._saved[part])
        del self._saved[part + 1 :], self._seen[part:]
        self._next, self.finished = self._parts[part][0], False

    def _step(self, counts: Counts, until: int) -> None:
        for index in range(self._next, until):
            upcoming = len(self._saved)
            if upcoming < len(self._parts) and index == self._parts[upcoming][0]:
                self._saved.append(self._fleet.checkpoint())
            self._fleet.step(index, counts[index])
        self._next = max(until, self._next)
