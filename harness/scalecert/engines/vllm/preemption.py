"""The scheduler's slow way through the running requests, for steps in which not all fit.

A preempted request gives its blocks back at once and computes everything anew later, the tokens
that it has sent included. With scheduling ahead it is still in the step in flight, and the token
from there counts: it is not lost, and a request may even finish while it waits.
"""

from __future__ import annotations

from scalecert.engines.vllm.batch import SERIAL_BITS, SERIAL_MASK, Batch, Chunk


def schedule_one_by_one(
    batch: Batch, free: int, first_seconds: float, last_seconds: float
) -> list[Chunk]:
    """Schedule the running requests in their order, preempting from the end for missing blocks.

    Args:
        batch: changed in place.
        free: blocks that are free before.
        first_seconds: when a first token of the step in flight reaches its client.
        last_seconds: when any other token of it does.

    Returns:
        The chunks of the partly scheduled requests that stay.
    """
    return _Round(batch, free, first_seconds, last_seconds).run()


class _Round:
    """One pass over the running requests."""

    def __init__(self, batch: Batch, free: int, first_seconds: float, last_seconds: float) -> None:
        batch.settle()
        self._batch = batch
        self._free = free
        self._seconds = first_seconds, last_seconds
        self._finish_of = {entry & SERIAL_MASK: entry >> SERIAL_BITS for entry in batch.finishes}
        self._in_flight = {chunk[0]: chunk for chunk in batch.prefills}
        self._order = list(batch.running)
        self._budget = batch.limits.max_num_batched_tokens

    def run(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        order, batch = self._order, self._batch
        position = 0
        while position < len(order):
            serial = order[position]
            held, wanted = self._need(serial)
            tokens = min(wanted, self._budget)
            blocks = batch.kv.blocks(held + tokens) - batch.kv.blocks(held)
            if not self._make_room(blocks, position):
                break
            self._free -= blocks
            self._budget -= tokens
            if (part := batch.partial.get(serial)) is not None:
                chunks.append((serial, part.request, tokens, held, held + tokens == part.target))
            position += 1
        batch.anchor()
        batch.disturbed = True
        return chunks

    def _need(self, serial: int) -> tuple[int, int]:
        """Return the tokens that a request's blocks hold and those it wants to compute now."""
        part = self._batch.partial.get(serial)
        if part is not None:
            left = part.target - part.scheduled
            return part.scheduled, min(left, self._batch.longest_chunk)
        total = self._total(serial)
        chunk = self._in_flight.get(serial)
        if chunk is not None:
            held = chunk[2] + chunk[3]
        else:
            held = total - (self._finish_of[serial] - self._batch.step - self._batch.ahead)
        return held, 1 if held < total else 0

    def _total(self, serial: int) -> int:
        """Return the tokens that a request has computed when it finishes."""
        _, _, inputs, outputs, _ = self._batch.running[serial]
        return inputs + outputs - 1

    def _make_room(self, blocks: int, position: int) -> bool:
        """Preempt from the end until `blocks` are free; False if it hits the request itself."""
        while blocks > self._free:
            self._preempt(self._order.pop())
            if position == len(self._order):
                return False
        return True

    def _preempt(self, serial: int) -> None:
        batch, kv = self._batch, self._batch.kv
        request = batch.running[serial]
        saving = kv.shared_saving()
        held, target = self._detach(serial)
        batch.running.pop(serial, None)
        kv.sharers.discard(serial)
        self._free += kv.blocks(held) - saving + kv.shared_saving()
        batch.counts.preemptions += 1
        batch.preempted[request[1]] = batch.preempted.get(request[1], 0) + 1
        batch.blocked = False
        if target:
            batch.waiting.appendleft(request[:4])
            batch.resumed[request[1]] = target, request[4]

    def _detach(self, serial: int) -> tuple[int, int]:
        """Take a request out of the batch as the step in flight leaves it.

        Returns:
            The tokens that its blocks hold and the tokens to compute before its next one; 0 if
            it finishes with the step in flight.
        """
        batch = self._batch
        if (part := batch.partial.pop(serial, None)) is not None:
            self._drop_chunk(serial)
            return part.scheduled, part.target
        if (chunk := self._in_flight.get(serial)) is not None:
            self._drop_chunk(serial)
            batch.sample_first(chunk[1], self._seconds[0])
            held = chunk[2] + chunk[3]
        else:
            held = batch.leave(serial, self._finish_of[serial]) + batch.ahead
        if held < self._total(serial):
            return held, held + 1
        batch.finish(serial, self._seconds[1])
        return held, 0

    def _drop_chunk(self, serial: int) -> None:
        batch = self._batch
        batch.prefills = [chunk for chunk in batch.prefills if chunk[0] != serial]
