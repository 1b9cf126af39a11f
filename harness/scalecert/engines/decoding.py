"""Requests of one server that decode together, many steps at once: what every engine steps with.

Decoding requests are not visited step by step. What is kept of them is their number, the sum of
their contexts, and a heap of the steps in which they finish. Between two changes of the batch the
end of every step follows from an anchor in closed form: with B requests and C tokens of context at
the anchor, step m after it ends at

    anchor + m * fixed(B) + per_context(B) * (C * m + B * m * (m - 1) / 2)
           = anchor + m * (linear + m * quadratic)

Where the CPU's floor is longer than such a step, steps take the floor until the context has grown
so far (the bend), and the anchor moves there.

Anchors move with the batch only, never with the times that someone looks: that is why looking
changes no result, not even in the last bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from math import ceil, inf, isnan, sqrt

from scalecert.engines.costs import StepCosts
from scalecert.engines.request_log import RequestLog, Status

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

_OK = int(Status.OK)
_ABORTED = int(Status.ABORTED)


class DecodingBatch:
    """The running requests of one server at the end of its last step.

    Args:
        costs: of its steps.
        log: where their tokens' times go.
        now: when the server starts.
        largest_batch: how many requests can decode at once.
    """

    __slots__ = (
        "anchor_seconds",
        "anchor_step",
        "arrived",
        "bend",
        "cancelled",
        "context",
        "context_read",
        "costs",
        "cut_tokens",
        "decoding",
        "delivery_first",
        "delivery_last",
        "delivery_seconds",
        "end",
        "finished",
        "finishes",
        "fixed_seconds",
        "floors",
        "frontend_free",
        "idle_seconds",
        "linear",
        "log",
        "next_serial",
        "now",
        "pending",
        "per_context",
        "quadratic",
        "running",
        "start",
        "started",
        "step",
        "steps_by_decoding",
        "unsent",
        "usual_costs",
    )  # fmt: skip

    def __init__(self, costs: StepCosts, log: RequestLog, now: float, largest_batch: int) -> None:
        self.usual_costs = costs
        self.log = log
        self.price(costs, largest_batch)
        self.delivery_seconds = costs.delivery_seconds
        # What another request of the step adds to that, for a first token and for a last one,
        # which is in the middle of the step's tokens on average.
        each = costs.delivery_request_seconds
        self.delivery_first, self.delivery_last = each, each / 2

        self.now = now
        """Up to when the server has been run."""
        self.step = 0
        """Steps completed."""
        self.end = now
        """When the last of them ended, or when an idle server woke."""
        self.start = now
        """When the step that ended at the anchor began."""
        self.started = now
        """When the server came up."""
        self.idle_seconds = 0.0
        """Without a step since then, up to `end`."""
        self.anchor_step = 0
        self.anchor_seconds = now
        self.linear = self.quadratic = 0.0
        self.bend = NEVER
        """Step after which the closed form holds no longer."""
        self.steps_by_decoding = [0] * len(self.floors)
        """Steps by the anchor, by the number of requests that decoded in them."""
        self.context_read = 0
        """Tokens of context that decoding requests had read by the anchor, over all steps."""
        self.finished: list[Admitted] = []
        """Requests that finished since someone took them."""
        self.next_serial = 0
        self.cut_tokens = 0
        """Output tokens sent to clients who went away before the end."""
        self.unsent = 0
        """Output tokens that were made for clients who had gone."""
        self.forget_requests()

    def forget_requests(self) -> None:
        """Drop all requests, as a process that is killed does; `settle`, `anchor` must follow."""
        self.pending: deque[Request] = deque()
        """Offered, not yet seen by the server; by arrival."""
        self.arrived: dict[int, float] = {}
        """When requests came, by id, that the API server was too busy for then."""
        self.frontend_free = -inf
        """When the API server can take the next request."""
        self.running: dict[int, Admitted] = {}
        """By serial, in the order of admission."""
        self.decoding = 0
        """Requests that decode in the next step."""
        self.context = 0
        """Sum of their computed tokens at the anchor."""
        self.finishes: list[int] = []
        """Heap of the steps in which they finish, with their serials."""
        self.cancelled: set[int] = set()
        """Ids of requests that finish only because their clients went away."""

    def price(self, costs: StepCosts, largest_batch: int) -> None:
        """Let steps of up to so many requests cost so."""
        self.costs = costs
        self.fixed_seconds, self.per_context = costs.decode_tables(largest_batch)
        self.floors = costs.decode_floors(largest_batch)

    def slow_down(self, times: float) -> None:
        """Let steps take so many times as long as usual, from the one in flight on."""
        self.settle()
        self.price(self.usual_costs.slowed(times), len(self.floors) - 1)
        self.anchor()

    def end_after(self, steps: int) -> float:
        """Return when the step `steps` after the anchor ends if the batch only decodes."""
        return self.anchor_seconds + steps * (self.linear + steps * self.quadratic)

    def steps_to(self, goal: float) -> int:
        """Return the first step after the anchor that ends at `goal` or later.

        The root is good to far less than one step; the step's end itself decides.
        """
        wait, linear = goal - self.anchor_seconds, self.linear
        root = sqrt(linear * linear + 4.0 * self.quadratic * wait)
        steps = int(2.0 * wait / (linear + root))
        return steps if self.end_after(steps) >= goal else steps + 1

    def context_now(self) -> int:
        """Return the sum of the decoding requests' computed tokens at the last step's end."""
        return self.context + (self.step - self.anchor_step) * self.decoding

    def context_read_now(self) -> int:
        """Return the tokens of context that decoding requests have read, over all steps."""
        steps = self.step - self.anchor_step
        read = steps * self.context + self.decoding * (steps * (steps - 1) // 2)
        return self.context_read + read

    def last_start(self) -> float:
        """Return when the last completed step began."""
        steps = self.step - self.anchor_step
        return self.end_after(steps - 1) if steps else self.start

    def idle_until(self, start: float) -> None:
        """Let the next step of a server that is idle begin at `start`, no earlier than `end`."""
        self.idle_seconds += start - self.end
        self.end = start
        self.settle()
        self.anchor()

    def settle(self) -> None:
        """Bring `context` and `start` to the last step's end; `anchor` must follow."""
        steps = self.step - self.anchor_step
        if steps:
            before = steps - 1
            decoding, context = self.decoding, self.context
            self.start = self.anchor_seconds + before * (self.linear + before * self.quadratic)
            self.context_read += steps * context + decoding * (steps * before // 2)
            self.steps_by_decoding[decoding] += steps
            self.context = context + steps * decoding
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

    def seat(self, request: Admitted) -> int:
        """Let a request run; return its serial."""
        serial = self.next_serial
        self.next_serial = serial + 1
        self.running[serial] = request
        return serial

    def join(self, serial: int, request: Admitted, tokens: int) -> None:
        """Let a request decode from the next step on; it has computed `tokens` so far.

        Between `settle` and `anchor`.
        """
        finish = self.step + request[2] + request[3] - 1 - tokens
        heappush(self.finishes, finish << SERIAL_BITS | serial)
        self.decoding += 1
        self.context += tokens

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
        return tokens

    def sample_first(self, request: Admitted, seconds: float) -> bool:
        """Log the first token of a request that has computed its prompt; False if it had one."""
        logged = self.log.first_token_seconds
        ident = request[1]
        if isnan(logged[ident]):
            logged[ident] = seconds
            return True
        return False

    def finish(self, serial: int, seconds: float) -> None:
        """Log that a request, already out of the batch, sent its last token at `seconds`."""
        request = self.running.pop(serial)
        ident = request[1]
        log = self.log
        if ident in self.cancelled:
            self.cut_at_end(request)
            return
        # The first token of a large step is written late; the next must not overtake it.
        first = log.first_token_seconds[ident]
        log.last_token_seconds[ident] = first if first > seconds else seconds  # noqa: FURB136 - hot
        log.scheduled_seconds[ident] = request[4]
        log.status[ident] = _OK
        self.finished.append(request)

    def finish_due(self, last: float) -> None:
        """Finish the decoding requests whose last token the step just completed computed.

        Between `settle` and `anchor`; their clients have it at `last`.
        """
        finishes, running = self.finishes, self.running
        step = self.step
        while finishes and finishes[0] >> SERIAL_BITS == step:
            serial = heappop(finishes) & SERIAL_MASK
            _, _, inputs, outputs, _ = running[serial]
            tokens = inputs + outputs - 1
            self.decoding -= 1
            self.context -= tokens
            self.released(serial, tokens)
            self.finish(serial, last)

    def decoded(self) -> Iterator[tuple[int, int]]:
        """Yield id and output tokens so far of every request that decodes."""
        step, running = self.step, self.running
        for entry in self.finishes:
            request = running[entry & SERIAL_MASK]
            yield request[1], request[3] - ((entry >> SERIAL_BITS) - step)

    def cut_short(self, serial: int) -> None:
        """Let a decoding request finish with the step in flight: its client went away."""
        entry = next(entry for entry in self.finishes if entry & SERIAL_MASK == serial)
        arrival, ident, inputs, outputs, scheduled = self.running[serial]
        left = (entry >> SERIAL_BITS) - self.step - 1
        self.running[serial] = arrival, ident, inputs, outputs - left, scheduled
        self.finishes.remove(entry)
        self.finishes.append((self.step + 1) << SERIAL_BITS | serial)
        heapify(self.finishes)
        self.cancelled.add(ident)

    def cut_at_end(self, request: Admitted) -> None:
        """Log that a request leaves whose last token is made, but for nobody."""
        self.unsent += 1
        self.cut(request, request[3] - 1)

    def cut(self, request: Request | Admitted, tokens: int) -> None:
        """Log that a request of which nothing is here any more left with its client.

        So many tokens of its answer were sent.
        """
        self.cancelled.discard(request[1])
        self.cut_tokens += tokens
        self.log.status[request[1]] = _ABORTED

    def released(self, serial: int, tokens: int) -> None:
        """Give back what a decoding request of so many computed tokens held; it finishes now."""
