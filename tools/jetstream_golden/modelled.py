"""Run a script on the engine model, step times of its own, in virtual time."""

from __future__ import annotations

from jetstream_golden.record import BACKLOG, USED, Gauges, Record, Seen
from jetstream_golden.scripts import PROMPT, SLOTS, Moment, Script
from scalecert.engines.costs import StepCosts
from scalecert.engines.jetstream.engine import JetStreamEngine
from scalecert.engines.jetstream.pipeline_limits import PipelineLimits
from scalecert.engines.request_log import RequestLog, Status

STEP_SECONDS = 1.0
"""Of a generate step, and of a prefill."""
LOOK_SECONDS = STEP_SECONDS / 32
REST_STEPS = 16
LIMITS = PipelineLimits(slots=SLOTS, longest_prompt=128, max_target_length=1024)
COSTS = StepCosts(weights_seconds=STEP_SECONDS, token_seconds=0.0)


class Modelled:
    """One server of the model, which serves one script."""

    def __init__(self, script: Script) -> None:
        self._requests = script.requests
        self._log = RequestLog.of_size(len(script.requests))
        self._engine = JetStreamEngine(LIMITS, COSTS, self._log, ordinal=0, now=0.0)
        self._sent: list[float] = []
        self._given_up: set[int] = set()
        self._times: list[list[float]] = [[] for _ in script.requests]

    def run(self) -> Record:
        """Return what is seen of the script."""
        before = self._gauges()
        gauges = []
        rest = REST_STEPS * STEP_SECONDS
        while rest > 0:
            self._act()
            self._engine.advance(self._engine.now + LOOK_SECONDS)
            self._listen()
            gauges.append(self._gauges())
            rest -= LOOK_SECONDS if self._is_over() else 0.0
        seen = tuple(map(self._seen, range(len(self._requests))))
        return Record(STEP_SECONDS, (before, gauges[-1]), seen, tuple(gauges))

    def _act(self) -> None:
        """Send and give up what is due."""
        now = self._engine.now + LOOK_SECONDS / 2  # a client is not as fast as the next step
        while len(self._sent) < len(self._requests):
            ident = len(self._sent)
            sent = self._requests[ident]
            if not self._has_come(sent.at):
                break
            # The answer's messages: the prefill's, one a token, the empty one.
            self._engine.offer([ident], [now], [len(PROMPT) + 1], [sent.tokens + 2])
            self._sent.append(now)
        for ident, sent in enumerate(self._requests):
            if sent.given_up and ident not in self._given_up and self._has_come(sent.given_up):
                self._given_up.add(ident)
                self._engine.cancel([ident])

    def _has_come(self, moment: Moment | None) -> bool:
        return moment is None or len(self._times[moment.request]) > moment.messages

    def _listen(self) -> None:
        sent = self._engine.progress()
        for ident, times in enumerate(self._times):
            if self._log.status[ident] == Status.OK:
                messages = self._requests[ident].tokens + 2
            else:
                messages = sent.get(ident, 0)
            times.extend([self._engine.now] * (messages - len(times)))

    def _is_over(self) -> bool:
        return len(self._sent) == len(self._requests) and not self._engine.outstanding()

    def _gauges(self) -> Gauges:
        shown = self._engine.samples([BACKLOG, USED])
        return Gauges(self._engine.now, shown[BACKLOG][0].value, shown[USED][0].value)

    def _seen(self, ident: int) -> Seen:
        prefilled, *messages = self._times[ident]
        tokens = (*[1] * (len(messages) - 1), 0)
        given_up = ident in self._given_up
        ended = None if given_up else messages[-1]
        return Seen(self._sent[ident], prefilled, tuple(messages), tokens, ended)
