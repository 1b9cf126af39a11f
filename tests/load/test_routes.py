"""Routes: the file as it is now, and the simulator's choice among the pods."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from load.offers import write_routes

from scalecert.engines.request_log import RequestLog
from scalecert.load.routes import Choice, Pod, RouteFile, RoutesSent
from scalecert.routing import Router, routing_draws
from scalecert.sim.pods import Pod as SimPod
from scalecert.workload.generate import Requests


def pods_of(count: int) -> tuple[Pod, ...]:
    """Return pods, oldest first."""
    return tuple(Pod(place, f"web-{place}", f"127.0.0.{place + 10}") for place in range(count))


def test_no_file_is_no_pod(tmp_path):
    """The agent has not written it yet."""
    assert RouteFile(tmp_path / "routes.json").pods() == ()


def test_a_file_that_was_replaced_is_read_at_once(tmp_path):
    """In the order that it has, ports and other fields passed over."""
    path = tmp_path / "routes.json"
    routes = RouteFile(path)
    for pods in ({0: "127.0.0.1"}, {2: "127.0.0.9", 1: "127.0.0.8"}, {}, {4: "127.0.0.7"}):
        write_routes(path, pods)
        assert {pod.ordinal: pod.address for pod in routes.pods()} == pods
        assert routes.pods() is routes.pods()


def test_a_file_that_is_gone_is_no_pod(tmp_path):
    """And one that comes again is read."""
    path = tmp_path / "routes.json"
    write_routes(path, {0: "127.0.0.1"})
    routes = RouteFile(path)
    assert len(routes.pods()) == 1
    path.unlink()
    assert routes.pods() == ()
    write_routes(path, {0: "127.0.0.1"})
    assert len(routes.pods()) == 1


def test_routes_that_are_sent_are_those_of_the_file(tmp_path):
    """Another machine's generator gets its bytes."""
    path = tmp_path / "routes.json"
    write_routes(path, {3: "10.0.0.7"})
    sent = RoutesSent()
    assert sent.pods() == ()
    sent.take(path.read_bytes())
    assert sent.pods() == RouteFile(path).pods()


class Taker:
    """A server that notes which requests it was given."""

    now = 0.0

    def __init__(self) -> None:
        self.taken: list[int] = []

    def offer(self, ids, *_):
        self.taken += ids


@settings(derandomize=True, max_examples=80)
@given(
    counts=st.lists(st.integers(1, 6), min_size=1, max_size=8),
    per_stage=st.integers(1, 9),
    routing=st.sampled_from(["random", "round-robin"]),
    seed=st.integers(0, 99),
)
def test_the_choice_is_the_simulators(counts, per_stage, routing, seed):
    """Request by request, with the same draws, while pods come and go."""
    total = len(counts) * per_stage
    draws = routing_draws(seed, total)
    tokens = np.ones(total, dtype=np.int32)
    requests = Requests(np.arange(total, dtype=np.float64), tokens, tokens, 0)
    router = Router(requests, RequestLog.of_size(total), routing, draws)
    servers = [SimPod(place, "", 0.0, engine=Taker()) for place in range(6)]
    choice, chosen = Choice(routing), []
    for stage, count in enumerate(counts):
        last = stage == len(counts) - 1
        router.route(math.inf if last else (stage + 1) * per_stage, servers[:count])
        stretch = draws[stage * per_stage : (stage + 1) * per_stage]
        chosen += [choice.of(float(draw), pods_of(count)).ordinal for draw in stretch]
    expected = {one: pod.ordinal for pod in servers for one in pod.engine.taken}
    assert chosen == [expected[one] for one in range(total)]


@pytest.mark.parametrize("generators", [1, 2, 3])
def test_generators_take_turns_together(generators):
    """As one would: request i goes to pod i modulo the number of pods."""
    choices = [Choice("round-robin", first=place, step=generators) for place in range(generators)]
    pods = pods_of(4)
    chosen = [choices[one % generators].of(0.0, pods).ordinal for one in range(24)]
    assert chosen == [one % 4 for one in range(24)]


def test_least_outstanding_is_the_oldest_of_those_with_the_fewest():
    """Requests count from the choice on, until they have ended."""
    choice, pods = Choice("least-outstanding"), pods_of(3)
    order = []
    for _ in range(4):
        pod = choice.of(0.9, pods)
        choice.opened(pod)
        order.append(pod.ordinal)
    choice.closed(pods[1])
    assert order == [0, 1, 2, 0]
    assert choice.of(0.9, pods) == pods[1]
