"""One replica's capacity: sustainable, reproducible, and bound by whichever limit binds first."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.engines.request_log import RequestLog, Status
from scalecert.errors import UsageError
from scalecert.planning.capacity import (
    LEAST_SECONDS,
    PRECISION,
    REQUESTS,
    ObjectiveOutOfReachError,
    replica_capacity,
    saturated_per_second,
)
from scalecert.recording.plan import ObjectiveTerm


@dataclass
class Queue:
    """A server of one slot: each request takes `service_seconds`, its token comes at the end."""

    log: RequestLog
    service_seconds: float
    places: float = float("inf")
    _free: float = 0.0
    _finishes: deque[float] = field(default_factory=deque)

    def offer(self, ids, arrivals, input_tokens, output_tokens):
        """Serve in order of arrival; refuse beyond the places in the queue."""
        for request, arrival in zip(ids, arrivals, strict=True):
            while self._finishes and self._finishes[0] <= arrival:
                self._finishes.popleft()
            if len(self._finishes) > self.places:
                self.log.status[request] = Status.REJECTED
                continue
            begin = max(self._free, arrival)
            self._free = begin + self.service_seconds
            self.log.scheduled_seconds[request] = begin
            self._finishes.append(self._free)
            self.log.first_token_seconds[request] = self.log.last_token_seconds[request] = (
                self._free
            )
            self.log.status[request] = Status.OK

    def advance(self, now):
        """All is known when it is offered."""


def sizes(count, generator):
    """Return requests of one token."""
    return np.full(count, 100), np.full(count, 1)


def as_in_a_chat(count, generator):
    """Return requests of 256 tokens that ask for about 128."""
    return np.full(count, 256), generator.integers(64, 193, size=count)


def starter(service_seconds, places=float("inf"), started=None):
    def start(log):
        if started is not None:
            started.append(len(log.status))
        return Queue(log, service_seconds, places)

    return start


def ttft(limit_seconds, quantile=0.95):
    return (ObjectiveTerm("ttft", quantile, limit_seconds),)


def test_saturated_is_what_an_endless_queue_is_served_at():
    """A server of 0.2 s a request serves five a second."""
    assert saturated_per_second(starter(0.2), sizes) == pytest.approx(5.0)


@pytest.mark.parametrize("accelerator", ["l4", "a100-80g"])
def test_permits_do_not_change_what_a_full_server_serves(accelerator: str):
    """A server that takes 128 requests at once is as fast as one that lets thousands wait."""
    kind, profile = engine_kind("tgi"), load_profile(f"tgi_llama-2-7b_{accelerator}")

    def served(*flags: str) -> float:
        limits = kind.limits(profile, flags, {})
        start = partial(kind.start, profile, limits, ordinal=0, model_name="", now=0.0)
        return saturated_per_second(start, as_in_a_chat)

    assert served() == pytest.approx(served("--max-concurrent-requests=4000"), rel=0.1)


def test_a_limit_on_the_queue_does_not_hide_the_saturated_rate():
    """Only what was served counts where the server refuses the rest."""
    assert saturated_per_second(starter(0.2, places=40), sizes) == pytest.approx(5.0)


@pytest.mark.parametrize("service_seconds", [0.01, 0.5])
@pytest.mark.parametrize("limit", [5.0, 200.0])
def test_capacity_is_sustainable(service_seconds, limit):
    """However loose the limit and fast the server: never more than it can serve for ever."""
    found = replica_capacity(starter(service_seconds), sizes, ttft(limit * service_seconds))
    assert 0.5 / service_seconds < found.requests_per_second <= 1.001 / service_seconds
    assert found.requests_per_second <= found.saturated_per_second


def test_capacity_is_that_of_the_queue():
    """Random arrivals at fixed service: 95 % wait two service times at most up to 0.49 (Erlang).

    The worst of five seeds is up to a tenth below what holds on average, and not above it.
    """

    def kept(load):
        """Return P(wait <= 2 service times) in M/D/1."""
        terms = (
            (-load * (2 - k)) ** k / np.prod(np.arange(1, k + 1)) * np.exp(load * (2 - k))
            for k in range(3)
        )
        return (1 - load) * sum(terms)

    exact = next(load for load in itertools.count(0.3, 0.001) if kept(load) < 0.95)
    found = replica_capacity(starter(1.0), sizes, ttft(3.0))
    assert found.requests_per_second == pytest.approx(exact, rel=0.1)
    assert found.requests_per_second <= exact * 1.02


def test_mean_time_per_token_alone_would_let_a_replica_queue_without_end():
    """It leaves queueing out, so the saturated rate keeps it; beside TTFT, TTFT binds."""
    mean = (ObjectiveTerm("mean_time_per_token", 0.95, 0.15),)
    alone = replica_capacity(starter(0.1), sizes, mean)
    assert alone.requests_per_second == pytest.approx(alone.saturated_per_second, rel=PRECISION)
    bound = replica_capacity(starter(0.1), sizes, mean + ttft(0.3))
    assert bound == replica_capacity(starter(0.1), sizes, ttft(0.3))
    assert bound.requests_per_second < 0.7 * alone.requests_per_second


@pytest.mark.parametrize("tighter", [1.5, 2.0, 4.0])
def test_a_tighter_limit_never_raises_capacity(tighter):
    """It falls with the limit, and a second term can only lower it, to the search's 1 %."""
    loose = replica_capacity(starter(0.1), sizes, ttft(0.8)).requests_per_second
    tight = replica_capacity(starter(0.1), sizes, ttft(0.8 / tighter)).requests_per_second
    both = replica_capacity(starter(0.1), sizes, ttft(0.8) + ttft(0.8 / tighter))
    assert tight <= loose * (1 + PRECISION)
    assert both.requests_per_second == pytest.approx(tight, rel=PRECISION)


def test_a_fast_server_is_asked_for_long_enough():
    """At 100 requests/s 2,000 of them are over before an overload shows."""
    slow, fast = [], []
    replica_capacity(starter(1.0, started=slow), sizes, ttft(9.0))
    replica_capacity(starter(0.01, started=fast), sizes, ttft(0.09))
    assert set(slow) == {REQUESTS}
    assert max(fast) == pytest.approx(LEAST_SECONDS / 0.01, rel=0.01)


def test_an_objective_that_an_idle_server_misses_is_out_of_reach():
    """The error says what one request alone takes."""
    with pytest.raises(ObjectiveOutOfReachError, match=r"ttft_p95=500ms is 1 s"):
        replica_capacity(starter(1.0), sizes, ttft(0.5))


def test_a_server_beyond_any_is_refused():
    """Its search would run millions of requests, or of ones that take no time."""
    for service_seconds in (1e-5, 0.0):
        with pytest.raises(UsageError, match="more than 5000 such requests/s"):
            saturated_per_second(starter(service_seconds), sizes)


def test_a_search_ends_however_fast_the_server(monkeypatch):
    """Of a fast server with a limit that is hard to meet, looks cost too much; pin it then."""
    started = []
    monkeypatch.setattr("scalecert.planning.capacity.MOST_REQUESTS", 100_000)
    with pytest.raises(UsageError, match="--capacity"):
        replica_capacity(starter(0.01, started=started), sizes, ttft(0.011))
    assert 80_000 < sum(started) <= 100_000


def test_a_server_that_serves_none_of_the_requests_is_refused():
    """Where nothing fits there is no rate to state a load in."""
    with pytest.raises(UsageError, match="serves 0 of 2000 such requests"):
        saturated_per_second(starter(1.0, places=-1), sizes)
