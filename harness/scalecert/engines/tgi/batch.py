"""The state of one TGI server between steps: running, waiting and coming requests, KV blocks.

What decodes is a `DecodingBatch`; here is what is TGI's own: blocks for prompt and answer that are
reserved when a request joins the batch, prompts computed in chunks, the permits of the router, and
long answers, which run as segments of 1,024 tokens: after each, the request goes back to the end of
the queue with its text so far as its prompt.

The source starts every segment anew with the client's `max_new_tokens` (router/src/infer/mod.rs):
the last segment reserves a whole segment's room, too, and an answer only ends within it if the
model ends it. So it is here. Where that room goes beyond `max_total_tokens`, or the grown prompt
beyond `max_input_tokens`, TGI ends the answer before its last segment; here it gets what room there
is, and its end: a log has no place for half an answer. Whatever the prefix cache may still have of
a segment's prompt is not counted: it is computed anew as a whole.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf

from scalecert.engines.costs import StepCosts
from scalecert.engines.decoding import TIE_SECONDS, Admitted, Request
from scalecert.engines.frontend import Server
from scalecert.engines.request_log import RequestLog
from scalecert.engines.tgi.scheduler_limits import SchedulerLimits

Chunk = tuple[int, Admitted, int, int, bool]
"""Serial, request, tokens to compute in the step, tokens computed before, whether it samples."""


@dataclass(slots=True)
class Partial:
    """A running request with a part of its prompt still to compute."""

    request: Admitted
    computed: int
    chunk: int = 0
    """Tokens of the next step."""


@dataclass(slots=True)
class Counts:
    """What the counters show, where it is not the length of some list."""

    seen: int = 0
    """Requests that came, refused ones included."""
    withdrawn: int = 0
    """Requests whose clients went away before they were queued."""
    overloaded: int = 0
    dropped: int = 0
    """Requests whose clients were found to be gone, in the queue or in the batch."""
    prefill_steps: int = 0
    """Steps that took requests into the batch."""
    prefill_seconds: float = 0.0
    prompt_tokens: int = 0
    """Computed so far."""
    decoded_tokens: int = 0
    """By the last change of the batch."""
    first_tokens: int = 0
    concatenations: dict[str, int] = field(default_factory=dict)
    """Prompts that joined a running batch, by reason."""
    batch_sizes: list[int] = field(default_factory=list)
    """Requests that joined at once, in order, since someone took them."""
    accepted: list[tuple[int, int]] = field(default_factory=list)
    """Prompt tokens and most new tokens of what the router queued, since someone took them."""


class Batch(Server):
    """Running, waiting and coming requests of one server at the end of its last step."""

    __slots__ = (
        "admits",
        "blocked",
        "blocks",
        "cold",
        "composed",
        "counts",
        "deaf",
        "held",
        "hesitant",
        "joined",
        "lag",
        "limits",
        "listening",
        "long",
        "partial",
        "patience_step",
        "prefills",
        "remembered",
        "returning",
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
        largest = min(limits.max_concurrent_requests, max(limits.blocks, 1))
        self.limits = limits
        super().__init__(costs, log, now, largest, ordinal=ordinal, longest=limits.requests)
        self.blocks = limits.blocks
        self.lag = costs.arrival_seconds - TIE_SECONDS
        """What an arrival needs to be visible: `arrival + lag <= time of composition`."""
        self.counts = Counts()
        self.forget()

    def price(self, costs: StepCosts, largest_batch: int) -> None:
        """Let steps of up to so many requests cost so."""
        super().price(costs, largest_batch)
        self.floors = _floors(costs, largest_batch, self.limits.largest_graph)

    def slow_down(self, times: float) -> None:
        """Let steps take so many times as long as usual, from the one in flight on."""
        self.counts.decoded_tokens += (self.step - self.anchor_step) * self.decoding
        super().slow_down(times)

    def forget(self) -> None:
        """Drop all requests, as a process that is killed does."""
        self.forget_requests()
        self.waiting: deque[Request] = deque()
        """In the router's queue; by turn."""
        self.returning: deque[Request] = deque()
        """Between two segments, each with the time at which the last one ended; by it."""
        self.long: dict[int, Admitted] = {}
        """Requests of more than one segment that have begun, as they came, by id."""
        self.joined: dict[int, Admitted] = {}
        """Running requests whose clients went away, as they joined, by serial."""
        self.held = 0
        """Blocks that running requests have reserved."""
        self.blocked = False
        """Whether the head of the queue can't be admitted before a request leaves."""
        self.hesitant = False
        """Whether too few wait to stop the batch for, until one more comes or `patience_step`."""
        self.patience_step = 0
        """Step from which on waiting requests are admitted however few they are."""
        self.partial: dict[int, Partial] = {}
        """By serial, in the order of admission."""
        self.prefills: list[Chunk] = []
        """Prompt chunks of the next step, if that is composed."""
        self.composed = False
        """Whether the next step is composed and not yet completed."""
        self.admits = False
        """Whether requests join the batch in it."""
        self.deaf = False
        """Whether that step is followed by a decode step without a look at the queue between:
        requests join a running batch in it."""
        self.listening = True
        """Whether the queue is looked at before the next step."""
        self.cold = False
        """Whether the next step has no predecessor."""
        self.remembered: tuple[int, int] = (0, 0)
        """What the gauges showed at the last look at the queue."""
        self.settle()
        self.anchor()

    def shown(self) -> tuple[int, int]:
        """Return requests and blocks of the batch as the gauges show them.

        They are set before the queue is looked at, when who finished has left; to 0 when all have.
        """
        if self.listening and not self.composed:
            return len(self.running), self.held
        return self.remembered

    def is_in_step(self) -> bool:
        """Tell whether a step has begun, for good, that is not completed."""
        begun = self.composed or self.now > self.end + 2 * TIE_SECONDS
        return begun and bool(self.running)

    def completed_seconds(self) -> float:
        """Return the time of all completed steps."""
        return self.end - self.started - self.idle_seconds

    def decoded_now(self) -> int:
        """Return the output tokens of decode steps so far."""
        return self.counts.decoded_tokens + (self.step - self.anchor_step) * self.decoding

    def next_visible(self) -> float:
        """Return when the queue has, or had, its first entry if nothing is taken from it."""
        lines = (self.waiting, self.returning, self.pending)
        return min((line[0][0] for line in lines if line), default=inf) + self.lag

    def released(self, serial: int, tokens: int) -> None:  # noqa: ARG002 - reserved, not computed
        """Give back the blocks of a request that finishes, or whose segment does."""
        request = self.joined.pop(serial, None) or self.running[serial]
        self.held -= self.limits.reserved_blocks(request, long=request[1] in self.long)
        self.blocked = self.hesitant = False

    def finish(self, serial: int, seconds: float) -> None:
        """Log that a request sent its last token at `seconds`; or let its next segment queue."""
        if self.long and (whole := self.long.get(self.running[serial][1])) is not None:
            _, ident, inputs, outputs, _ = self.running[serial]
            left = whole[2] + whole[3] - inputs - outputs
            if left and ident not in self.cancelled:
                del self.running[serial]
                self.returning.append((self.end, ident, inputs + outputs, left))
                return
            if not left:
                self.running[serial] = self.long.pop(ident)
        super().finish(serial, seconds)

    def cut_at_end(self, request: Admitted) -> None:
        """Log that a request leaves that had a token to send to nobody."""
        self.counts.dropped += 1
        super().cut_at_end(request)

    def cut(self, request: Request | Admitted, tokens: int) -> None:
        """Log that a request left with its client, so many tokens into its segment."""
        whole = self.long.pop(request[1], request)
        super().cut(request, request[2] - whole[2] + tokens)

    def sent(self) -> dict[int, int]:
        """Return the output tokens so far of the requests that have any, by id."""
        tokens = dict(self.decoded())
        if self.long:
            for line in (self.running.values(), self.waiting, self.returning):
                for request in line:
                    if (whole := self.long.get(request[1])) and request[2] > whole[2]:
                        tokens[request[1]] = tokens.get(request[1], 0) + request[2] - whole[2]
        return tokens


def _floors(costs: StepCosts, largest_batch: int, largest_graph: int) -> list[float]:
    """Return the least seconds of decode steps: beyond the graphs, a launch kernel by kernel."""
    floors = costs.decode_floors(largest_batch)
    eager = max(costs.eager_floor_seconds - costs.step_floor_seconds, 0.0)
    return [floor + (eager if batch > largest_graph else 0.0) for batch, floor in enumerate(floors)]
