"""Requests whose clients went away: how they leave a vLLM server.

The API server tells the scheduler, which drops them between two steps
(v1/core/sched/scheduler.py, finish_requests). What the step in flight computes of a request is
computed to its end here, so one that decodes, or whose prompt is being completed, leaves with it;
waiting ones and those in the middle of their prompt leave at once. No counter of requests and no
histogram takes them in (v1/engine/output_processor.py, abort_requests); their tokens count.
"""

from __future__ import annotations

from math import isnan

from scalecert.engines.decoding import Admitted, Request
from scalecert.engines.request_log import Status
from scalecert.engines.vllm.batch import Batch

_ABORTED = int(Status.ABORTED)


def cancel(batch: Batch, ids: set[int]) -> None:
    """Let the requests `ids` leave; those that are not here are passed over."""
    for queue in (batch.pending, batch.waiting):
        for queued in [queued for queued in queue if queued[1] in ids]:
            queue.remove(queued)
            _leave_queue(batch, queued, seen=queue is batch.waiting)
    leaving = [(serial, one) for serial, one in batch.running.items() if one[1] in ids]
    for serial, request in leaving:
        if request[1] not in batch.cancelled:
            _leave_batch(batch, serial, request)
    if not batch.running:
        batch.prefills, batch.composed = [], False


def _leave_queue(batch: Batch, request: Request, *, seen: bool) -> None:
    """Drop a request that does not run; one that was preempted has sent tokens."""
    _, ident, inputs, _ = request
    batch.log.status[ident] = _ABORTED
    batch.blocked = False
    if ident in batch.resumed:
        batch.cut_tokens += batch.resumed.pop(ident)[0] - inputs
    if seen and isnan(batch.log.first_token_seconds[ident]):
        batch.queued_tokens -= inputs


def _leave_batch(batch: Batch, serial: int, request: Admitted) -> None:
    """Let a running request leave: after the step that makes its next token, if there is one."""
    if (part := batch.partial.pop(serial, None)) is not None:
        batch.running.pop(serial)
        batch.kv.sharers.discard(serial)
        _leave_queue(batch, request[:4], seen=True)
        batch.cut_tokens += part.target - request[2]
        return
    for place, (other, _, tokens, before, samples) in enumerate(batch.prefills):
        if other == serial:
            sent = before + tokens - request[2]
            short = (*request[:3], sent + 1, request[4])
            batch.running[serial] = short
            batch.prefills[place] = serial, short, tokens, before, samples
            batch.cancelled.add(request[1])
            return
    batch.cut_short(serial)
