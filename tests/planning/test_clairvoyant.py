"""The clairvoyant minimum: it holds the objective, and nothing cheaper was found that does."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert import pipeline
from scalecert.bundled import bundled
from scalecert.planning.clairvoyant.feasibility import Demand, fluid_floor
from scalecert.planning.clairvoyant.replay import Replays, WholeRun
from scalecert.planning.clairvoyant.schedule import (
    Bins,
    replica_seconds,
    starts,
    without_short_dips,
)
from scalecert.planning.clairvoyant.search import clairvoyant_minimum
from scalecert.planning.fluid import Bounds
from scalecert.planning.unit_of_load import EngineStarter
from scalecert.recording.plan import Capacity, ObjectiveTerm
from scalecert.rng import stream
from scalecert.routing import routing_draws
from scalecert.workload.generate import Requests

POLICY = bundled("fixtures", "policies") / "vllm-num-requests-running.yaml"
OBJECTIVE = (
    ObjectiveTerm("ttft", 0.95, 2.0),
    ObjectiveTerm("tpot", 0.95, 0.1),
    ObjectiveTerm("mean_time_per_token", 0.95, 0.105),
)
CAPACITY = Capacity(1.81, 2.89, 256.0, 128.0, "as searched for an L4")
COUNTS = st.lists(st.integers(1, 4), min_size=1, max_size=8).map(tuple)


@dataclass(frozen=True)
class Steps:
    """A planned rate that is constant in each bin; has what the search asks a curve for."""

    rates: tuple[float, ...]
    width: float

    def cumulative(self, times):
        edges = np.arange(len(self.rates) + 1) * self.width
        return np.interp(times, edges, np.append(0.0, np.cumsum(self.rates) * self.width))


@dataclass(frozen=True)
class Case:
    """A run of few bins on a real engine model."""

    seed: int
    rates: tuple[float, ...]
    width: float = 30.0
    startup: float = 30.0
    most: int = 3
    routing: str = "random"

    @property
    def duration(self):
        return len(self.rates) * self.width

    @property
    def requests(self):
        draw = stream(self.seed, "case")
        counts = [int(draw.poisson(rate * self.width)) for rate in self.rates]
        starts_of_bins = np.repeat(np.arange(len(counts)) * self.width, counts)
        arrivals = np.sort(starts_of_bins + draw.uniform(0.0, self.width, sum(counts)))
        count = arrivals.size
        inputs, outputs = draw.integers(128, 384, count), draw.integers(64, 192, count)
        return Requests(arrivals, inputs.astype(np.int32), outputs.astype(np.int32), 0)

    def found(self, starter, **changes):
        return clairvoyant_minimum(
            curve=Steps(self.rates, self.width),
            requests=self.requests,
            capacity=CAPACITY,
            bounds=Bounds(1, self.most),
            start=starter,
            objective=OBJECTIVE,
            routing=self.routing,
            startup_seconds=self.startup,
            duration_seconds=self.duration,
            seed=self.seed,
            **{"bin_seconds": self.width, **changes},
        )

    def replays(self, starter, **changes):
        requests = self.requests
        draws = routing_draws(self.seed, len(requests.arrival_seconds))
        bins = Bins(self.width, self.duration)
        return Replays(requests, draws, self.routing, OBJECTIVE, bins, starter, **changes)

    def demand(self):
        bins = Bins(self.width, self.duration)
        bounds = Bounds(1, self.most)
        rates = np.array(self.rates)
        return Demand(bins, rates, OBJECTIVE, CAPACITY, bounds, self.startup, self.floor)

    @property
    def floor(self):
        bins, bounds = Bins(self.width, self.duration), Bounds(1, self.most)
        return fluid_floor(Steps(self.rates, self.width), bins, CAPACITY, bounds)

    def holds(self, starter, counts):
        tally = self.replays(starter).part(counts, 0, len(counts))
        return not self.demand().broken(tally.late, tally.judged)

    def cost(self, counts):
        return replica_seconds(counts, Bins(self.width, self.duration), self.startup)


@pytest.fixture(scope="module")
def starter():
    """Return what starts a vLLM server of the shipped policy's profile."""
    (subject,) = pipeline.subjects(
        pipeline.Inputs(policies=(str(POLICY),), objective="ttft_p95=2s,tpot_p95=100ms")
    )
    return EngineStarter(subject.resolved)


def test_a_rise_is_met_when_it_comes_and_left_when_it_is_over(starter):
    """One replica for the quiet bins, two or three for the busy ones: what the load needs."""
    found = Case(1, (0.5, 5.0, 5.0, 0.5)).found(starter)
    assert found.replicas[0] == found.replicas[3] == 1
    assert min(found.replicas[1:3]) >= 2
    assert found.starts == starts(found.replicas)
    assert found.replica_seconds == Case(1, (0.5, 5.0, 5.0, 0.5)).cost(found.replicas)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rates=st.lists(st.sampled_from([0.3, 1.5, 2.0, 3.5, 5.0]), min_size=3, max_size=4).map(tuple),
    width=st.sampled_from([20.0, 30.0, 60.0]),
    startup=st.sampled_from([10.0, 30.0, 90.0]),
)
def test_it_is_the_optimum_wherever_every_schedule_can_be_tried(
    starter, seed, rates, width, startup
):
    """INV-12: of all schedules of 3 or 4 bins and 1 to 3 replicas none that holds is cheaper.

    None, that is, that loads no replica beyond its capacity: the fluid minimum is the lower bound.
    """
    case = Case(seed, rates, width, startup)
    found = case.found(starter)
    price = float("inf") if found is None else found.replica_seconds
    assert found is None or all(map(int.__ge__, found.replicas, case.floor))
    for counts in itertools.product((1, 2, 3), repeat=len(rates)):
        sound = all(map(int.__ge__, counts, case.floor))
        if sound and case.cost(counts) < price - 1e-6:
            assert not case.holds(starter, counts), counts
    assert found is None or case.holds(starter, found.replicas)


def test_a_load_beyond_the_maximum_has_no_minimum(starter):
    """Even maxReplicas all the time don't hold it: there is nothing to compare with."""
    assert Case(2, (20.0, 20.0, 20.0)).found(starter) is None


def test_without_requests_there_is_no_minimum(starter):
    """Nothing was to hold."""
    assert Case(2, (0.0, 0.0)).found(starter) is None


@pytest.mark.parametrize("routing", ["round-robin", "least-outstanding"])
def test_every_routing_is_searched_with_all_its_replicas(starter, routing):
    """What comes out holds under the scenario's own routing."""
    case = Case(3, (1.0, 4.0, 4.0, 1.0), routing=routing)
    assert case.holds(starter, case.found(starter).replicas)


def test_the_same_seed_gives_the_same_minimum(starter):
    """A plan is a function of its inputs."""
    case = Case(4, (1.0, 4.0, 2.0, 1.0))
    assert case.found(starter) == case.found(starter)


def test_the_oldest_replicas_get_the_same_requests_whether_the_others_work_or_not(starter):
    """A thinned replay is the whole one without the youngest replicas."""
    case, counts = Case(5, (3.0, 5.0, 5.0, 3.0)), (2, 3, 3, 2)
    thinned = case.replays(starter, replicas=1).part(counts, 0, 4)
    run = WholeRun(case.replays(starter), case.demand().parts, observed=1)
    observed = run.played(counts)
    assert np.allclose(thinned.judged, observed.judged)
    assert np.allclose(thinned.late, observed.late)
    assert thinned.judged.sum() == pytest.approx(
        len(OBJECTIVE) * len(case.requests.arrival_seconds), rel=0.2
    )


def test_a_run_that_goes_back_ends_as_if_it_had_never_been_otherwise(starter):
    """Checkpoints restore servers, routing and log."""
    case, before, after = Case(6, (3.0,) * 22), (1,) * 22, (*(1,) * 11, *(3,) * 11)
    parts = case.demand().parts
    assert len(parts) == 2
    went_back = WholeRun(case.replays(starter), parts, observed=None)
    for _ in parts:
        went_back.played(before)
    went_back.go_back(11)
    straight = WholeRun(case.replays(starter), parts, observed=None)
    straight.played(after)
    ends = went_back.played(after), straight.played(after)
    assert np.array_equal(ends[0].late, ends[1].late)
    assert np.array_equal(ends[0].judged, ends[1].judged)


@settings(derandomize=True, max_examples=60)
@given(needed=COUNTS, startup=st.sampled_from([0.0, 45.0, 100.0]))
def test_dips_are_kept_where_that_is_cheaper(needed, startup):
    """The schedule covers the need, costs no more, and a second look changes nothing."""
    bins = Bins(30.0, 30.0 * len(needed))
    counts = without_short_dips(needed, bins, startup)
    assert all(count >= least for count, least in zip(counts, needed, strict=True))
    assert max(counts) == max(needed)
    paid = replica_seconds(counts, bins, startup)
    assert paid <= replica_seconds(needed, bins, startup) + 1e-9
    assert without_short_dips(counts, bins, startup) == counts


def test_the_fluid_minimum_is_a_lower_bound_where_its_bins_are_others():
    """A rise within a bin of the schedule: the bin has what its last 15 s need."""
    curve = Steps((0.5, 0.5, 5.0, 5.0), 15.0)
    assert fluid_floor(curve, Bins(45.0, 60.0), CAPACITY, Bounds(1, 10)) == (3, 3)
    assert fluid_floor(curve, Bins(30.0, 60.0), CAPACITY, Bounds(1, 2)) == (1, 2)
