"""Routing: every request goes to one serving pod or is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.engines.request_log import RequestLog, Status
from scalecert.routing import Router, routing_draws
from scalecert.sim.pods import Pod
from scalecert.workload.generate import Requests

ROUTINGS = ["random", "round-robin", "least-outstanding"]


class HoldingEngine:
    """A server that answers each request `hold` seconds after it arrived."""

    def __init__(self, hold: float) -> None:
        self.hold, self.now = hold, 0.0
        self.offered: list[tuple[int, float]] = []

    def offer(self, ids, arrival_seconds, input_tokens, output_tokens):
        assert all(time >= self.now for time in arrival_seconds)
        self.offered += list(zip(ids, arrival_seconds, strict=True))

    def advance(self, until_seconds):
        self.now = until_seconds

    def outstanding(self):
        return sum(time <= self.now < time + self.hold for _, time in self.offered)

    def next_finish_seconds(self):
        left = [time + self.hold for _, time in self.offered if time + self.hold > self.now]
        return min(left, default=math.inf)


def requests_at(times):
    tokens = np.ones(len(times), dtype=np.int32)
    return Requests(np.array(times, dtype=np.float64), tokens, tokens, 0)


def pods_with(engines):
    return [
        Pod(index, f"web-{index}", 0.0, ready=0.0, engine=engine)
        for index, engine in enumerate(engines)
    ]


@settings(derandomize=True, max_examples=60)
@given(
    gaps=st.lists(st.floats(0.0, 3.0), max_size=60),
    count=st.integers(1, 5),
    cuts=st.lists(st.floats(0.0, 100.0), max_size=5),
    routing=st.sampled_from(ROUTINGS),
)
def test_every_request_is_handed_over_once_and_in_order(gaps, count, cuts, routing):
    """INV-6: cutting the run into pieces neither loses, doubles nor reorders a request."""
    requests = requests_at(np.cumsum(gaps))
    engines = [HoldingEngine(1.0) for _ in range(count)]
    router = Router(requests, RequestLog.of_size(len(gaps)), routing, routing_draws(1, len(gaps)))
    for cut in [*sorted(cuts), math.inf]:
        router.route(cut, pods_with(engines))
    offered = sorted(request for engine in engines for request, _ in engine.offered)
    assert offered == list(range(len(gaps)))
    for engine in engines:
        assert engine.offered == sorted(engine.offered)


@pytest.mark.parametrize("routing", ROUTINGS)
def test_without_a_serving_pod_requests_are_refused(routing):
    """Nobody answers: the requests are lost, and counted."""
    log = RequestLog.of_size(3)
    router = Router(requests_at([1.0, 2.0, 3.0]), log, routing, routing_draws(1, 3))
    assert router.route(2.5, []) == 2
    assert log.status == [Status.ABORTED, Status.ABORTED, Status.PENDING]


def test_a_pod_that_is_ready_before_it_listens_refuses():
    """A pod without a readiness probe gets traffic that its server can't take."""
    log = RequestLog.of_size(2)
    router = Router(requests_at([1.0, 2.0]), log, "random", routing_draws(1, 2))
    assert router.route(5.0, pods_with([None])) == 2


def test_round_robin_takes_turns_across_batches():
    """The turn is kept between two calls."""
    engines = [HoldingEngine(1.0) for _ in range(3)]
    log, draws = RequestLog.of_size(7), routing_draws(1, 7)
    router = Router(requests_at(range(1, 8)), log, "round-robin", draws)
    for until in (2.5, 6.5, 100.0):
        router.route(until, pods_with(engines))
    assert [len(engine.offered) for engine in engines] == [3, 2, 2]
    assert [request for request, _ in engines[1].offered] == [1, 4]


def test_least_outstanding_avoids_the_busy_pod():
    """Open requests are counted at each arrival."""
    engines = [HoldingEngine(100.0), HoldingEngine(1.0)]
    log, draws = RequestLog.of_size(4), routing_draws(1, 4)
    router = Router(requests_at([1, 2, 4, 6]), log, "least-outstanding", draws)
    router.route(10.0, pods_with(engines))
    assert [request for request, _ in engines[0].offered] == [0]
    assert [request for request, _ in engines[1].offered] == [1, 2, 3]


def test_random_routing_spreads_evenly():
    """kube-proxy gives each connection to every pod with the same chance."""
    engines = [HoldingEngine(1.0) for _ in range(4)]
    count = 20_000
    log, draws = RequestLog.of_size(count), routing_draws(1, count)
    router = Router(requests_at(range(count)), log, "random", draws)
    router.route(math.inf, pods_with(engines))
    for engine in engines:
        assert abs(len(engine.offered) - count / 4) < 300  # 5 sigma: 61 each
