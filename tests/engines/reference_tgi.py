"""A TGI server, backend v3, token by token: what the fast model must equal.

Written to be obviously right and for nothing else: it follows the router's loop line by line, every
step visits every request, every token and every block is counted, and time is a running sum. It
shares the limits and the step costs with the model, none of its code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, floor, inf

from scalecert.engines.costs import StepCosts
from scalecert.engines.tgi.scheduler_limits import SchedulerLimits

TIE = 1e-9
NEVER = float("nan")


@dataclass(eq=False)
class Request:
    """One request; `prompt` and `room` are those of its segment."""

    arrival: float
    inputs: int
    outputs: int
    prompt: int = 0
    room: int = 0
    computed: int = 0
    chunk: int = 0
    emitted: int = 0
    in_segment: int = 0
    blocks: int = 0
    scheduled: float = NEVER
    first: float = NEVER
    last: float = NEVER
    refused: bool = False
    visible: float = NEVER
    gone: float = inf
    aborted: bool = False
    sent: list[float] = field(default_factory=list)

    def begin_segment(self, longest: int) -> None:
        self.prompt = self.inputs + self.emitted
        self.room = min(self.outputs, longest)
        self.computed = self.in_segment = 0

    def is_prefilling(self) -> bool:
        return self.computed < self.prompt


@dataclass
class Shown:
    """What the metrics show from a time on."""

    end: float
    running: int
    blocks: int


@dataclass
class Reference:
    """The server; `run` serves all requests and fills `ends` and `gauges`."""

    limits: SchedulerLimits
    costs: StepCosts
    requests: list[Request]
    ends: list[float] = field(default_factory=list)
    gauges: list[Shown] = field(default_factory=list)
    joined: list[int] = field(default_factory=list)
    dropped: int = 0

    def __post_init__(self) -> None:
        self.to_come = list(self.requests)
        free = -inf
        for request in self.requests:
            taken = max(request.arrival, free)
            request.visible = taken + self.costs.arrival_seconds
            free = taken + self.costs.arrival_request_seconds
        self.between: list[Request] = []
        self.queue: list[Request] = []
        self.batch: list[Request] = []
        self.clock = 0.0
        self.idle = True

    def run(self) -> Reference:
        while self.to_come or self.between or self.queue:
            if not self.queue:
                coming = min(request.visible for request in self.to_come + self.between)
                if coming - TIE > self.clock:
                    self.idle, self.clock = True, coming
                self.see(self.clock + TIE)
                if not self.queue:
                    continue
            most = self.limits.max_batch_size or None
            new = self.next_batch(None, most, self.limits.max_batch_prefill_tokens)
            if not new:
                continue
            self.batch = new
            self.step(new)
            self.loop()
            self.gauges.append(Shown(self.clock, 0, 0))
        return self

    def loop(self) -> None:
        """Serve a batch until it is empty."""
        waited = 1
        while self.batch:
            used = sum(request.blocks for request in self.batch)
            self.gauges.append(Shown(self.clock, len(self.batch), used))
            chunking, size = self.limits.chunking, len(self.batch)
            least = most = None
            budget = self.limits.max_batch_prefill_tokens
            if chunking:
                budget -= sum(one.chunk if one.is_prefilling() else 1 for one in self.batch)
            else:
                if waited < self.limits.max_waiting_tokens:
                    least = floor(size * self.limits.waiting_served_ratio)
                if self.limits.max_batch_size:
                    most = max(self.limits.max_batch_size - size, 0)
            if new := self.next_batch(least, most, budget):
                self.batch += new
                self.step(self.batch if chunking else new)
                waited = 1
                if not self.batch:
                    return
            self.step(self.batch)
            waited += 1

    def next_batch(  # noqa: C901, PLR0912 - the source's own loop
        self, least: int | None, most: int | None, budget: int
    ) -> list[Request]:
        size = self.limits.block_size
        if budget <= 0 or most == 0:
            return []
        budget = ceil(budget / size) * size
        free = self.limits.max_batch_total_tokens // size - 1
        free -= sum(request.blocks for request in self.batch)
        new: list[Request] = []
        for request in list(self.queue):
            if request.gone <= self.clock + TIE:
                self.queue.remove(request)
                self.drop(request)
                continue
            request.begin_segment(self.limits.segment_tokens)
            room = min(request.room, self.limits.longest_request - request.prompt)
            needed = ceil((request.prompt + room - 1) / size)
            if needed > free:
                break
            spent = sum(other.chunk for other in new)
            request.chunk = request.prompt
            if spent + request.prompt > budget:
                if (new and not self.limits.chunking) or spent == budget:
                    break
                if self.limits.chunking:
                    request.chunk = budget - spent
            request.blocks = needed
            free -= needed
            new.append(request)
            if spent + request.prompt > budget or len(new) == most:
                break
        if least is not None and len(new) < least:
            for request in new:
                request.blocks = 0
            return []
        for request in new:
            self.queue.remove(request)
            if request.scheduled != request.scheduled:
                request.scheduled = self.clock
        if new:
            self.joined.append(len(new))
        return new

    def step(self, requests: list[Request]) -> None:
        """Compute one step of some requests of the batch, and let who is done leave."""
        requests = list(requests)
        seconds = self.seconds(requests)
        self.clock += self.costs.after_idle(seconds) if self.idle else seconds
        self.idle = False
        self.see(self.clock - TIE)
        self.ends.append(self.clock)
        others = len(requests) - 1
        first = self.clock + self.costs.delivery_seconds
        last = first + self.costs.delivery_request_seconds * others / 2
        first += self.costs.delivery_request_seconds * others
        for request in requests:
            request.computed += request.chunk if request.is_prefilling() else 1
            if not request.is_prefilling():
                self.emit(request, first, last)
        self.plan(requests)
        self.see(self.clock + TIE)

    def drop(self, request: Request) -> None:
        """Find that a request's client is gone."""
        self.dropped += 1
        request.aborted = True
        request.blocks = 0

    def emit(self, request: Request, first: float, last: float) -> None:
        if request.gone < self.clock - TIE:
            self.drop(request)
            self.batch.remove(request)
            return
        request.emitted += 1
        request.sent.append(self.clock)
        request.in_segment += 1
        if request.emitted == 1:
            request.first = first
        if request.emitted == request.outputs:
            request.last = max(request.first, last)
        elif request.in_segment == request.room:
            request.visible = self.clock + self.costs.arrival_seconds
            self.between.append(request)
        else:
            return
        request.blocks = 0
        self.batch.remove(request)

    def plan(self, requests: list[Request]) -> None:
        budget = self.limits.max_batch_prefill_tokens - (len(requests) - 1)
        for request in reversed(requests):
            if request in self.batch and request.is_prefilling():
                request.chunk = max(min(request.prompt - request.computed, budget), 1)
                budget -= request.chunk

    def seconds(self, requests: list[Request]) -> float:
        prompts = [request for request in requests if request.is_prefilling()]
        decodes = [request for request in requests if not request.is_prefilling()]
        context = sum(request.computed for request in decodes)
        if prompts:
            return self.costs.mixed_seconds(
                sum(request.chunk for request in prompts),
                sum(one.chunk * (one.computed + one.chunk / 2) for one in prompts),
                len(prompts),
                len(decodes),
                context,
            )
        seconds = self.costs.decode_seconds(len(decodes), context)
        if len(decodes) <= self.limits.largest_graph:
            return seconds
        launch = self.costs.eager_floor_seconds + self.costs.floor_request_seconds * len(decodes)
        return max(seconds, launch)

    def see(self, until: float) -> None:
        """Let the router queue or refuse what comes up to `until`."""
        while True:
            coming = [one for one in self.between + self.to_come if one.visible <= until]
            if not coming:
                return
            request = min(coming, key=lambda one: one.visible)
            if request.gone + TIE < request.visible:
                # While the router prepares it: its handler is gone, and nobody else knows of it.
                (self.between if request in self.between else self.to_come).remove(request)
                request.aborted = True
                continue
            if request in self.between:
                self.between.remove(request)
                self.queue.append(request)
                continue
            self.to_come.remove(request)
            everyone = self.batch + self.queue + self.between
            here = sum(not one.gone + TIE < request.visible for one in everyone)
            request.refused = here >= self.limits.max_concurrent_requests
            if not request.refused:
                self.queue.append(request)

    def waiting_at(self, now: float) -> int:
        """Return the requests in the queue at a time, first segments only."""
        return sum(
            one.visible <= now + TIE and not one.refused and not one.scheduled <= now - TIE
            for one in self.requests
        )
