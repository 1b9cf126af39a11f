"""Clients that keep their connections: who gets a request is whose connection is idle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.engines.request_log import RequestLog, Status
from scalecert.routing import KeptConnections, Router, routing_draws
from scalecert.sim.pods import Pod
from scalecert.workload.generate import Requests

ROUTINGS = ["random", "round-robin", "least-outstanding"]


class AnsweringEngine:
    """A server that answers each request `hold` seconds after it arrived, and logs it."""

    def __init__(self, log: RequestLog, hold: float, status: Status = Status.OK) -> None:
        self.log, self.hold, self.status, self.now = log, hold, status, 0.0
        self.offered: list[tuple[int, float]] = []
        self.running: dict[int, float] = {}

    def offer(self, ids, arrival_seconds, input_tokens, output_tokens):
        assert all(time >= self.now for time in arrival_seconds)
        self.offered += list(zip(ids, arrival_seconds, strict=True))
        self.running |= {one: at + self.hold for one, at in zip(ids, arrival_seconds, strict=True)}

    def advance(self, until_seconds):
        assert until_seconds >= self.now
        self.now = until_seconds
        for one in [one for one, end in self.running.items() if end <= until_seconds]:
            self.log.last_token_seconds[one] = self.running.pop(one)
            self.log.status[one] = self.status

    def outstanding(self):
        return len(self.running)

    def next_finish_seconds(self):
        return min(self.running.values(), default=math.inf)

    def requests(self):
        return [request for request, _ in self.offered]


def fleet(log, count, hold, status=Status.OK):
    """Return pods that have been ready for long, each with a server of its own."""
    return [
        Pod(index, f"web-{index}", 0.0, ready=0.0, engine=AnsweringEngine(log, hold, status))
        for index in range(count)
    ]


def routed(times, pods, log, *, routing="round-robin", idle_seconds=None):
    """Return a router of requests at such times."""
    tokens = np.ones(len(times), dtype=np.int32)
    requests = Requests(np.array(times, dtype=np.float64), tokens, tokens, 0)
    kept = KeptConnections(log, idle_seconds)
    return Router(requests, log, routing, routing_draws(1, len(times)), kept=kept)


@settings(derandomize=True, max_examples=60)
@given(
    gaps=st.lists(st.floats(0.0, 3.0), max_size=60),
    count=st.integers(1, 5),
    hold=st.floats(0.01, 5.0),
    cuts=st.lists(st.floats(0.0, 100.0), max_size=5),
    routing=st.sampled_from(ROUTINGS),
    idle_seconds=st.none() | st.floats(0.0, 5.0),
)
def test_every_request_is_handed_over_once_and_in_order(
    gaps, count, hold, cuts, routing, idle_seconds
):
    """INV-6 holds for connections that are kept: nothing is lost, doubled or reordered."""
    log = RequestLog.of_size(len(gaps))
    pods = fleet(log, count, hold)
    router = routed(np.cumsum(gaps), pods, log, routing=routing, idle_seconds=idle_seconds)
    assert sum(router.route(cut, pods) for cut in [*sorted(cuts), math.inf]) == 0
    offered = sorted(request for pod in pods for request in pod.engine.requests())
    assert offered == list(range(len(gaps)))
    for pod in pods:
        assert pod.engine.offered == sorted(pod.engine.offered)


@settings(derandomize=True, max_examples=40)
@given(gaps=st.lists(st.floats(0.0, 3.0), max_size=40), idle_seconds=st.none() | st.floats(0, 5))
def test_with_one_pod_it_makes_no_difference(gaps, idle_seconds):
    """All requests go there, each at its time."""
    times = np.cumsum(gaps)
    log = RequestLog.of_size(len(gaps))
    pods = fleet(log, 1, 1.0)
    routed(times, pods, log, idle_seconds=idle_seconds).route(math.inf, pods)
    assert pods[0].engine.offered == list(enumerate(times.tolist()))


@pytest.mark.parametrize("routing", ROUTINGS)
def test_a_new_pod_gets_nothing_while_a_connection_is_idle(routing):
    """One request at a time needs one connection, and it leads to the pod that was there."""
    log = RequestLog.of_size(40)
    pods = fleet(log, 3, 0.5)
    router = routed(range(40), pods, log, routing=routing)
    router.route(10.5, pods[:1])
    router.route(math.inf, pods)
    assert pods[0].engine.requests() == list(range(40))


def test_a_new_pod_gets_the_connections_beyond():
    """Two requests at once, where one connection is idle: the second opens one, to the next."""
    log = RequestLog.of_size(3)
    pods = fleet(log, 2, 1.0)
    router = routed([0.0, 5.0, 5.1], pods, log, routing="least-outstanding")
    router.route(1.0, pods[:1])
    router.route(math.inf, pods)
    assert [pod.engine.requests() for pod in pods] == [[0, 1], [2]]


def test_the_connection_that_was_used_last_is_taken_first():
    """Of two that are idle the one whose answer ended later."""
    log = RequestLog.of_size(4)
    pods = fleet(log, 2, 1.0)
    pods[0].engine.hold = 2.0
    router = routed([0.0, 0.5, 6.0, 6.1], pods, log)
    router.route(math.inf, pods)
    assert [pod.engine.requests() for pod in pods] == [[0, 2], [1, 3]]


def test_the_server_closes_a_connection_that_nobody_uses():
    """After its time a request opens one, which goes to whose turn it is."""
    log = RequestLog.of_size(3)
    pods = fleet(log, 2, 1.0)
    routed([0.0, 5.9, 11.9], pods, log, idle_seconds=5.0).route(math.inf, pods)
    assert [pod.engine.requests() for pod in pods] == [[0, 1], [2]]


def test_a_pod_on_its_way_out_is_sent_requests_until_its_server_is_told_to_stop():
    """No new connections lead to it, those that there are do, up to SIGTERM."""
    log = RequestLog.of_size(3)
    pods = fleet(log, 2, 0.5)
    router = routed([0.0, 2.0, 4.0], pods, log)
    router.route(1.0, pods)
    pods[0].deleted = 1.0
    router.route(3.0, pods[1:])
    pods[0].stopped = 3.0
    router.route(math.inf, pods[1:])
    assert [pod.engine.requests() for pod in pods] == [[0, 1], [2]]


def test_requests_are_refused_only_without_pod_and_connection():
    """A connection that is there serves on when no pod is ready any more."""
    log = RequestLog.of_size(3)
    pods = fleet(log, 1, 0.5)
    router = routed([0.0, 2.0, 2.1], pods, log)
    router.route(1.0, pods)
    assert router.route(math.inf, []) == 1
    assert pods[0].engine.requests() == [0, 1]
    assert log.status[2] == Status.ABORTED


def test_a_request_that_was_lost_takes_its_connection_with_it():
    """Aborted: the connection broke; rejected: the server answered, and it is used again."""
    for status, expected in ((Status.ABORTED, [[0], [1]]), (Status.REJECTED, [[0, 1], []])):
        log = RequestLog.of_size(2)
        pods = fleet(log, 2, 0.5, status)
        routed([0.0, 2.0], pods, log).route(math.inf, pods)
        assert [pod.engine.requests() for pod in pods] == expected
