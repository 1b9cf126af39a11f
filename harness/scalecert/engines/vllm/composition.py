"""What the scheduler puts into a step: running requests first, then waiting ones in their order.

Follows vllm/v1/core/sched/scheduler.py (schedule) with first come, first served: every running
request gets its next tokens and blocks; where a block is missing, the last admitted request is
preempted. Waiting requests are admitted only if nobody was preempted, while budget and seats
last, and if the blocks of the whole prompt are free; the head of the queue holds back all others.

`compose` is quick for batches that fit whatever their block boundaries are. Only near the end of
the KV cache, with chunked prompts or a shared prefix, blocks are counted exactly. No way visits the
running requests one by one.
"""

from __future__ import annotations

from scalecert.engines.decoding import SERIAL_BITS, SERIAL_MASK, Request
from scalecert.engines.request_log import Status
from scalecert.engines.vllm.batch import Batch, Chunk, Partial
from scalecert.engines.vllm.preemption import preempt_from_the_end

_REJECTED = int(Status.REJECTED)


def arrive(batch: Batch, until: float) -> None:
    """Let the server see every pending request up to `until` on the scheduler's clock."""
    pending, lag = batch.pending, batch.lag
    while pending and pending[0][0] + lag <= until:
        request = pending.popleft()
        if not _refused(batch, request):
            batch.queued_tokens += request[2]
            batch.waiting.append(request)


def compose(batch: Batch, first_seconds: float, last_seconds: float) -> list[Chunk]:
    """Compose a step at the end of the last one; return its prompt chunks.

    With scheduling ahead a step is in flight, composed before; what it still does to a request
    that is preempted now is settled at once.

    Args:
        batch: changed in place.
        first_seconds: when a first token of the step in flight reaches its client.
        last_seconds: when any other token of it does.
    """
    if not (batch.partial or batch.kv.prefix_blocks):
        # Every request is taken to waste all but one token of its last block.
        steps = batch.step - batch.anchor_step
        taken = batch.context + (steps + batch.slack + 1) * batch.decoding
        for _, _, tokens, before, _ in batch.prefills:
            taken += before + tokens + batch.limits.block_size
        room = batch.kv_tokens - taken
        if room >= 0:
            return _admit_quickly(batch, room) if _someone_may_enter(batch) else []
    return _compose_exactly(batch, first_seconds, last_seconds)


def _someone_may_enter(batch: Batch) -> bool:
    """Tell whether a waiting or visible request is not known to have to wait."""
    if batch.blocked:
        return False
    if batch.waiting or batch.limited:
        return True
    return bool(batch.pending) and batch.pending[0][0] + batch.lag <= batch.end


def _admit_quickly(batch: Batch, room: int) -> list[Chunk]:
    """Admit requests whose whole prompt fits in the budget and, beyond doubt, in the KV cache."""
    chosen: list[Chunk] = []
    limits, running, end, lag = batch.limits, batch.running, batch.end, batch.lag
    queue = batch.pending
    if batch.waiting or batch.limited:
        arrive(batch, end)
        queue = batch.waiting
    budget = batch.longest_chunk - batch.decoding - len(batch.prefills)
    size = limits.block_size
    while queue:
        arrival, ident, tokens, outputs = queue[0]
        if arrival + lag > end:
            break
        if len(running) >= limits.max_num_seqs:
            batch.blocked = True
            break
        room -= tokens + size
        if tokens > budget or room < 0 or ident in batch.resumed:
            _admit_after_counting(batch, chosen)
            break
        del queue[0]
        budget -= tokens
        request = (arrival, ident, tokens, outputs, end)
        chosen.append((batch.seat(request), request, tokens, 0, True))
    return chosen


def _admit_after_counting(batch: Batch, chosen: list[Chunk]) -> None:
    """Go on admitting where estimates were too rough; `chosen` are this step's so far."""
    decodes, needed = _decodes(batch)
    budget = batch.limits.max_num_batched_tokens - decodes
    free = batch.kv.usable - batch.held_blocks() - needed
    for _, _, tokens, _, _ in chosen:
        budget -= tokens
        free -= batch.kv.blocks(tokens)
    _admit_exactly(batch, chosen, budget, free)


def _compose_exactly(batch: Batch, first_seconds: float, last_seconds: float) -> list[Chunk]:
    if not batch.ahead:
        batch.remember()
    decodes, needed = _decodes(batch)
    budget = batch.limits.max_num_batched_tokens - decodes
    free = batch.kv.usable - batch.held_blocks()
    chosen = _next_chunks(batch, budget)
    for _, _, tokens, before, _ in chosen:
        budget -= tokens
        needed += batch.kv.blocks(before + tokens) - batch.kv.blocks(before)
    preempted = needed > free
    if preempted:
        chosen = preempt_from_the_end(batch, chosen, needed, first_seconds, last_seconds)
    for chunk in chosen:
        _continue_partial(batch, chunk)
    if not preempted and not batch.blocked:
        _admit_exactly(batch, chosen, budget, free - needed)
    return chosen


def _decodes(batch: Batch) -> tuple[int, int]:
    """Return how many requests will decode in the step to compose, and the blocks they need."""
    kv, ahead = batch.kv, batch.ahead
    decodes, needed = batch.decoding, kv.full_at(batch.step + ahead)
    if not ahead:
        return decodes, needed
    due = batch.step + 1
    if batch.finishes and batch.finishes[0] >> SERIAL_BITS == due:
        # Their last token is in flight: not scheduled again, but here until it arrives.
        for entry in batch.finishes:
            if entry >> SERIAL_BITS == due:
                _, _, inputs, outputs, _ = batch.running[entry & SERIAL_MASK]
                decodes -= 1
                needed -= (inputs + outputs - 1) % kv.block_size == 0
    for _, request, tokens, before, samples in batch.prefills:
        computed = before + tokens
        if samples and computed < request[2] + request[3] - 1:
            decodes += 1
            needed += computed % kv.block_size == 0
    return decodes, needed


def _next_chunks(batch: Batch, budget: int) -> list[Chunk]:
    """Return the next chunks of the partly scheduled requests from the budget beside decoding.

    The budget never fails to reach a running request: it did when the request was admitted, and
    since then none before it wants more, for all but the last admitted take as much as they may.
    """
    chunks: list[Chunk] = []
    for serial, part in batch.partial.items():
        tokens = min(part.target - part.scheduled, batch.longest_chunk, budget)
        samples = part.scheduled + tokens == part.target
        chunks.append((serial, part.request, tokens, part.scheduled, samples))
        budget -= tokens
    return chunks


def _continue_partial(batch: Batch, chunk: Chunk) -> None:
    """Note that a chunk of a partly scheduled request has been scheduled."""
    serial, request, tokens, before, samples = chunk
    if samples:
        del batch.partial[serial]
    else:
        batch.partial[serial].scheduled += tokens
    _note_prefix(batch, serial, request[2], before + tokens)


def _admit_exactly(batch: Batch, chosen: list[Chunk], budget: int, free: int) -> None:
    """Admit requests while budget, seats and blocks last; `chosen` grows."""
    limits, waiting, kv = batch.limits, batch.waiting, batch.kv
    arrive(batch, batch.end)
    while waiting and budget > 0 and waiting[0][0] + batch.lag <= batch.end:
        request = waiting[0]
        _, ident, inputs, _ = request
        target, scheduled_at = batch.resumed.get(ident, (inputs, batch.end))
        hit = kv.hit_tokens(inputs)
        shared = kv.prefix_blocks if hit and kv.sharers else 0
        batch.blocked = (
            len(batch.running) >= limits.max_num_seqs or kv.blocks(target) - shared > free
        )
        if batch.blocked:
            break
        waiting.popleft()
        tokens = min(target - hit, budget, batch.longest_chunk)
        budget -= tokens
        free -= kv.blocks(hit + tokens) - shared
        admitted = (*request, scheduled_at)
        serial = batch.seat(admitted)
        scheduled = hit + tokens
        chosen.append((serial, admitted, tokens, hit, scheduled == target))
        if hit:
            kv.sharers.add(serial)
        if scheduled < target:
            batch.partial[serial] = Partial(admitted, scheduled, target)
        if kv.prefix_blocks:
            _count_prefix(batch, request, hit)
            _note_prefix(batch, serial, inputs, scheduled)
        batch.resumed.pop(ident, None)


def _count_prefix(batch: Batch, request: Request, hit: int) -> None:
    """Count a request's look-up in the prefix cache, its first only."""
    if request[1] not in batch.resumed:
        batch.counts.prefix_queries += request[2]
        batch.counts.prefix_hits += hit
        if hit:
            batch.hits[request[1]] = hit


def _note_prefix(batch: Batch, serial: int, inputs: int, scheduled: int) -> None:
    """Let the first request that has computed the shared prefix put it into the cache."""
    kv = batch.kv
    if kv.prefix_cached or not kv.shares_prefix(inputs):
        return
    if scheduled >= kv.prefix_blocks * kv.block_size:
        kv.prefix_cached = True
        kv.sharers.add(serial)
        batch.blocked = False


def _refused(batch: Batch, request: Request) -> bool:
    """Refuse a request at the server's queue limits (vllm/v1/engine/async_llm.py)."""
    limits, counts = batch.limits, batch.counts
    if 0 <= limits.max_num_queued_reqs <= len(batch.running) + len(batch.waiting):
        counts.rejected_by_requests += 1
    elif 0 <= limits.max_num_queued_tokens <= batch.queued_tokens:
        counts.rejected_by_tokens += 1
    else:
        return False
    batch.log.status[request[1]] = _REJECTED
    return True
