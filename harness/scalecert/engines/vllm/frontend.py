"""The API server in front of the scheduler: it takes requests one after the other.

Parsing, tokenizing and handing over a request is work of one process, so that of a burst each
request reaches the scheduler a while after the one before it. When that will be is known when a
request is offered, so the stepping loop sees nothing but later arrivals. Measured:
fixtures/golden/vllm-h200, bursts of up to 256 requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from operator import itemgetter

from scalecert.engines.vllm.batch import Batch, Request


def take_in(batch: Batch, requests: Iterable[Request]) -> None:
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


def arrival_of(batch: Batch, request: Request) -> float:
    """Return when a pending request came, however busy the API server was."""
    return batch.arrived.get(request[1], request[0])


def take_back(batch: Batch, since: float, requests: Iterable[Request]) -> list[Request]:
    """Return `requests` with all pending ones that come after `since`, in order of arrival.

    Those that the scheduler has seen can't hold up any of these, as `arrival_request_seconds` is
    a part of `arrival_seconds`.
    """
    pending = batch.pending
    later: list[Request] = []
    while pending and (arrival := arrival_of(batch, pending[-1])) > since:
        request = pending.pop()
        batch.arrived.pop(request[1], None)
        later.append((arrival, *request[1:]))
    batch.frontend_free = -inf
    if pending:
        batch.frontend_free = pending[-1][0] + batch.costs.arrival_request_seconds
    return sorted([*reversed(later), *requests], key=itemgetter(0))


def forget_arrivals(batch: Batch) -> None:
    """Drop what `arrived` still has of requests that are not pending any more."""
    if batch.arrived:
        pending = {request[1] for request in batch.pending} & batch.arrived.keys()
        batch.arrived = {ident: batch.arrived[ident] for ident in pending}
