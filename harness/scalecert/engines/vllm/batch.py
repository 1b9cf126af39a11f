"""The state of one vLLM server between steps, and the arithmetic of decoding steps.

Decoding requests are not visited step by step. What is kept of them is their number, the sum of
their contexts, a heap of the steps in which they finish, and their KV phases (`KvCache`). Between
two changes of the batch the end of every step follows from an anchor in closed form: with B
requests and C tokens of context at the anchor, step m after it ends at

    anchor + m * fixed(B) + per_context(B) * (C * m + B * m * (m - 1) / 2)
           = anchor + m * (linear + m * quadratic)

Where the CPU's floor is longer than such a step, steps take the floor until the context has grown
so far (the bend), and the anchor moves there.

Anchors move with the batch only, never with the times that someone looks: that is why looking
changes no result, not even in the last bit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import ceil, inf, isnan

from scalecert.engines.base import RequestLog, Status
from scalecert.engines.costs import StepCosts
from scalecert.engines.vllm.kv_cache import KvCache
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits

TIE_SECONDS = 1e-9
"""Times closer than this are the same time: what arrives on the end of a step is seen there."""

SERIAL_BITS = 32
"""A finish is one integer, `step << SERIAL_BITS | serial`: the heap compares no tuples."""
SERIAL_MASK = (1 << SERIAL_BITS) - 1
NEVER = 1 << 62
"""A step that no run reaches."""

Request = tuple[float, int, int, int]
"""Arrival at the client's clock, later if the API server was busy; id in the log, input tokens,
output tokens."""
Admitted = tuple[float, int, int, int, float]
"""A request and when it was first scheduled."""
Chunk = tuple[int, Admitted, int, int, bool]
"""Serial, request, tokens to compute in the step, tokens computed before, whether it samples."""

_OK = int(Status.OK)


@dataclass(slots=True)
class Partial:
    """An admitted request with tokens left to schedule before it can sample."""

    request: Admitted
    scheduled: int
    """Tokens scheduled so far, those in flight included; its blocks hold as many."""
    target: int
    """Tokens to compute before it samples its next token."""


@dataclass(slots=True)
class Counts:
    """What the counters show, where it is not the length of some list."""

    preemptions: int = 0
    prefill_steps: int = 0
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    prefix_queries: int = 0
    rejected_by_requests: int = 0
    rejected_by_tokens: int = 0
    rejected_as_too_long: int = 0


class Batch:
    """Running, waiting and coming requests of one server at the end of its last step."""

    __slots__ = (
        "ahead",
        "anchor_seconds",
        "anchor_step",
        "arrived",
        "bend",
        "blocked",
        "cold",
        "composed",
        "context",
        "costs",
        "counts",
        "decoding",
        "delivery_first",
        "delivery_last",
        "delivery_seconds",
        "disturbed",
        "end",
        "finished",
        "finishes",
        "fixed_seconds",
        "floors",
        "frontend_free",
        "kv",
        "kv_tokens",
        "lag",
        "limited",
        "limits",
        "linear",
        "log",
        "longest_chunk",
        "longest_request",
        "next_serial",
        "partial",
        "pending",
        "per_context",
        "preempted",
        "prefills",
        "quadratic",
        "queued_tokens",
        "resumed",
        "running",
        "slack",
        "snapshot",
        "start",
        "step",
        "waiting",
    )  # fmt: skip

    def __init__(
        self, limits: SchedulerLimits, costs: StepCosts, log: RequestLog, now: float
    ) -> None:
        self.limits = limits
        self.costs = costs
        self.log = log
        self.longest_chunk = limits.longest_chunk
        self.kv_tokens = (limits.num_gpu_blocks - 1) * limits.block_size
        """Tokens in all blocks that requests can have."""
        self.longest_request = min(limits.max_model_len, self.kv_tokens)
        self.limited = limits.queue_is_limited
        self.fixed_seconds, self.per_context = costs.decode_tables(limits.max_num_seqs)
        self.floors = costs.decode_floors(limits.max_num_seqs)
        self.delivery_seconds = costs.delivery_seconds
        # What another request of the step adds to that, for a first token and for a last one,
        # which is in the middle of the step's tokens on average.
        each = costs.delivery_request_seconds
        self.delivery_first, self.delivery_last = each, each / 2
        self.lag = costs.arrival_seconds - TIE_SECONDS
        """What an arrival needs to be visible: `arrival + lag <= time of composition`."""
        self.ahead = 1 if limits.async_scheduling else 0
        """Steps between the one that ends at a composition and the first that it can fill."""
        self.slack = self.ahead + limits.block_size - 1
        """Tokens that a decoding request may take beyond those it has computed."""
        self.counts = Counts()

        self.step = 0
        """Steps completed."""
        self.end = now
        """When the last of them ended, or when an idle server woke."""
        self.start = now
        """When the step that ended at the anchor began."""
        self.anchor_step = 0
        self.anchor_seconds = now
        self.linear = self.quadratic = 0.0
        self.bend = NEVER
        """Step after which the closed form holds no longer."""
        self.cold = False
        """Whether the next step has no predecessor."""

        self.pending: deque[Request] = deque()
        """Offered, not yet seen by the server; by arrival."""
        self.preempted: dict[int, int] = {}
        """Preemptions by request id."""
        self.finished: list[Admitted] = []
        self.next_serial = 0
        self.forget()

    def forget(self) -> None:
        """Drop all requests, as a process that is killed does."""
        limits = self.limits
        self.kv = KvCache(limits.num_gpu_blocks, limits.block_size, limits.shared_prefix_tokens)
        self.pending.clear()
        self.arrived: dict[int, float] = {}
        """When requests came, by id, that the API server was too busy for then."""
        self.frontend_free = -inf
        """When the API server can take the next request."""
        self.waiting: deque[Request] = deque()
        """Seen and not running, preempted ones included; by turn."""
        self.blocked = False
        """Whether the head of the queue can't be admitted before a request leaves."""
        self.running: dict[int, Admitted] = {}
        """By serial, in the order of admission, of which the last is preempted first."""
        self.decoding = 0
        """Requests that decode in the next step."""
        self.context = 0
        """Sum of their computed tokens at the anchor."""
        self.finishes: list[int] = []
        """Heap of the steps in which they finish, with their serials."""
        self.prefills: list[Chunk] = []
        """Prompt chunks of the next step, as already composed."""
        self.composed = False
        """Without scheduling ahead: whether the next step is composed and not yet completed."""
        self.partial: dict[int, Partial] = {}
        self.resumed: dict[int, tuple[int, float]] = {}
        """Of preempted waiting requests, by id: tokens to recompute, first scheduling."""
        self.disturbed = False
        """Whether the next step ends off the anchor's line: a composition took out of the batch
        what that step still computes."""
        self.queued_tokens = 0
        """Prompt tokens of accepted requests without a first token."""
        self.snapshot: tuple[int, int, int] | None = None
        """What the metrics show while a composition has already changed the state behind them."""
        self.settle()
        self.anchor()

    def end_after(self, steps: int) -> float:
        """Return when the step `steps` after the anchor ends if the batch only decodes."""
        return self.anchor_seconds + steps * (self.linear + steps * self.quadratic)

    def context_now(self) -> int:
        """Return the sum of the decoding requests' computed tokens at the last step's end."""
        return self.context + (self.step - self.anchor_step) * self.decoding

    def last_start(self) -> float:
        """Return when the last completed step began."""
        steps = self.step - self.anchor_step
        return self.end_after(steps - 1) if steps else self.start

    def held_blocks(self) -> int:
        """Return the blocks held after the last composition that a completed step has followed.

        With scheduling ahead that composition has given blocks for the next step too.
        """
        kv, ahead = self.kv, self.ahead
        tokens = self.context_now() + ahead * self.decoding
        blocks = kv.held(tokens, self.step + ahead) - kv.shared_saving()
        for part in self.partial.values():
            blocks += kv.blocks(part.scheduled)
        for _, _, tokens, before, samples in self.prefills:
            if samples:
                blocks += kv.blocks(before + tokens)
        return blocks

    def shown(self) -> tuple[int, int, int]:
        """Return running and waiting requests and blocks as the last completed step wrote them.

        The server writes its metrics once a step: after the results are applied, before it looks
        at arrivals and composes.
        """
        if self.snapshot is not None:
            return self.snapshot
        seen = self.last_start() - self.lag
        waiting = len(self.waiting)
        for request in reversed(self.waiting):
            if request[0] <= seen:
                break
            waiting -= 1
        for request in self.pending:
            if request[0] > seen:
                break
            waiting += 1
        if not self.composed:
            return len(self.running), waiting, self.held_blocks()
        # Prompts admitted after the step was completed were waiting or yet to come.
        waiting += sum(chunk[1][0] <= seen for chunk in self.prefills)
        blocks = self.kv.held(self.context_now(), self.step)
        return len(self.running) - len(self.prefills), waiting, blocks

    def remember(self) -> None:
        """Keep what the metrics show until the next step is completed."""
        self.snapshot = self.shown()

    def settle(self) -> None:
        """Bring `context` and `start` to the last step's end; `anchor` must follow."""
        steps = self.step - self.anchor_step
        if steps:
            before = steps - 1
            self.start = self.anchor_seconds + before * (self.linear + before * self.quadratic)
            self.context += steps * self.decoding
            self.anchor_step = self.step
        self.anchor_seconds = self.end

    def anchor(self) -> None:
        """Set the closed form anew from the last step's end, after `settle` and any change."""
        decoding = self.decoding
        per_context = self.per_context[decoding]
        first = self.fixed_seconds[decoding] + per_context * self.context
        self.quadratic = quadratic = 0.5 * per_context * decoding
        self.linear = first - quadratic
        self.bend = NEVER
        if first < self.floors[decoding]:
            self._hold_floor(self.floors[decoding], first)

    def _hold_floor(self, floor: float, first: float) -> None:
        """Let steps take the floor until they are as long, beginning with `first` seconds."""
        if self.quadratic:
            self.bend = self.anchor_step + ceil((floor - first) / (2.0 * self.quadratic))
        self.linear, self.quadratic = floor, 0.0

    def join(self, serial: int, request: Admitted, tokens: int) -> None:
        """Let a request decode from the next step on; it has computed `tokens` so far.

        Between `settle` and `anchor`.
        """
        finish = self.step + request[2] + request[3] - 1 - tokens
        heappush(self.finishes, finish << SERIAL_BITS | serial)
        self.decoding += 1
        self.context += tokens
        self.kv.join(tokens, self.step)

    def leave(self, serial: int, finish: int) -> int:
        """Take a decoding request out before its end; return its computed tokens.

        Between `settle` and `anchor`.
        """
        self.finishes.remove(finish << SERIAL_BITS | serial)
        heapify(self.finishes)
        request = self.running[serial]
        tokens = request[2] + request[3] - 1 - (finish - self.step)
        self.decoding -= 1
        self.context -= tokens
        self.kv.leave(tokens, self.step)
        return tokens

    def sample_first(self, request: Admitted, seconds: float) -> None:
        """Log the first token of a request that has computed its prompt; at most once."""
        logged = self.log.first_token_seconds
        ident = request[1]
        if isnan(logged[ident]):
            logged[ident] = seconds
            self.queued_tokens -= request[2]
            self.counts.prompt_tokens += request[2]

    def finish(self, serial: int, seconds: float) -> None:
        """Log that a request, already out of the batch, sent its last token at `seconds`."""
        request = self.running.pop(serial)
        ident = request[1]
        log = self.log
        # The first token of a large step is written late; the next must not overtake it.
        first = log.first_token_seconds[ident]
        log.last_token_seconds[ident] = first if first > seconds else seconds  # noqa: FURB136 - hot
        log.status[ident] = _OK
        self.finished.append(request)
        if self.kv.sharers:
            self.kv.sharers.discard(serial)

    def finish_due(self, last: float) -> None:
        """Finish the decoding requests whose last token the step just completed computed.

        Between `settle` and `anchor`; their clients have it at `last`.
        """
        finishes, running, kv = self.finishes, self.running, self.kv
        step = self.step
        while finishes and finishes[0] >> SERIAL_BITS == step:
            serial = heappop(finishes) & SERIAL_MASK
            _, _, inputs, outputs, _ = running[serial]
            tokens = inputs + outputs - 1
            self.decoding -= 1
            self.context -= tokens
            kv.leave(tokens, step)
            self.finish(serial, last)
            self.blocked = False
