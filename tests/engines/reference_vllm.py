"""A vLLM V1 server, token by token: what the fast model must equal.

Written to be obviously right and for nothing else: every step visits every request, every token
and every block is counted, and time is a running sum. It shares the limits and the step costs
with the model, none of its code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from scalecert.engines.costs import StepCosts
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits

TIE = 1e-9
NEVER = float("nan")


@dataclass(eq=False)
class Request:
    """One request; `computed` counts tokens in flight as computed, as vLLM's scheduler does."""

    arrival: float
    inputs: int
    outputs: int
    computed: int = 0
    emitted: int = 0
    in_flight: int = 0
    own_blocks: int = 0
    shared_blocks: int = 0
    first: float = NEVER
    last: float = NEVER
    refused: bool = False
    visible: float = NEVER
    gone: float = inf
    leaving: bool = False
    aborted: bool = False
    sent: list[float] = field(default_factory=list)

    def tokens(self) -> int:
        """Tokens that exist or are being sampled."""
        return self.inputs + self.emitted + self.in_flight

    def is_last_token_on_its_way(self) -> bool:
        return self.emitted + self.in_flight >= self.outputs


@dataclass
class Part:
    """One request's part of one step."""

    request: Request
    tokens: int
    before: int
    samples: bool


@dataclass
class Shown:
    """What the metrics show from the end of a step on."""

    end: float
    running: int
    waiting: int
    blocks: int
    preemptions: int
    generated: int


@dataclass
class Reference:
    """The server; `run` serves all requests and fills `steps`."""

    limits: SchedulerLimits
    costs: StepCosts
    requests: list[Request]
    steps: list[Shown] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.to_come = list(self.requests)
        free = float("-inf")
        for request in self.requests:
            taken = max(request.arrival, free)
            request.visible = taken + self.costs.arrival_seconds
            free = taken + self.costs.arrival_request_seconds
        self.inbox: list[Request] = []
        self.waiting: list[Request] = []
        self.running: list[Request] = []
        self.preemptions = 0
        self.prefix_cached = False

    def run(self) -> Reference:
        clock = 0.0
        plan: list[Part] = []
        while True:
            cold = False
            if not plan:
                self.pass_to(clock + TIE)
                while not (self.inbox or self.waiting) and self.to_come:
                    clock = max(clock, self.to_come[0].visible)
                    self.pass_to(clock + TIE)
                if not (self.inbox or self.waiting):
                    return self
                plan = self.compose(clock + TIE)
                cold = not self.steps or clock > self.steps[-1].end
            seconds = self.seconds(plan)
            begin, clock = clock, clock + (self.costs.after_idle(seconds) if cold else seconds)
            self.pass_to(clock - TIE)
            # Composed when the step began, but for those who have left since; by whom it is
            # composed anew, if nobody is left of the step.
            composes = self.limits.async_scheduling and self.running
            ahead = self.compose(begin + TIE) if composes else []
            self.apply(plan, clock)
            self.show(clock)
            if self.limits.async_scheduling:
                self.see(clock + TIE)
                plan = ahead
            else:
                self.pass_to(clock + TIE)
                plan = self.compose(clock + TIE)

    def see(self, until: float) -> None:
        """Let the frontend take or refuse what arrives up to `until`."""
        while self.to_come and self.to_come[0].visible <= until:
            request = self.to_come.pop(0)
            if request.gone + TIE < request.visible:
                request.aborted = True
                continue
            here = self.running + self.waiting + self.inbox
            queued = sum(other.inputs for other in here if other.emitted == 0)
            most, most_tokens = self.limits.max_num_queued_reqs, self.limits.max_num_queued_tokens
            request.refused = 0 <= most <= len(here) or 0 <= most_tokens <= queued
            if not request.refused:
                self.inbox.append(request)

    def pass_to(self, until: float) -> None:
        """Let requests come, and clients go away, in the order of time."""
        for request in sorted(self.requests, key=lambda one: one.gone):
            if request.gone <= until:
                self.see(request.gone + TIE)
                self.leave(request)
        self.see(until)

    def leave(self, request: Request) -> None:
        """Let a request whose client is gone leave, at once if the step makes no token of it."""
        if request in self.running and request.in_flight:
            request.leaving = True
            request.outputs = request.emitted + 1
            return
        for line in (self.inbox, self.waiting, self.running):
            if request in line:
                line.remove(request)
                request.own_blocks = request.shared_blocks = 0
                request.aborted = True

    def compose(self, until: float) -> list[Part]:
        """Compose a step with those who came by `until`."""
        self.waiting += [request for request in self.inbox if request.visible <= until]
        self.inbox = [request for request in self.inbox if request.visible > until]
        budget = self.limits.max_num_batched_tokens
        threshold = self.limits.long_prefill_token_threshold or budget
        plan: list[Part] = []
        preempted = False
        index = 0
        while index < len(self.running) and budget > 0:
            request = self.running[index]
            if request.is_last_token_on_its_way():
                index += 1
                continue
            tokens = min(request.tokens() - request.computed, threshold, budget)
            while self.missing(request, request.computed + tokens) > self.free():
                victim = self.running.pop()
                self.preempt(victim)
                preempted = True
                if victim is request:
                    break
            else:
                budget -= tokens
                plan.append(self.schedule(request, tokens))
                index += 1
        if not preempted:
            self.admit(plan, budget, threshold)
        return plan

    def admit(self, plan: list[Part], budget: int, threshold: int) -> None:
        while self.waiting and budget > 0 and len(self.running) < self.limits.max_num_seqs:
            request = self.waiting[0]
            size = self.limits.shared_prefix_tokens // self.limits.block_size
            hit = size if self.prefix_cached and self.has_prefix(request) else 0
            request.shared_blocks = hit
            if self.missing(request, request.tokens()) > self.free_beside(request):
                request.shared_blocks = 0
                return
            self.waiting.pop(0)
            self.running.append(request)
            request.computed = hit * self.limits.block_size
            tokens = min(request.tokens() - request.computed, threshold, budget)
            budget -= tokens
            plan.append(self.schedule(request, tokens))

    def has_prefix(self, request: Request) -> bool:
        block = self.limits.block_size
        size = self.limits.shared_prefix_tokens // block * block
        return 0 < size < request.inputs

    def missing(self, request: Request, tokens: int) -> int:
        """Blocks of its own that a request still needs to hold so many tokens."""
        blocks = -(-tokens // self.limits.block_size)
        return blocks - request.shared_blocks - request.own_blocks

    def used(self) -> int:
        shared = max((request.shared_blocks for request in self.running), default=0)
        return sum(request.own_blocks for request in self.running) + shared

    def free(self) -> int:
        return self.limits.num_gpu_blocks - 1 - self.used()

    def free_beside(self, request: Request) -> int:
        """Free blocks for a waiting request, after taking hold of what it shares."""
        held = any(other.shared_blocks for other in self.running)
        return self.free() - (0 if held else request.shared_blocks)

    def schedule(self, request: Request, tokens: int) -> Part:
        before = request.computed
        request.own_blocks += self.missing(request, before + tokens)
        request.computed += tokens
        samples = request.computed == request.tokens()
        request.in_flight += samples
        size = self.limits.shared_prefix_tokens // self.limits.block_size
        scheduled = request.computed >= size * self.limits.block_size
        if self.has_prefix(request) and scheduled and not self.prefix_cached:
            self.prefix_cached = True
            request.own_blocks -= size
            request.shared_blocks = size
        return Part(request, tokens, before, samples)

    def preempt(self, request: Request) -> None:
        request.own_blocks = request.shared_blocks = request.computed = 0
        self.preemptions += 1
        self.waiting.insert(0, request)

    def seconds(self, plan: list[Part]) -> float:
        prompts = [part for part in plan if part.tokens > 1 or part.before < part.request.inputs]
        decodes = [part for part in plan if part not in prompts]
        context = sum(part.before for part in decodes)
        if not prompts:
            return self.costs.decode_seconds(len(decodes), context)
        return self.costs.mixed_seconds(
            sum(part.tokens for part in prompts),
            sum(part.tokens * (part.before + part.tokens / 2) for part in prompts),
            len(prompts),
            len(decodes),
            context,
        )

    def apply(self, plan: list[Part], end: float) -> None:
        others = self.costs.delivery_request_seconds * (len(plan) - 1)
        for part in plan:
            request = part.request
            if not part.samples:
                continue
            request.in_flight -= 1
            if request.leaving:
                request.aborted = True
                self.remove(request)
                continue
            request.emitted += 1
            request.sent.append(end)
            if request.emitted == 1:
                request.first = end + self.costs.delivery_seconds + others
            if request.emitted == request.outputs:
                last = end + self.costs.delivery_seconds + others / 2
                request.last = max(request.first, last)
                self.remove(request)

    def remove(self, request: Request) -> None:
        request.own_blocks = request.shared_blocks = 0
        (self.running if request in self.running else self.waiting).remove(request)

    def show(self, end: float) -> None:
        generated = sum(request.emitted for request in self.requests)
        self.steps.append(
            Shown(
                end,
                len(self.running),
                len(self.waiting),
                self.used(),
                self.preemptions,
                generated,
            )
        )
