"""Requests whose clients went away: how they leave a TGI server.

A handler goes with its connection, and its permit with it; whoever batches is not told. A running
request is dropped when a token of it can't be sent: at the end of the next step that makes one,
after the whole prompt if that is still being computed (backends/v3/src/backend.rs,
filter_send_generations). One in the queue stays there, counted by its gauge, until the queue is
looked at as far as where it stands (backends/v3/src/queue.rs, next_batch). Both are counted as
dropped; who leaves while the router prepares the request, or its next segment, is not.
"""

from __future__ import annotations

from scalecert.engines.decoding import TIE_SECONDS, Admitted
from scalecert.engines.tgi.batch import Batch


def cancel(batch: Batch, ids: set[int]) -> None:
    """Let the requests `ids` leave; those that are not here are passed over."""
    _pin_step(batch)
    for request in batch.withdraw(ids):
        batch.counts.withdrawn += request[0] <= batch.now + TIE_SECONDS
    for request in [request for request in batch.returning if request[1] in ids]:
        batch.returning.remove(request)
        batch.cut(request, 0)
    for request in batch.waiting:
        if request[1] in ids:
            batch.cancelled.add(request[1])
            batch.blocked = batch.hesitant = False
    leaving = [(serial, one) for serial, one in batch.running.items() if one[1] in ids]
    for serial, running in leaving:
        if running[1] not in batch.cancelled:
            _leave_batch(batch, serial, running)


def _pin_step(batch: Batch) -> None:
    """Let the step in flight be the one that was begun, whoever the queue has now."""
    if batch.is_in_step() and not batch.composed:
        batch.remembered = batch.shown()
        batch.composed = True


def _leave_batch(batch: Batch, serial: int, request: Admitted) -> None:
    """Let a running request leave after its next token; until then it keeps its room."""
    batch.joined[serial] = request
    batch.cancelled.add(request[1])
    in_prompt = serial in batch.partial or any(chunk[0] == serial for chunk in batch.prefills)
    if not in_prompt:
        batch.cut_short(serial)
        return
    short = batch.running[serial] = (*request[:3], 1, request[4])
    if serial in batch.partial:
        batch.partial[serial].request = short
    batch.prefills = [
        (serial, short, *chunk[2:]) if chunk[0] == serial else chunk for chunk in batch.prefills
    ]
