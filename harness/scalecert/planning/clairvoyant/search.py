"""The clairvoyant minimum: the fewest replicas over time that hold the objective.

It is what elasticity is measured against: an autoscaler that knew the load ahead would have just
these replicas ready.

    begin    the fluid minimum; parts that do not hold the objective get replicas until they do
    descend  replicas are taken away span by span, what saves most first, while every part holds,
             and never below the fluid minimum: a replica beyond its capacity holds by luck alone
    verify   the whole run is replayed; a part that breaks gets a replica, and is replayed again

A change is judged by replaying the requests around it; where there are very many, the oldest
replica's share of them alone. The last step replays the run as it is, so what comes out holds (with
very many requests: those of the oldest replicas do), and is a local minimum of the moves in
`schedule.savings`.
docs/elasticity.md says how far it was from the optimum where every schedule could be tried.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scalecert.planning.clairvoyant.feasibility import PART_SECONDS, Demand, fluid_floor
from scalecert.planning.clairvoyant.playback import StartServer, Tally
from scalecert.planning.clairvoyant.replay import Replays, WholeRun
from scalecert.planning.clairvoyant.schedule import (
    Bins,
    Counts,
    cheaper,
    differences,
    exchanges,
    replica_seconds,
    savings,
    starts,
    without_short_dips,
)
from scalecert.planning.fluid import Bounds
from scalecert.recording.plan import Capacity, ClairvoyantMinimum, ObjectiveTerm
from scalecert.recording.quantiles import Floats
from scalecert.routing import routing_draws
from scalecert.scenario.model import Routing
from scalecert.workload.generate import Requests
from scalecert.workload.rate import RateCurve

BIN_SECONDS = 30.0
"""Two syncs of the HPA: finer than any policy can follow."""
MOST_BINS = 120
"""A longer run than an hour has wider bins instead of more."""
MANY_REQUESTS = 60_000
"""Beyond it, candidates are judged by the oldest replica's requests alone."""
SAMPLE_MARGIN = 0.8
"""The share of the late requests allowed that a sample may show, for its random error."""
REPLAYED_REQUESTS = 120_000
SAMPLED_REQUESTS = 60_000
"""What the descent may replay, with all replicas and with the oldest: about a second."""
VERIFIED_REQUESTS = 200_000
"""What the last replay serves: the whole run if it has no more, else that of so many replicas that
it is about this, two seconds."""
LOCAL_TRIES = 3
"""How often a broken part is mended where it breaks before all of it gets a replica."""


def clairvoyant_minimum(
    *,
    curve: RateCurve,
    requests: Requests,
    capacity: Capacity,
    bounds: Bounds,
    start: StartServer,
    objective: Sequence[ObjectiveTerm],
    routing: Routing,
    startup_seconds: float,
    duration_seconds: float,
    seed: int,
    bin_seconds: float | None = None,
    verified_requests: float = VERIFIED_REQUESTS,
) -> ClairvoyantMinimum | None:
    """Return the fewest replicas over time that hold the objective.

    Args:
        curve: the planned rate.
        requests: what is offered.
        capacity: of one replica.
        bounds: minReplicas (1 at least) and maxReplicas.
        start: starts a server: (log, ordinal, now).
        objective: the terms to hold.
        routing: the scenario's.
        startup_seconds: from a pod's start until it is ready.
        duration_seconds: of the run.
        seed: of the run; its routing draws are the world's.
        bin_seconds: of the schedule; by default 30 s, or the run / 120 if that is longer.
        verified_requests: how many requests the last replay may serve; inf: all there are.

    Returns:
        None if even maxReplicas all the time don't hold it, or there is nothing to hold.
    """
    count = len(requests.arrival_seconds)
    if not objective or not count:
        return None
    bins = Bins(bin_seconds or max(BIN_SECONDS, duration_seconds / MOST_BINS), duration_seconds)
    rates = np.diff(curve.cumulative(bins.edges)) / np.diff(bins.edges)
    floor = fluid_floor(curve, bins, capacity, bounds)
    demand = Demand(bins, rates, objective, capacity, bounds, startup_seconds, floor)
    replays = Replays(
        requests=requests,
        draws=routing_draws(seed, count),
        routing=routing,
        objective=objective,
        bins=bins,
        start=start,
        replicas=1 if count > MANY_REQUESTS and routing == "random" else None,
    )
    return _Search(demand, replays, verified_requests).result()


@dataclass(frozen=True, slots=True)
class _State:
    """A schedule and what became of its requests: f8[bins, terms]."""

    counts: Counts
    late: Floats
    judged: Floats

    def changed(self, counts: Counts, tally: Tally) -> _State:
        """Return the state of another schedule that differs where the tally was taken."""
        late, judged = self.late.copy(), self.judged.copy()
        late[tally.first : tally.end] = tally.late
        judged[tally.first : tally.end] = tally.judged
        return _State(counts, late, judged)


class _Search:
    """One search for the fewest replicas."""

    def __init__(self, demand: Demand, replays: Replays, verified: float) -> None:
        self._demand = demand
        self._replays = replays
        self._margin = 1.0 if replays.replicas is None else SAMPLE_MARGIN
        self._left = REPLAYED_REQUESTS if replays.replicas is None else SAMPLED_REQUESTS
        self._verified = verified if replays.routing == "random" else math.inf

    def result(self) -> ClairvoyantMinimum | None:
        """Begin, descend, verify; None if nothing holds."""
        demand = self._demand
        state = self._begin()
        if state is None:
            return None
        state = self._descend(state)
        seen = self._replays.affordable(state.counts, self._verified)
        counts = self._verify(state.counts, seen)
        if counts is None:
            return None
        return ClairvoyantMinimum(
            bin_seconds=demand.bins.width_seconds,
            replicas=counts,
            starts=starts(counts),
            replica_seconds=replica_seconds(counts, demand.bins, demand.startup_seconds),
            method=self._method(seen),
        )

    def _begin(self) -> _State | None:
        """Return the fluid minimum with what it takes to hold; None if nothing does."""
        demand = self._demand
        full = (demand.bounds.maximum,) * demand.bins.count
        if demand.beyond_ceiling() and self._broken(self._judged(full)):
            return None
        state = self._judged(demand.fluid_minimum())
        tries: Counter[int] = Counter()
        while broken := self._broken(state):
            raised = state.counts
            for part in broken:
                raised = self._raised(raised, part, state, tries)
            if raised == state.counts:
                return None
            for first, end in differences(state.counts, raised, self._replays.settling_bins):
                state = state.changed(raised, self._replays.part(raised, first, end))
        return state

    def _judged(self, counts: Counts) -> _State:
        tally = self._replays.part(counts, 0, len(counts))
        return _State(counts, tally.late, tally.judged)

    def _broken(self, state: _State) -> list[int]:
        return self._demand.broken(state.late, state.judged, self._margin)

    def _raised(self, counts: Counts, part: int, state: _State, tries: Counter[int]) -> Counts:
        """Return the schedule with a replica more where a broken part needs it, the same if full.

        The first tries raise what the part's late requests point to, later ones the whole part.
        Where its own bins are full, the part inherits a backlog: the part before gets the replica.
        """
        demand = self._demand
        tries[part] += 1
        spans = [demand.parts[at] for at in range(part, -1, -1)]
        if tries[part] <= LOCAL_TRIES:
            spans.insert(0, demand.to_raise(part, state.late, state.judged))
        for low, high in spans:
            if min(counts[low:high]) < demand.bounds.maximum:
                more = tuple(
                    min(demand.bounds.maximum, count + (low <= at < high))
                    for at, count in enumerate(counts)
                )
                return without_short_dips(more, demand.bins, demand.startup_seconds)
        return counts

    def _descend(self, state: _State) -> _State:
        """Return the state with all that can be spared taken away."""
        demand = self._demand
        least, most = demand.bounds.minimum, demand.bounds.maximum
        grid = demand.bins, demand.startup_seconds
        hopeless: set[tuple[int, Counts, Counts]] = set()
        while self._left > 0:
            lowered = self._first_that_holds(state, savings(state.counts, least, *grid), hopeless)
            if lowered is None:
                others = exchanges(state.counts, least, most, *grid)
                lowered = self._first_that_holds(state, others, hopeless)
            if lowered is None:
                return state
            state = lowered
        return state

    def _first_that_holds(
        self, state: _State, candidates: Sequence[Counts], hopeless: set[tuple[int, Counts, Counts]]
    ) -> _State | None:
        """Return the state of the first schedule that holds; None if none, or the budget is spent.

        `hopeless` keeps what was tried: between the same counts it needs no second try.
        """
        near = self._demand.parts[0][1]
        for counts in self._above_floor(state, candidates):
            changes = differences(state.counts, counts)
            first, end = changes[0][0], changes[-1][1]
            low, high = max(0, first - near), end + near
            key = low, state.counts[low:high], counts[low:high]
            if key in hopeless or self._demand.overloaded(counts, first, end):
                continue
            if self._left <= 0:
                return None
            found = self._changed(state, counts, first, end)
            if found is not None:
                return found
            hopeless.add(key)
        return None

    def _above_floor(self, state: _State, candidates: Sequence[Counts]) -> list[Counts]:
        """Return the candidates with no bin below the fluid minimum, as far as they still save."""
        demand = self._demand
        lifted = dict.fromkeys(tuple(map(max, one, demand.floor)) for one in candidates)
        return cheaper(state.counts, lifted, demand.bins, demand.startup_seconds)

    def _changed(self, state: _State, counts: Counts, first: int, end: int) -> _State | None:
        """Return the state of another schedule, None if it does not hold.

        The schedules differ in the bins `[first, end)`.
        """
        low, high = self._replays.touched(first, end)
        unseen = Tally(low, np.zeros_like(state.late[low:high]), state.judged[low:high])
        settled = state.changed(counts, unseen)

        def hopeless(one: Tally) -> bool:
            settled.late[one.first : one.end] = one.late
            settled.judged[one.first : one.end] = one.judged
            return bool(self._broken(settled))

        found = self._replays.attempt(counts, first, end, hopeless)
        self._left -= found.requests
        if found.hopeless:
            return None
        lowered = state.changed(counts, found.tally)
        return None if self._broken(lowered) else lowered

    def _verify(self, counts: Counts, observed: int | None) -> Counts | None:
        """Return the schedule as it holds in a replay of every request; None if none does.

        A part that breaks gets a replica, and the replay goes on from the first part that this
        changes, as if the schedule had been so from the beginning.
        """
        demand, run = self._demand, WholeRun(self._replays, self._demand.parts, observed)
        tries: Counter[int] = Counter()
        while True:
            tally = run.played(counts)
            broken = demand.broken(tally.late, tally.judged)
            if not broken and run.finished:
                return counts
            if broken:
                state = _State(counts, tally.late, tally.judged)
                raised = self._raised(counts, broken[0], state, tries)
                if raised == counts:
                    return None
                run.go_back(differences(counts, raised)[0][0])
                counts = raised

    def _method(self, observed: int | None) -> str:
        thinned = self._replays.replicas is not None
        judged = "the oldest replica's requests" if thinned else "all requests"
        ended = "to a local minimum" if self._left > 0 else "until its budget was spent"
        seen = "" if observed is None else f", of its {observed} oldest replicas"
        return (
            f"descent from the fluid minimum by spans, {ended}, candidates judged by {judged};"
            f" the objective holds in every {PART_SECONDS:g} s of a replay of the whole run{seen}"
        )
