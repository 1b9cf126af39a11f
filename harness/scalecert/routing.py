"""Service routing: which pod each arrival goes to.

Arrivals are handed to the engines in batches, up to the next event that may change who serves;
a request that meets no listening server is refused, as a connection would be. The simulated world
and the replays of planning route alike, with the same draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from scalecert.engines.base import Engine
from scalecert.engines.request_log import RequestLog, Status
from scalecert.rng import stream
from scalecert.scenario.model import Routing
from scalecert.workload.generate import Requests


class Server(Protocol):
    """What requests are routed to: a pod, or what stands for one."""

    @property
    def engine(self) -> Engine | None:
        """The server process, None while none listens."""


def routing_draws(seed: int, count: int) -> npt.NDArray[np.float64]:
    """Return what `random` routing draws for each request of a run, in [0, 1)."""
    return stream(seed, "routing").random(count)


class Router:
    """Routes one run's requests in order of arrival.

    `random` is kube-proxy's choice per connection (iptables, one connection a request),
    `round-robin` IPVS's, `least-outstanding` a load balancer's that counts open requests.
    """

    def __init__(
        self,
        requests: Requests,
        log: RequestLog,
        routing: Routing,
        draws: npt.NDArray[np.float64],
    ) -> None:
        self._arrivals = requests.arrival_seconds
        self._inputs = requests.input_tokens
        self._outputs = requests.output_tokens
        self._log = log
        self._routing = routing
        self._draws = draws
        self._next = 0
        self._turn = 0

    def route(self, until_seconds: float, serving: Sequence[Server]) -> int:
        """Hand over every arrival before `until_seconds`; return how many were refused."""
        end = int(np.searchsorted(self._arrivals, until_seconds, side="left"))
        begin, self._next = self._next, max(end, self._next)
        if end <= begin:
            return 0
        if not serving:
            return self._refuse(range(begin, end))
        if self._routing == "least-outstanding":
            return self._least_outstanding(begin, end, serving)
        return self._spread(begin, end, serving)

    def _spread(self, begin: int, end: int, serving: Sequence[Server]) -> int:
        """Split one batch over the servers without looking at their state."""
        count = len(serving)
        if self._routing == "random":
            choice = (self._draws[begin:end] * count).astype(np.intp)
        else:
            choice = (self._turn + np.arange(end - begin)) % count
            self._turn = (self._turn + end - begin) % count
        order = np.argsort(choice, kind="stable")
        ends = np.searchsorted(choice[order], np.arange(count), side="right").tolist()
        refused, start = 0, 0
        for server, stop in zip(serving, ends, strict=True):
            if stop > start:
                refused += self._hand_over(server, order[start:stop] + begin)
            start = stop
        return refused

    def _hand_over(self, server: Server, ids: npt.NDArray[np.intp]) -> int:
        if server.engine is None:
            return self._refuse(ids.tolist())
        server.engine.offer(
            ids.tolist(),
            self._arrivals[ids].tolist(),
            self._inputs[ids].tolist(),
            self._outputs[ids].tolist(),
        )
        return 0

    def _refuse(self, ids: Sequence[int]) -> int:
        for request in ids:
            self._log.status[request] = Status.ABORTED
        return len(ids)

    def _least_outstanding(self, begin: int, end: int, serving: Sequence[Server]) -> int:
        """Give each arrival to the server with the fewest open requests, the oldest of equals."""
        engines = [server.engine for server in serving if server.engine is not None]
        if not engines:
            return self._refuse(range(begin, end))
        finishes = [engine.next_finish_seconds() for engine in engines]
        open_requests = [engine.outstanding() for engine in engines]
        for request in range(begin, end):
            self._one(request, engines, finishes, open_requests)
        return 0

    def _one(
        self, request: int, engines: list[Engine], finishes: list[float], open_requests: list[int]
    ) -> None:
        now = float(self._arrivals[request])
        for index, finish in enumerate(finishes):
            if finish <= now:
                engines[index].advance(now)
                open_requests[index] = engines[index].outstanding()
                finishes[index] = engines[index].next_finish_seconds()
        best = open_requests.index(min(open_requests))
        engine = engines[best]
        engine.advance(now)
        engine.offer([request], [now], [int(self._inputs[request])], [int(self._outputs[request])])
        engine.advance(now)
        open_requests[best] += 1
        finishes[best] = engine.next_finish_seconds()
