"""A JetStream server, step by step: what the fast model must equal.

Written to be obviously right and for nothing else: the backlogs are lists with their real names,
whatever moves is moved one place at a time, every slot is looked at in every step, and time is a
running sum. It shares the limits and the step costs with the model, none of its code.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scalecert.engines.costs import StepCosts
from scalecert.engines.jetstream.pipeline_limits import BUCKETS, PipelineLimits

TIE = 1e-9
NEVER = float("nan")


@dataclass(eq=False)
class Request:
    """One request; `emitted` counts the tokens that its client has."""

    arrival: float
    inputs: int
    outputs: int
    emitted: int = 0
    steps: int = 0
    visible: float = NEVER
    dequeued: float = NEVER
    prefilled: float = NEVER
    inserted: float = NEVER
    first: float = NEVER
    last: float = NEVER
    sent: list[float] = field(default_factory=list)


@dataclass
class Shown:
    """What the metrics show right after something has ended."""

    end: float
    backlog: int
    waiting: int
    used: int
    finished: int


@dataclass
class Slot:
    """One row of the decode state."""

    request: Request | None = None
    ending: bool = False
    """Its request is complete, but the step that was dispatched then still computes it."""


@dataclass
class Reference:
    """The server; `run` serves all requests and fills `shown`."""

    limits: PipelineLimits
    costs: StepCosts
    requests: list[Request]
    shown: list[Shown] = field(default_factory=list)
    prefills: int = 0
    steps: int = 0
    busy: float = 0.0

    def __post_init__(self) -> None:
        free = float("-inf")
        for request in self.requests:
            taken = max(request.arrival, free)
            request.visible = taken + self.costs.arrival_seconds
            free = taken + self.costs.arrival_request_seconds
        self.to_come = list(self.requests)
        self.prefill_backlog: list[Request] = []
        self.prefill_hands: list[Request] = []
        self.transfer_backlog: list[Request] = []
        self.transfer_hands: list[Request] = []
        self.generate_backlog: list[Request] = []
        self.slots = [Slot() for _ in range(self.limits.slots)]
        self.clock = 0.0
        full = self.limits.slots * self.limits.max_target_length
        self.step_seconds = self.costs.decode_seconds(self.limits.slots, full)
        self.hands_free_since = float("-inf")

    def run(self) -> Reference:
        stepped = True
        idle = True
        while True:
            self.see()
            taken = any(slot.request or slot.ending for slot in self.slots)
            todo = next((one for one in self.prefill_hands if one.first != one.first), None)
            if todo and (stepped or self.has_free_slot() or not taken):
                stepped = self.prefill(todo, cold=idle)
                idle = False
            elif taken:
                self.step()
                stepped = True
                idle = False
            elif self.to_come:
                self.clock = max(self.clock, self.to_come[0].visible)
                idle = True
            else:
                return self

    def see(self) -> None:
        """Let arrivals into the backlog, and the prefill thread take one if its hands are empty."""
        while self.to_come and self.to_come[0].visible <= self.clock + TIE:
            self.prefill_backlog.append(self.to_come.pop(0))
        if self.prefill_backlog and not self.prefill_hands:
            request = self.prefill_backlog.pop(0)
            request.dequeued = max(request.visible, self.hands_free_since)
            self.prefill_hands.append(request)

    def has_free_slot(self) -> bool:
        return any(not (slot.request or slot.ending) for slot in self.slots)

    def holds_slot(self) -> bool:
        """Tell whether the generate thread holds a free slot while it waits for a request."""
        decodes = any(slot.request or slot.ending for slot in self.slots)
        return self.has_free_slot() and (not decodes or len(self.prefill_backlog) > 0)

    def prefill(self, request: Request, *, cold: bool) -> bool:
        """Compute a prompt; return whether another may follow without a generate step."""
        bucket = next(size for size in BUCKETS if size >= request.inputs)
        seconds = self.costs.mixed_seconds(bucket, bucket * bucket / 2, 1, 0, 0)
        seconds = self.costs.after_idle(seconds) if cold else seconds
        self.clock += seconds
        self.busy += seconds
        self.prefills += 1
        request.prefilled = self.clock
        request.first = self.clock + self.costs.delivery_seconds
        request.emitted = 1
        request.sent.append(self.clock)
        had_free_slot = self.has_free_slot()
        self.move()
        self.show()
        return had_free_slot

    def step(self) -> None:
        """Compute all slots once."""
        self.clock += self.step_seconds
        self.busy += self.step_seconds
        self.steps += 1
        decoding = [slot for slot in self.slots if slot.request]
        for slot in self.slots:
            slot.ending = False
        late = self.costs.delivery_request_seconds * (len(decoding) - 1) / 2
        for slot in decoding:
            request = slot.request
            assert request is not None
            request.steps += 1
            if request.emitted < request.outputs:
                request.emitted += 1
                request.sent.append(self.clock)
            if request.steps == max(request.outputs - 1, 1):
                last = self.clock + self.costs.delivery_seconds + late
                request.last = max(request.first, last)
                slot.request, slot.ending = None, True
        self.move()
        self.show()

    def move(self) -> None:
        """Pass prefilled requests on as far as there is room."""
        moved = True
        while moved:
            moved = False
            free = [slot for slot in self.slots if not (slot.request or slot.ending)]
            if free and self.generate_backlog:
                free[0].request = self.generate_backlog.pop(0)
                free[0].request.inserted = self.clock
                moved = True
            if self.transfer_hands and not self.generate_backlog:
                self.generate_backlog.append(self.transfer_hands.pop())
                moved = True
            if self.transfer_backlog and not self.transfer_hands:
                self.transfer_hands.append(self.transfer_backlog.pop())
                moved = True
            done = self.prefill_hands and self.prefill_hands[0].first == self.prefill_hands[0].first
            if done and not self.transfer_backlog:
                self.transfer_backlog.append(self.prefill_hands.pop())
                self.hands_free_since = self.clock
                moved = True

    def show(self) -> None:
        self.see()
        backlog = len(self.prefill_backlog)
        self.shown.append(
            Shown(
                self.clock,
                backlog,
                backlog + len(self.transfer_backlog) + len(self.generate_backlog),
                sum(slot.request is not None for slot in self.slots) + self.holds_slot(),
                sum(request.last == request.last for request in self.requests),
            )
        )
