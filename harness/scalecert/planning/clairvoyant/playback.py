"""Playback: requests served bin by bin by as many replicas as a schedule says, and no autoscaler.

Requests are routed as the world routes them, with the same draws, to servers that are ready when
the schedule says so; a server that goes gets no new requests and finishes those it has.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from scalecert.engines.base import Engine
from scalecert.engines.request_log import RequestLog, Status
from scalecert.planning.clairvoyant.schedule import Bins
from scalecert.recording.latencies import FROM_ARRIVAL, latency_seconds
from scalecert.recording.plan import ObjectiveTerm
from scalecert.recording.quantiles import Floats
from scalecert.routing import Router
from scalecert.scenario.model import Routing
from scalecert.workload.generate import Requests

StartServer = Callable[[RequestLog, int, float], Engine]
"""(log, ordinal, now): a started, idle server process."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the requests of the bins from `first` on.

    `late` and `judged` are f8[bins, terms of the objective]: how many requests have the term's
    latency at all, and for how many of them it is beyond the limit.
    """

    first: int
    late: Floats
    judged: Floats

    @property
    def end(self) -> int:
        """The bin after the last."""
        return self.first + len(self.late)


@dataclass(frozen=True, slots=True)
class Sample:
    """Requests to serve: the bin that each is in, its routing draw, and how many it stands for."""

    requests: Requests
    draws: Floats
    weight: Floats
    bins: npt.NDArray[np.intp]


class Unobserved:
    """Stands for a server whose requests are of no interest: it takes them and does nothing."""

    now = 0.0

    def offer(self, *_: object) -> None:
        """Take requests; none is logged."""

    def advance(self, until_seconds: float) -> None:
        """Pass the time."""


@dataclass(slots=True)
class Replica:
    """One ready server."""

    engine: Engine

    @property
    def keeps_connections(self) -> bool:
        """Tell that it does, for those who keep theirs; replays open one a request."""
        return True


class Playback:
    """One fleet at work, to be stepped through the bins in order."""

    def __init__(
        self,
        sample: Sample,
        *,
        bins: Bins,
        start: StartServer,
        routing: Routing,
        objective: Sequence[ObjectiveTerm],
        observed: int | None = None,
    ) -> None:
        """Make ready to step.

        Args:
            sample: the requests.
            bins: of the schedule.
            start: starts a server.
            routing: the scenario's.
            objective: the terms that decide what is late.
            observed: how many replicas do work, the oldest; None: all. Each of their requests then
                stands for those of the others; routing must not look at servers.
        """
        self._observed = observed
        self._ready = np.ones(bins.count)
        self._sample = sample
        self._edges = bins.edges.tolist()
        self._start = start
        self._objective = objective
        self._log = RequestLog.of_size(len(sample.draws))
        self._router = Router(sample.requests, self._log, routing, sample.draws)
        self._serving: list[Replica] = []
        self._started = 0
        self._now = 0.0
        self._closed = 0

    def step(self, index: int, replicas: int) -> None:
        """Serve the requests of bin `index` with so many replicas."""
        begin, self._now = self._edges[index], self._edges[index + 1]
        for replica in self._serving[replicas:]:
            replica.engine.advance(math.inf)
        del self._serving[replicas:]
        while len(self._serving) < replicas:
            self._serving.append(Replica(self._server(begin)))
            self._started += 1
        self._ready[index] = replicas
        self._router.route(self._now, self._serving)
        for replica in self._serving:
            replica.engine.advance(self._now)

    def _server(self, now: float) -> Engine:
        if self._observed is None or len(self._serving) < self._observed:
            return self._start(self._log, self._started, now)
        return cast("Engine", Unobserved())

    def finish(self) -> None:
        """Let every request finish."""
        self._now = math.inf
        for replica in self._serving:
            replica.engine.advance(math.inf)

    def tally(self, first: int, end: int) -> Tally:
        """Return what became of bins `[first, end)`; what is still open and not late yet is not."""
        low, high = np.searchsorted(self._sample.bins, (first, end)).tolist()
        shape = (end - first, len(self._objective))
        late, judged = np.zeros(shape), np.zeros(shape)
        bins = self._sample.bins[low:high] - first
        weight = self._sample.weight[low:high]
        if self._observed is not None:
            stands_for = np.maximum(self._ready[first:end] / self._observed, 1.0)
            weight = stands_for[bins] * (np.array(self._log.replica[low:high]) >= 0)
        for index, term in enumerate(self._objective):
            has, over = self._outcome(term, low, high)
            judged[:, index] = np.bincount(bins, weight * has, minlength=end - first)
            late[:, index] = np.bincount(bins, weight * over, minlength=end - first)
        return Tally(first, late, judged)

    def _outcome(
        self, term: ObjectiveTerm, low: int, high: int
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return which requests have the term's latency, and which are late."""
        requests, log = self._sample.requests, self._log
        arrival = requests.arrival_seconds[low:high]
        status = np.array(log.status[low:high])
        latency = latency_seconds(
            term.metric,
            arrival=arrival,
            scheduled=np.array(log.scheduled_seconds[low:high], dtype=np.float64),
            first_token=np.array(log.first_token_seconds[low:high], dtype=np.float64),
            last_token=np.array(log.last_token_seconds[low:high], dtype=np.float64),
            output_tokens=requests.output_tokens[low:high].astype(np.float64),
            served=np.equal(status, Status.OK),
        )
        over = latency > term.limit_seconds
        still = np.equal(status, Status.PENDING) & np.isinf(latency)
        waited = self._now - arrival if term.metric in FROM_ARRIVAL else 0.0
        return ~np.isnan(latency), over & (~still | (waited > term.limit_seconds))

    def checkpoint(self) -> Checkpoint:
        """Return the state of servers, routing and log, to `restore` it later."""
        status = self._log.status
        high = self._routed()
        low = next((at for at in range(self._closed, high) if status[at] == Status.PENDING), high)
        self._closed = low
        return Checkpoint(
            fleet=copy.deepcopy((self._serving, self._router), self._shared()),
            started=self._started,
            now=self._now,
            first=low,
            log=_slice(self._log, low, high),
        )

    def restore(self, state: Checkpoint) -> None:
        """Go back to a checkpoint, which can be restored again."""
        high, count = self._routed(), len(state.log.status)
        blank = RequestLog.of_size(high - state.first - count)
        self._serving, self._router = copy.deepcopy(state.fleet, self._shared())
        self._started, self._now, self._closed = state.started, state.now, state.first
        log, saved, span = self._log, state.log, slice(state.first, high)
        log.first_token_seconds[span] = saved.first_token_seconds + blank.first_token_seconds
        log.last_token_seconds[span] = saved.last_token_seconds + blank.last_token_seconds
        log.scheduled_seconds[span] = saved.scheduled_seconds + blank.scheduled_seconds
        log.status[span] = saved.status + blank.status
        log.replica[span] = saved.replica + blank.replica

    def _routed(self) -> int:
        """Return how many requests have been handed over, or refused."""
        arrivals = self._sample.requests.arrival_seconds
        return int(np.searchsorted(arrivals, self._now, side="left"))

    def _shared(self) -> dict[int, object]:
        """Return what copies share with the original: the log, and what nobody changes."""
        sample = self._sample
        same = (
            self._log,
            sample.requests.arrival_seconds,
            sample.requests.input_tokens,
            sample.requests.output_tokens,
            sample.draws,
        )
        return {id(one): one for one in same}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a playback between two bins; `log` is of the requests from `first` on.

    Those before it had ended then.
    """

    fleet: tuple[list[Replica], Router]
    started: int
    now: float
    first: int
    log: RequestLog


def _slice(log: RequestLog, low: int, high: int) -> RequestLog:
    return RequestLog(
        log.first_token_seconds[low:high],
        log.last_token_seconds[low:high],
        log.scheduled_seconds[low:high],
        log.status[low:high],
        log.replica[low:high],
    )
