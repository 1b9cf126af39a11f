"""Preemption: who gives blocks back when not all running requests can grow.

The scheduler goes through the running requests in their order and, where a block is missing,
takes all blocks of the last one. Those in front always get what they need from those behind, so
the outcome is the same as of asking from the end: the fewest last requests go without whom the
needs of the rest fit. That visits victims only.

A preempted request computes everything anew later, the tokens that it has sent included. With
scheduling ahead it is still in the step in flight, and the token from there counts: it is not
lost, and a request may even finish while it waits.
"""

from __future__ import annotations

from scalecert.engines.decoding import SERIAL_BITS, SERIAL_MASK
from scalecert.engines.vllm.batch import Batch, Chunk


def preempt_from_the_end(
    batch: Batch,
    chunks: list[Chunk],
    needed: int,
    first_seconds: float,
    last_seconds: float,
) -> list[Chunk]:
    """Preempt the last admitted requests until the rest can grow.

    Args:
        batch: changed in place.
        chunks: the next ones of partly scheduled requests.
        needed: blocks that all running requests need, for these chunks and for decoding.
        first_seconds: when a first token of the step in flight reaches its client.
        last_seconds: when any other token of it does.

    Returns:
        The chunks of the requests that stay.
    """
    batch.settle()
    blocks_of = {
        serial: batch.kv.blocks(before + tokens) - batch.kv.blocks(before)
        for serial, _, tokens, before, _ in chunks
    }
    free = batch.kv.usable - batch.held_blocks()
    while needed > free:
        serial = next(reversed(batch.running))
        held, target = _detach(batch, serial, first_seconds, last_seconds)
        grows = target > held and held % batch.kv.block_size == 0
        needed -= blocks_of.pop(serial, 1 if grows else 0)
        _to_the_front(batch, serial, target)
        free = batch.kv.usable - batch.held_blocks()
    batch.anchor()
    batch.disturbed = True
    batch.blocked = False
    return [chunk for chunk in chunks if chunk[0] in blocks_of]


def _to_the_front(batch: Batch, serial: int, target: int) -> None:
    """Let a request, already out of the batch, wait at the front; one with target 0 is done."""
    request = batch.running.pop(serial, None)
    batch.kv.sharers.discard(serial)
    batch.counts.preemptions += 1
    if request is not None:
        batch.waiting.appendleft(request[:4])
        batch.resumed[request[1]] = target, request[4]


def _detach(
    batch: Batch, serial: int, first_seconds: float, last_seconds: float
) -> tuple[int, int]:
    """Take a request out of the batch as the step in flight leaves it.

    Returns:
        The tokens that its blocks hold and the tokens to compute before its next one; 0 if it
        finishes with the step in flight.
    """
    request = batch.running[serial]
    batch.preempted[request[1]] = batch.preempted.get(request[1], 0) + 1
    chunk = next((chunk for chunk in batch.prefills if chunk[0] == serial), None)
    if chunk is not None:
        batch.prefills.remove(chunk)
    if (part := batch.partial.pop(serial, None)) is not None:
        return part.scheduled, part.target
    if chunk is not None:
        batch.complete_prompt(request, first_seconds)
        held = chunk[2] + chunk[3]
    else:
        entry = next(entry for entry in batch.finishes if entry & SERIAL_MASK == serial)
        tokens = batch.leave(serial, entry >> SERIAL_BITS)
        batch.kv.leave(tokens, batch.step)
        held = tokens + batch.ahead
    if held < request[2] + request[3] - 1:
        return held, held + 1
    batch.finish(serial, last_seconds)
    return held, 0
