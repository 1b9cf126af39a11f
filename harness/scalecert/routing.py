"""Service routing: which pod each arrival goes to.

Arrivals are handed to the engines in batches, up to the next event that may change who serves;
a request that meets no listening server is refused, as a connection would be. The simulated world
and the replays of planning route alike, with the same draws; so does the load on real servers.

It is connections that are routed. Clients that keep theirs (`KeptConnections`) open a new one only
when none is idle, and whoever they are connected to gets the request, ready or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, isnan
from operator import itemgetter
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

    @property
    def keeps_connections(self) -> bool:
        """Whether connections stay open; a server that got SIGTERM closes the idle ones."""


def routing_draws(seed: int, count: int) -> npt.NDArray[np.float64]:
    """Return what `random` routing draws for each request of a run, in [0, 1)."""
    return stream(seed, "routing").random(count)


class KeptConnections:
    """The connections of clients that use idle ones again, the one that was used last first.

    So do HTTP clients (Go's net/http, urllib3). A connection sticks to its server: new servers get
    requests only when no connection is idle, and a server that is on its way out gets them until
    it closes its connections.

    Args:
        log: of the requests.
        idle_seconds: after which servers close a connection that nobody uses; None: never.
    """

    def __init__(self, log: RequestLog, idle_seconds: float | None) -> None:
        self._log = log
        self._idle_seconds = inf if idle_seconds is None else idle_seconds
        self._idle: list[tuple[float, Server]] = []
        self._busy: dict[int, Server] = {}

    def take(self, now: float) -> Server | None:
        """Return the server of an idle connection; None if none is idle."""
        self._idle += sorted(self._freed(now), key=itemgetter(0))
        while self._idle:
            since, server = self._idle.pop()
            if now - since < self._idle_seconds and server.keeps_connections:
                return server
        return None

    def use(self, request: int, server: Server) -> None:
        """Note that a request is on its way on a connection to a server."""
        self._busy[request] = server

    def _freed(self, now: float) -> Iterator[tuple[float, Server]]:
        """Yield the connections whose requests have ended by now, with when they did."""
        for engine in {id(one.engine): one.engine for one in self._busy.values()}.values():
            if engine is not None and engine.next_finish_seconds() <= now:
                engine.advance(now)
        ended = [one for one in self._busy if self._log.status[one] != Status.PENDING]
        for request in ended:
            server = self._busy.pop(request)
            if self._log.status[request] != Status.ABORTED:
                last = self._log.last_token_seconds[request]
                yield (now if isnan(last) else last), server


class Router:
    """Routes one run's requests in order of arrival.

    `random` is kube-proxy's choice per connection (iptables), `round-robin` IPVS's,
    `least-outstanding` a load balancer's that counts open requests. There is one connection a
    request, unless clients keep them.
    """

    def __init__(
        self,
        requests: Requests,
        log: RequestLog,
        routing: Routing,
        draws: npt.NDArray[np.float64],
        *,
        kept: KeptConnections | None = None,
    ) -> None:
        self._arrivals = requests.arrival_seconds
        self._inputs = requests.input_tokens
        self._outputs = requests.output_tokens
        self._log = log
        self._routing = routing
        self._draws = draws
        self._kept = kept
        self._next = 0
        self._turn = 0

    @property
    def looks_at_servers(self) -> bool:
        """Whether servers are advanced to each arrival, to see how they are then."""
        return self._kept is not None or self._routing == "least-outstanding"

    def route(self, until_seconds: float, serving: Sequence[Server]) -> int:
        """Hand over every arrival before `until_seconds`; return how many were refused."""
        end = int(np.searchsorted(self._arrivals, until_seconds, side="left"))
        begin, self._next = self._next, max(end, self._next)
        if end <= begin:
            return 0
        if self._kept is not None:
            return sum(self._on_kept(self._kept, one, serving) for one in range(begin, end))
        if not serving:
            return self._refuse(range(begin, end))
        if self._routing == "least-outstanding":
            return self._least_outstanding(begin, end, serving)
        return self._spread(begin, end, serving)

    def _spread(self, begin: int, end: int, serving: Sequence[Server]) -> int:
        """Split one batch over the servers without looking at their state."""
        count = len(serving)
        choice = self._choices(begin, end, count)
        order = np.argsort(choice, kind="stable")
        ends = np.searchsorted(choice[order], np.arange(count), side="right").tolist()
        refused, start = 0, 0
        for server, stop in zip(serving, ends, strict=True):
            if stop > start:
                refused += self._hand_over(server, order[start:stop] + begin)
            start = stop
        return refused

    def _choices(self, begin: int, end: int, count: int) -> npt.NDArray[np.intp]:
        """Return which of `count` servers each request of one batch goes to."""
        if self._routing == "random":
            return (self._draws[begin:end] * count).astype(np.intp)
        choice = (self._turn + np.arange(end - begin)) % count
        self._turn = (self._turn + end - begin) % count
        return choice

    def _on_kept(self, kept: KeptConnections, request: int, serving: Sequence[Server]) -> int:
        """Route one request over connections that are kept; return 1 if it was refused."""
        now = float(self._arrivals[request])
        server = kept.take(now) or self._connected(request, serving)
        if server is None or server.engine is None:
            return self._refuse([request])
        server.engine.advance(now)
        self._hand_over(server, np.array([request]))
        kept.use(request, server)
        return 0

    def _connected(self, request: int, serving: Sequence[Server]) -> Server | None:
        """Return the server that a request's new connection goes to; None if there is none."""
        if not serving:
            return None
        if self._routing == "least-outstanding":
            now = float(self._arrivals[request])
            return min(serving, key=lambda server: _outstanding(server, now))
        return serving[int(self._choices(request, request + 1, len(serving))[0])]

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


def _outstanding(server: Server, now: float) -> float:
    """Return how many requests a server has; those that don't listen come last."""
    if server.engine is None:
        return inf
    server.engine.advance(now)
    return server.engine.outstanding()
