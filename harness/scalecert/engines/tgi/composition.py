"""What the router puts into a step: the queue in its order, as far as blocks and budgets go.

Follows backends/v3/src/backend.rs (batching_task) and queue.rs (next_batch). A request joins the
batch with blocks for its whole prompt and answer, so nobody is ever preempted; the head of the
queue holds back all others. With chunked prefill, prompts are computed beside the running
requests' tokens, in one budget, and the last prompt that begins is cut to fit. Without it, running
requests stand still meanwhile, so new ones join only when enough of them wait, or have waited long
enough.
"""

from __future__ import annotations

from itertools import islice
from math import floor

from scalecert.engines.decoding import Admitted, Request
from scalecert.engines.request_log import Status
from scalecert.engines.tgi.batch import Batch, Chunk, Partial

_REJECTED = int(Status.REJECTED)


def arrive(batch: Batch, until: float) -> None:
    """Let the router queue or refuse what comes up to `until` on its clock."""
    pending, returning, lag = batch.pending, batch.returning, batch.lag
    while pending and pending[0][0] + lag <= until:
        if returning and returning[0][0] <= pending[0][0]:
            _enqueue(batch, returning.popleft())
            continue
        request = pending.popleft()
        batch.counts.seen += 1
        if _is_full(batch):
            batch.log.status[request[1]] = _REJECTED
            batch.counts.overloaded += 1
        else:
            _enqueue(batch, request)
    while returning and returning[0][0] + lag <= until:
        _enqueue(batch, returning.popleft())


def _is_full(batch: Batch) -> bool:
    """Tell whether the permits are all taken; a request has its own between segments, too.

    It is given back when the client goes away, whoever else has yet to learn of that.
    """
    here = len(batch.running) + len(batch.waiting) + len(batch.returning)
    return here - len(batch.cancelled) >= batch.limits.max_concurrent_requests


def _enqueue(batch: Batch, request: Request) -> None:
    batch.waiting.append(request)
    batch.hesitant = False
    segment = batch.limits.segment_tokens
    new_tokens = segment if request[1] in batch.long else min(request[3], segment)
    batch.counts.accepted.append((request[2], new_tokens))


def compose(batch: Batch) -> None:
    """Compose the step that begins at the end of the last one."""
    batch.composed = True
    batch.prefills = _next_chunks(batch) if batch.partial else []
    if not batch.listening:
        return
    arrive(batch, batch.end)
    batch.remembered = (len(batch.running), batch.held)
    if batch.blocked or not batch.waiting or (batch.hesitant and batch.step < batch.patience_step):
        return
    running = len(batch.running)
    least, most = _bounds(batch, running)
    batch.hesitant = False
    if most is not None and most <= 0:
        batch.blocked = True
        return
    budget = _budget(batch, running)
    if budget <= 0:
        batch.blocked = not batch.partial
        return
    chosen = _choose(batch, budget, least, most)
    if chosen:
        _admit(batch, chosen)
        if running:
            batch.deaf = True
            _count_concatenation(batch, least)


def _bounds(batch: Batch, running: int) -> tuple[int | None, int | None]:
    """Return the least and the most requests that may join now; None is no bound."""
    limits = batch.limits
    if limits.chunking and running:
        return None, None
    most = limits.max_batch_size - running if limits.max_batch_size else None
    if not running or batch.step >= batch.patience_step:
        return None, most
    return floor(running * limits.waiting_served_ratio), most


def _budget(batch: Batch, running: int) -> int:
    """Return the prompt tokens that may be computed for requests that join now."""
    limits = batch.limits
    if not (running and limits.chunking):
        return limits.prefill_budget
    chunks = sum(part.chunk for part in batch.partial.values())
    left = limits.max_batch_prefill_tokens - chunks - (running - len(batch.partial))
    return limits.in_blocks(left) * limits.block_size if left > 0 else 0


def _choose(
    batch: Batch, budget: int, least: int | None, most: int | None
) -> list[tuple[Request, int]]:
    """Return the requests at the queue's head that join now, with the tokens to compute of each.

    They are taken out of the queue.
    """
    waiting, end = batch.waiting, batch.end - batch.lag
    chosen, looked, full = _fitting(batch, budget, most)
    if batch.cancelled:
        _drop_gone(batch, looked)
    if least is not None and len(chosen) < least:
        batch.hesitant = bool(waiting) and waiting[-1][0] <= end
        return []
    batch.blocked = full
    for _ in chosen:
        waiting.popleft()
    return chosen


def _fitting(
    batch: Batch, budget: int, most: int | None
) -> tuple[list[tuple[Request, int]], int, bool]:
    """Return who could join, how many were looked at for it, and whether blocks ran out."""
    limits, end, cancelled = batch.limits, batch.end - batch.lag, batch.cancelled
    chosen: list[tuple[Request, int]] = []
    free, looked = batch.blocks - batch.held, 0
    for looked, request in enumerate(batch.waiting, 1):
        if request[0] > end:
            break
        if request[1] in cancelled:
            continue
        free -= _blocks(batch, request)
        if free < 0:
            return chosen, looked, True
        tokens = request[2]
        if tokens > budget:
            if limits.chunking and budget:
                chosen.append((request, budget))
            elif not (limits.chunking or chosen):
                # The prompt of a further segment, which has grown beyond what is validated.
                chosen.append((request, tokens))
            break
        budget -= tokens
        chosen.append((request, tokens))
        if len(chosen) == most:
            break
    return chosen, looked, False


def _drop_gone(batch: Batch, looked: int) -> None:
    """Drop those of the `looked` first requests in the queue whose clients went away."""
    gone = [one for one in islice(batch.waiting, looked) if one[1] in batch.cancelled]
    for request in gone:
        batch.waiting.remove(request)
        batch.counts.dropped += 1
        batch.cut(request, 0)


def _blocks(batch: Batch, request: Request) -> int:
    """Return the blocks that a waiting request needs."""
    long = request[3] > batch.limits.segment_tokens or request[1] in batch.long
    return batch.limits.reserved_blocks(request, long=long)


def _admit(batch: Batch, chosen: list[tuple[Request, int]]) -> None:
    """Let requests join the batch in the next step."""
    end, segment = batch.end, batch.limits.segment_tokens
    batch.admits = True
    batch.counts.batch_sizes.append(len(chosen))
    for waiting, tokens in chosen:
        arrival, ident, inputs, outputs = waiting
        batch.held += _blocks(batch, waiting)
        request: Admitted = (arrival, ident, inputs, outputs, end)
        if outputs > segment:
            batch.long.setdefault(ident, request)
            request = (arrival, ident, inputs, segment, end)
        serial = batch.seat(request)
        samples = tokens == inputs
        if not samples:
            batch.partial[serial] = Partial(request, 0, tokens)
        batch.prefills.append((serial, request, tokens, 0, samples))


def _count_concatenation(batch: Batch, least: int | None) -> None:
    """Count that requests joined a running batch, by what let them."""
    if least is not None:
        reason = "backpressure"
    else:
        reason = "chunking" if batch.limits.chunking else "wait_exceeded"
    counts = batch.counts.concatenations
    counts[reason] = counts.get(reason, 0) + 1


def _next_chunks(batch: Batch) -> list[Chunk]:
    """Return the chunks of prompts that have begun."""
    return [
        (serial, part.request, part.chunk, part.computed, part.computed + part.chunk == inputs)
        for serial, part in batch.partial.items()
        for inputs in (part.request[2],)
    ]


def plan_chunks(batch: Batch, size: int) -> None:
    """Set the next chunk of every prompt that has begun, after a step of `size` requests.

    The last to have joined is served first, and everyone gets a token at least
    (server/text_generation_server/models/flash_causal_lm.py, generate_token).
    """
    budget = batch.limits.max_batch_prefill_tokens - (size - 1)
    for part in reversed(batch.partial.values()):
        part.chunk = max(min(part.request[2] - part.computed, budget), 1)
        budget -= part.chunk
