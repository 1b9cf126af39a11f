"""The state of one vLLM server between steps: running, waiting and coming requests, KV blocks.

What decodes is a `DecodingBatch`; here is what is vLLM's own: prompt chunks, the KV cache by
blocks, queue limits, and what the metrics show between two steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isnan

from scalecert.engines.costs import StepCosts
from scalecert.engines.decoding import TIE_SECONDS, Admitted, Request
from scalecert.engines.frontend import Server
from scalecert.engines.request_log import RequestLog
from scalecert.engines.vllm.kv_cache import KvCache
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits

Chunk = tuple[int, Admitted, int, int, bool]
"""Serial, request, tokens to compute in the step, tokens computed before, whether it samples."""


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
    prompts: int = 0
    """Computed to the end, so that their requests have, or would have, a first token."""
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    """Of these, taken from the prefix cache."""
    cut_prompt_tokens: int = 0
    """Computed of prompts whose clients went away before the first token."""
    prefix_queries: int = 0
    prefix_hits: int = 0
    rejected_by_requests: int = 0
    rejected_by_tokens: int = 0
    mixed_steps: dict[int, int] = field(default_factory=dict)
    """Steps with prompt chunks, by the tokens that they put out or completed a prompt with."""

    @property
    def computed_prompt_tokens(self) -> int:
        """Of completed prompts, without those that the prefix cache had."""
        return self.prompt_tokens - self.cached_prompt_tokens


class Batch(Server):
    """Running, waiting and coming requests of one server at the end of its last step."""

    __slots__ = (
        "ahead",
        "blocked",
        "cold",
        "composed",
        "counts",
        "cut_waits",
        "disturbed",
        "hits",
        "kv",
        "kv_tokens",
        "lag",
        "limited",
        "limits",
        "longest_chunk",
        "partial",
        "preempted",
        "prefills",
        "queued_tokens",
        "resumed",
        "slack",
        "snapshot",
        "waiting",
    )  # fmt: skip

    def __init__(
        self,
        limits: SchedulerLimits,
        costs: StepCosts,
        log: RequestLog,
        now: float,
        *,
        ordinal: int,
    ) -> None:
        super().__init__(
            costs, log, now, limits.max_num_seqs, ordinal=ordinal, longest=limits.requests
        )
        self.limits = limits
        self.longest_chunk = limits.longest_chunk
        self.kv_tokens = (limits.num_gpu_blocks - 1) * limits.block_size
        """Tokens in all blocks that requests can have."""
        self.limited = limits.queue_is_limited
        self.lag = costs.arrival_seconds - TIE_SECONDS
        """What an arrival needs to be visible: `arrival + lag <= time of composition`."""
        self.ahead = 1 if limits.async_scheduling else 0
        """Steps between the one that ends at a composition and the first that it can fill."""
        self.slack = self.ahead + limits.block_size - 1
        """Tokens that a decoding request may take beyond those it has computed."""
        self.counts = Counts()

        self.cold = False
        """Whether the next step has no predecessor."""

        self.preempted: dict[int, int] = {}
        """Preemptions by request id."""
        self.cut_waits: list[float] = []
        """For their first tokens, of requests whose clients went away after these, at the client's
        clock; since someone took them."""
        self.forget()

    def forget(self) -> None:
        """Drop all requests, as a process that is killed does."""
        limits = self.limits
        self.kv = KvCache(limits.num_gpu_blocks, limits.block_size, limits.shared_prefix_tokens)
        self.waiting: deque[Request] = deque()
        """Seen and not running, preempted ones included; by turn."""
        self.blocked = False
        """Whether the head of the queue can't be admitted before a request leaves."""
        self.forget_requests()
        self.prefills: list[Chunk] = []
        """Prompt chunks of the next step, as already composed."""
        self.composed = False
        """Without scheduling ahead: whether the next step is composed and not yet completed."""
        self.partial: dict[int, Partial] = {}
        self.resumed: dict[int, tuple[int, float]] = {}
        """Of preempted waiting requests, by id: tokens to recompute, first scheduling."""
        self.hits: dict[int, int] = {}
        """Tokens from the prefix cache, by id, of requests whose prompts aren't computed yet."""
        self.disturbed = False
        """Whether the next step ends off the anchor's line: a composition took out of the batch
        what that step still computes."""
        self.queued_tokens = 0
        """Prompt tokens of accepted requests without a first token."""
        self.snapshot: tuple[int, int, int] | None = None
        """What the metrics show while a composition has already changed the state behind them."""
        self.settle()
        self.anchor()

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

    def sent(self) -> Iterator[tuple[int, int]]:
        """Yield id and output tokens so far of every request that has been in a step.

        Preempted ones and those that compute anew included.
        """
        yield from self.decoded()
        for part in self.partial.values():
            yield part.request[1], part.target - part.request[2]
        for _, request, tokens, before, samples in self.prefills:
            if samples:
                yield request[1], before + tokens - request[2]
        for waiting in self.waiting:
            if waiting[1] in self.resumed:
                yield waiting[1], self.resumed[waiting[1]][0] - waiting[2]

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

    def count_mixed_step(self, decoding: int, tokens: int) -> None:
        """Count the step just settled as one in which chunks brought `tokens` more."""
        self.steps_by_decoding[decoding] -= 1
        size = decoding + tokens
        self.counts.mixed_steps[size] = self.counts.mixed_steps.get(size, 0) + 1

    def complete_prompt(self, request: Admitted, seconds: float) -> None:
        """Log the first token of a request, unless it had one: it is queued no longer."""
        if request[1] in self.cancelled:
            self.counts.prompts += self.cut_prompt(request, request[2])
        elif self.sample_first(request, seconds):
            self.queued_tokens -= request[2]
            self.counts.prompt_tokens += request[2]
            self.counts.cached_prompt_tokens += self.hits.pop(request[1], 0)
            self.counts.prompts += 1

    def cut_prompt(self, request: Request | Admitted, computed: int) -> bool:
        """Count what was computed for a client who went away; False if there is a first token."""
        if not isnan(self.log.first_token_seconds[request[1]]):
            return False
        self.queued_tokens -= request[2]
        self.counts.cut_prompt_tokens += max(computed - self.hits.pop(request[1], 0), 0)
        return True

    def cut(self, request: Request | Admitted, tokens: int) -> None:
        """Log that a request left with its client; what is known of it by its id is forgotten."""
        super().cut(request, tokens)
        wait = self.log.first_token_seconds[request[1]] - request[0]
        if not isnan(wait):
            self.cut_waits.append(wait)
        self.preempted.pop(request[1], None)

    def released(self, serial: int, tokens: int) -> None:
        """Give back the blocks of a request that finishes."""
        kv = self.kv
        kv.leave(tokens, self.step)
        kv.sharers.discard(serial)
        self.blocked = False
