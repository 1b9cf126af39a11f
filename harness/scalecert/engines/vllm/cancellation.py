"""Requests whose clients went away: how they leave a vLLM server.

The API server forgets the request and tells the engine's process, which drops it when the step in
flight ends, before that step's tokens are handed out (v1/engine/core.py, _process_aborts_queue;
v1/core/sched/scheduler.py, finish_requests). So the step in flight still computes it, to nobody's
use: whoever decodes, or has the last of its prompt computed, leaves with that step. Waiting ones
and those in the middle of their prompt are in no later step and give their blocks back at once.

Without scheduling ahead the step in flight stays as it was composed. With it, the step after it
was, too, and is computed for nobody where only such requests are in it; here it is composed anew
without them. No counter of requests takes them in, no histogram but those of first tokens
(v1/engine/output_processor.py, abort_requests); the tokens that were sent count.
"""

from __future__ import annotations

from scalecert.engines.decoding import SERIAL_BITS, SERIAL_MASK, TIE_SECONDS, Admitted, Request
from scalecert.engines.vllm.batch import Batch, Partial


def cancel(batch: Batch, ids: set[int]) -> None:
    """Let the requests `ids` leave; those that are not here are passed over.

    A step in flight of which nobody is left is still there: `prefills`.
    """
    in_flight = bool(batch.ahead or batch.composed or batch.now > batch.end + 2 * TIE_SECONDS)
    if in_flight and batch.running and not batch.ahead:
        _pin_step(batch)
    batch.withdraw(ids)
    for waiting in [waiting for waiting in batch.waiting if waiting[1] in ids]:
        _leave_queue(batch, waiting)
    leaving = [(serial, one) for serial, one in batch.running.items() if one[1] in ids]
    for serial, request in leaving:
        if request[1] not in batch.cancelled:
            _leave_batch(batch, serial, request, in_flight=in_flight)
    batch.blocked = False


def _pin_step(batch: Batch) -> None:
    """Let the step in flight be the one that was begun, whoever could join it now."""
    if not batch.composed:
        batch.remember()
        batch.composed = True


def _leave_queue(batch: Batch, request: Request) -> None:
    """Drop a request that waits; one that was preempted has sent tokens."""
    target, _ = batch.resumed.pop(request[1], (request[2], 0.0))
    batch.waiting.remove(request)
    batch.cut_prompt(request, 0)
    batch.cut(request, target - request[2])


def _leave_batch(batch: Batch, serial: int, request: Admitted, *, in_flight: bool) -> None:
    """Let a running request leave: with the step in flight if that makes a token of it."""
    if (part := batch.partial.pop(serial, None)) is not None:
        _leave_mid_prompt(batch, serial, part)
        return
    for place, (other, _, tokens, before, samples) in enumerate(batch.prefills):
        if other == serial:
            short = (*request[:3], before + tokens - request[2] + 1, request[4])
            batch.running[serial] = short
            batch.prefills[place] = serial, short, tokens, before, samples
            batch.cancelled.add(request[1])
            return
    if in_flight:
        batch.cut_short(serial)
    else:
        _leave_between_steps(batch, serial)


def _leave_mid_prompt(batch: Batch, serial: int, part: Partial) -> None:
    request = batch.running.pop(serial)
    batch.kv.sharers.discard(serial)
    batch.cut_prompt(request, part.scheduled)
    batch.cut(request, part.target - request[2])


def _leave_between_steps(batch: Batch, serial: int) -> None:
    """Take a decoding request out that the next step need not compute."""
    finish = next(one for one in batch.finishes if one & SERIAL_MASK == serial) >> SERIAL_BITS
    batch.settle()
    tokens = batch.leave(serial, finish)
    batch.released(serial, tokens)
    request = batch.running.pop(serial)
    batch.cut(request, tokens + 1 - request[2])
    batch.anchor()
