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

from scalecert.engines.decoding import TIE_SECONDS, DecodingBatch, Request
from scalecert.engines.request_log import Status
from scalecert.request_limits import RequestLimits

_REJECTED = int(Status.REJECTED)


def offer(
    batch: DecodingBatch,
    ids: Sequence[int],
    arrival_seconds: Sequence[float],
    input_tokens: Sequence[int],
    output_tokens: Sequence[int],
    *,
    ordinal: int,
    longest: RequestLimits,
) -> int:
    """Hand requests over to the server of a pod, as `Engine.offer` says.

    Args:
        batch: the server's.
        ids: in the log, parallel to what follows.
        arrival_seconds: sorted.
        input_tokens: of each.
        output_tokens: of each.
        ordinal: the pod's.
        longest: the longest requests that the server takes; others are REJECTED.

    Returns:
        The requests that were too long.

    Raises:
        ValueError: for a request without input or output tokens.
    """
    if not ids:
        return 0
    if min(input_tokens) < 1 or min(output_tokens) < 1:
        raise ValueError("a request needs at least one input and one output token")
    replica = batch.log.replica
    for ident in ids:
        replica[ident] = ordinal
    requests: Iterable[Request] = zip(
        arrival_seconds, ids, input_tokens, output_tokens, strict=True
    )
    refused = 0
    if not longest.takes(max(input_tokens), max(output_tokens)):
        requests = fitting = _fitting(batch, requests, longest)
        refused = len(ids) - len(fitting)
    if batch.pending and _arrival_of(batch, batch.pending[-1]) > arrival_seconds[0]:
        requests = _take_back(batch, arrival_seconds[0], requests)
    _take_in(batch, requests)
    return refused


def _fitting(
    batch: DecodingBatch, requests: Iterable[Request], longest: RequestLimits
) -> list[Request]:
    """Return the requests that the server takes; the others are REJECTED."""
    fitting = []
    for request in requests:
        if longest.takes(request[2], request[3]):
            fitting.append(request)
        else:
            batch.log.status[request[1]] = _REJECTED
    return fitting


def coming(batch: DecodingBatch, now: float) -> int:
    """Return the pending requests that arrive after `now`."""
    count = 0
    for request in reversed(batch.pending):
        if _arrival_of(batch, request) <= now + TIE_SECONDS:
            break
        count += 1
    return count


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


def forget_arrivals(batch: DecodingBatch) -> None:
    """Drop what `arrived` still has of requests that are not pending any more."""
    if batch.arrived:
        pending = {request[1] for request in batch.pending} & batch.arrived.keys()
        batch.arrived = {ident: batch.arrived[ident] for ident in pending}
