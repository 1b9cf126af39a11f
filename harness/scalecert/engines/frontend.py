"""The API server in front of an engine: it takes requests one after the other.

Parsing, tokenizing and handing over a request is work of one process, so that of a burst each
request reaches the scheduler a while after the one before it. When that will be is known when a
request is offered, so the stepping loop sees nothing but later arrivals. Measured:
fixtures/golden/vllm-h200, bursts of up to 256 requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from operator import itemgetter

from scalecert.engines.costs import StepCosts
from scalecert.engines.decoding import TIE_SECONDS, DecodingBatch, Request
from scalecert.engines.request_log import RequestLog, Status
from scalecert.request_limits import RequestLimits

_REJECTED = int(Status.REJECTED)
_ABORTED = int(Status.ABORTED)


class Server(DecodingBatch):
    """A batch behind an API server: what the state of every engine begins as.

    Args:
        costs: of its steps.
        log: where its requests' times go.
        now: when it starts.
        largest_batch: how many requests can decode at once.
        ordinal: the pod's.
        longest: the longest requests that it takes.
    """

    __slots__ = ("longest", "ordinal", "too_long")

    def __init__(
        self,
        costs: StepCosts,
        log: RequestLog,
        now: float,
        largest_batch: int,
        *,
        ordinal: int,
        longest: RequestLimits,
    ) -> None:
        super().__init__(costs, log, now, largest_batch)
        self.ordinal = ordinal
        self.longest = longest
        self.too_long = 0
        """Requests that were refused for it."""

    def offer(
        self,
        ids: Sequence[int],
        arrival_seconds: Sequence[float],
        input_tokens: Sequence[int],
        output_tokens: Sequence[int],
    ) -> None:
        """Hand over requests: parallel sequences, arrivals sorted, none before `now`.

        Requests that the server does not take are REJECTED, as it answers 4xx to them.

        Raises:
            ValueError: for a request without input or output tokens.
        """
        if not ids:
            return
        if min(input_tokens) < 1 or min(output_tokens) < 1:
            raise ValueError("a request needs at least one input and one output token")
        replica = self.log.replica
        for ident in ids:
            replica[ident] = self.ordinal
        requests: Iterable[Request] = zip(
            arrival_seconds, ids, input_tokens, output_tokens, strict=True
        )
        if not self.longest.takes(max(input_tokens), max(output_tokens)):
            requests = filter(self._fits, requests)
        if self.pending and _arrival_of(self, self.pending[-1]) > arrival_seconds[0]:
            requests = _take_back(self, arrival_seconds[0], requests)
        _take_in(self, requests)

    def _fits(self, request: Request) -> bool:
        """Refuse a request that the server does not take."""
        if self.longest.takes(request[2], request[3]):
            return True
        self.log.status[request[1]] = _REJECTED
        self.too_long += 1
        return False

    def coming(self) -> int:
        """Return the pending requests that arrive after `now`."""
        count = 0
        for request in reversed(self.pending):
            if _arrival_of(self, request) <= self.now + TIE_SECONDS:
                break
            count += 1
        return count

    def withdraw(self, ids: set[int]) -> list[Request]:
        """Take pending requests back whose clients went away; return them with their arrivals.

        They are ABORTED. The API server has spent, or will spend, its time on them all the same.
        """
        withdrawn = [request for request in self.pending if request[1] in ids]
        for request in withdrawn:
            self.pending.remove(request)
            self.log.status[request[1]] = _ABORTED
        return [(self.arrived.pop(request[1], request[0]), *request[1:]) for request in withdrawn]

    def forget_arrivals(self) -> None:
        """Drop what `arrived` still has of requests that are not pending any more."""
        if self.arrived:
            pending = {request[1] for request in self.pending} & self.arrived.keys()
            self.arrived = {ident: self.arrived[ident] for ident in pending}


def _take_in(batch: DecodingBatch, requests: Iterable[Request]) -> None:
    """Queue requests, in order of arrival, each when the API server can take it."""
    pending, free = batch.pending, batch.frontend_free
    spacing = batch.costs.arrival_request_seconds
    for request in requests:
        if request[0] < free:
            batch.arrived[request[1]] = request[0]
            pending.append((free, *request[1:]))
            free += spacing
        else:
            pending.append(request)
            free = request[0] + spacing
    batch.frontend_free = free


def _arrival_of(batch: DecodingBatch, request: Request) -> float:
    """Return when a pending request came, however busy the API server was."""
    return batch.arrived.get(request[1], request[0])


def _take_back(batch: DecodingBatch, since: float, requests: Iterable[Request]) -> list[Request]:
    """Return `requests` with all pending ones that come after `since`, in order of arrival.

    Those that the scheduler has seen can't hold up any of these, as `arrival_request_seconds` is
    a part of `arrival_seconds`.
    """
    pending = batch.pending
    later: list[Request] = []
    while pending and (arrival := _arrival_of(batch, pending[-1])) > since:
        request = pending.pop()
        batch.arrived.pop(request[1], None)
        later.append((arrival, *request[1:]))
    batch.frontend_free = -inf
    if pending:
        batch.frontend_free = pending[-1][0] + batch.costs.arrival_request_seconds
    return sorted([*reversed(later), *requests], key=itemgetter(0))
