"""The state of one JetStream server between device steps: backlogs, slots, and who is where.

What decodes is a `DecodingBatch`; here is what is JetStream's own: steps of constant length, one
prompt at a time in the hands of the prefill thread, prefilled requests that are parked behind full
slots, and slots whose request has ended but that compute one step more.
"""

from __future__ import annotations

from collections import deque
from math import inf

from scalecert.engines.costs import StepCosts
from scalecert.engines.decoding import NEVER, SERIAL_BITS, TIE_SECONDS, Admitted
from scalecert.engines.frontend import Server
from scalecert.engines.jetstream.observations import Observations
from scalecert.engines.jetstream.pipeline_limits import PARKED, PipelineLimits
from scalecert.engines.request_log import RequestLog


class Pipeline(Server):
    """Waiting, parked and decoding requests of one server.

    Args:
        limits: its slots and lengths.
        costs: of a prefill and of a generate step.
        log: where tokens' times go.
        now: when the server starts.
    """

    __slots__ = (
        "alternate",
        "cold",
        "ending",
        "gone",
        "hand_free",
        "lag",
        "limits",
        "observed",
        "parked",
        "prefill_end",
        "prefilled_tokens",
        "prefilling",
        "prefills",
        "step_seconds",
    )  # fmt: skip

    def __init__(
        self, limits: PipelineLimits, costs: StepCosts, log: RequestLog, now: float, *, ordinal: int
    ) -> None:
        self.limits = limits
        super().__init__(costs, log, now, limits.slots, ordinal=ordinal, longest=limits.requests)
        self.lag = costs.arrival_seconds
        """From a request's arrival to the prefill backlog."""
        self.observed = Observations()
        self.cold = False
        """Whether nothing ran on the accelerators before the next prefill."""
        self.prefills = 0
        """Prefills completed."""
        self.prefilled_tokens = 0
        """Tokens of these, padding included."""
        self.forget()

    def price(self, costs: StepCosts, largest_batch: int) -> None:
        """Let prefills and generate steps cost so.

        Shapes are static: a generate step computes all slots and reads the whole decode state, so
        it takes as long however much of either is in use. Inferred from that, not measured.
        """
        super().price(costs, largest_batch)
        slots = self.limits.slots
        self.step_seconds = costs.decode_seconds(slots, slots * self.limits.max_target_length)

    def forget(self) -> None:
        """Drop all requests, as a process that is killed does."""
        self.forget_requests()
        self.observed.forget_parked()
        self.prefilling: Admitted | None = None
        """The request whose prompt is on the accelerators."""
        self.prefill_end = inf
        """When that ends."""
        self.parked: deque[Admitted] = deque()
        """Prefilled requests without a slot, in their order."""
        self.ending = 0
        """Slots whose request ended with the last step: the next was dispatched before that was
        read, so they are not free before it ends."""
        self.hand_free = -inf
        """Since when the prefill thread can take the next request, if it can."""
        self.gone: set[int] = set()
        """Ids of requests whose clients went away; nothing here looks at that."""
        self.alternate = False
        """Whether a generate step has to come before the next prefill: while no slot is free
        both threads have one piece of work at a time on the accelerators."""
        self.settle()
        self.anchor()

    def anchor(self) -> None:
        """Let steps of constant length follow from the last one's end."""
        self.linear, self.quadratic, self.bend = self.step_seconds, 0.0, NEVER

    @property
    def free(self) -> int:
        """Slots that the generate thread sees free."""
        return self.limits.slots - self.decoding - self.ending

    def backlog(self) -> int:
        """Return the length of the prefill backlog now, without what is in hands."""
        seen = self.now + TIE_SECONDS - self.lag
        length = 0
        for request in self.pending:
            if request[0] > seen:
                break
            length += 1
        return length - 1 if length and self.can_take() else length

    def parked_places(self) -> list[bool]:
        """Return which places of parked requests are taken, in the order of `PARKED`."""
        return [len(self.parked) > place for place in range(PARKED)]

    def generates(self) -> bool:
        """Tell whether a generate step follows if no prefill does."""
        return self.decoding + self.ending > 0

    def seen_seconds(self) -> float:
        """Return when the head of the prefill backlog came, or will; inf without one."""
        return self.pending[0][0] + self.lag if self.pending else inf

    def can_take(self) -> bool:
        """Tell whether the prefill thread's hands are free."""
        return self.prefilling is None and len(self.parked) < PARKED

    def prefill_seconds(self, input_tokens: int) -> float:
        """Return what a prefill takes."""
        bucket = self.limits.bucket(input_tokens)
        return self.costs.mixed_seconds(bucket, 0.5 * bucket * bucket, 1, 0, 0)

    def take(self, start: float) -> None:
        """Put the head of the prefill backlog on the accelerators, which are free at `start`."""
        arrival, ident, inputs, outputs = self.pending.popleft()
        dequeued = max(arrival + self.lag, self.hand_free)
        self.prefilling = (arrival, ident, inputs, outputs, dequeued)
        seconds = self.prefill_seconds(inputs)
        if self.cold:
            self.cold = False
            seconds = self.costs.after_idle(seconds)
        self.prefill_end = start + seconds

    def complete_prefill(self) -> None:
        """Send the first token, and give the request a slot or park it.

        The first token leaves whether a slot is free or not.
        """
        request, self.prefilling = self.prefilling, None
        if request is None:
            return
        self.settle()
        self.end = self.anchor_seconds = self.prefill_end
        self.start, self.prefill_end = self.end, inf
        self.prefills += 1
        self.prefilled_tokens += self.limits.bucket(request[2])
        self.sample_first(request, self.end + self.delivery_seconds)
        self.observed.prefilled(request, self.end)
        if self.free > 0:
            self._insert(request, self.end)
        else:
            self.parked.append(request)
            self.alternate = True
        self.anchor()
        if len(self.parked) < PARKED:
            self.hand_free = self.end

    def complete_steps(self, steps: int, end: float) -> None:
        """Bring the batch to the step `steps` after the anchor, which ends at `end`.

        Nobody finishes before it, and no slot that is ending is freed before it but by its first.
        """
        self.step = self.anchor_step + steps
        self.end = end
        self.alternate = False
        finish = bool(self.finishes) and self.finishes[0] >> SERIAL_BITS == self.step
        if not (finish or self.ending):
            return
        self.settle()
        self.ending = 0
        before = self.decoding
        if finish:
            others = self.delivery_last * (before - 1)
            self.finish_due(end + self.delivery_seconds + others)
            self.ending = before - self.decoding
        while self.parked and self.free > 0:
            if len(self.parked) == PARKED:
                self.hand_free = end
            self._insert(self.parked.popleft(), end)
        self.anchor()

    def finish(self, serial: int, seconds: float) -> None:
        """Log that a request is complete at `seconds`, if only the server took notice of that."""
        ident = self.running[serial][1]
        super().finish(serial, seconds)
        if ident in self.gone:
            self.gone.remove(ident)
            self.log.abort([ident])

    def sent(self) -> dict[int, int]:
        """Return the output tokens so far of requests that have any, by id."""
        # An answer of one token is complete before that shows.
        tokens = {ident: max(count, 1) for ident, count in self.decoded()}
        return tokens | {request[1]: 1 for request in self.parked}

    def here(self) -> list[Admitted]:
        """Return the requests that were taken from the prefill backlog and are not complete."""
        in_hands = [] if self.prefilling is None else [self.prefilling]
        return [*self.running.values(), *self.parked, *in_hands]

    def _insert(self, request: Admitted, now: float) -> None:
        """Give a prefilled request a slot; between `settle` and `anchor`."""
        self.observed.inserted(request, request[0] + self.lag, now)
        # An answer of one token is complete, but that shows after a step only.
        tokens = min(request[2], request[2] + request[3] - 2)
        self.join(self.seat(request), request, tokens)
