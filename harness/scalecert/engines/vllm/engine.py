"""The vLLM server model: requests in, token times out, taking many decoding steps at once.

A step ends; its tokens go out and finished requests leave; the metrics are written; the scheduler
sees what has arrived and composes. Without asynchronous scheduling that composes the next step.
With it, the default since 0.14, the next step begins at once, composed one step before, and the
composition is for the step after it: an arrival waits for one whole step more, and what a
finished request held is free one step later (measured: fixtures/golden/vllm-h200, steps_*.csv.gz,
where each row's t_sched is the t_res of two rows before).

Steps that only decode, and in whose time nothing arrives that could be admitted, are taken at
once (`Batch`); all others one at a time (`compose`). An arrival within a nanosecond of a step's
end is on it, and is seen by the composition made there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from scalecert.engines.base import Activity, Sample
from scalecert.engines.costs import StepCosts
from scalecert.engines.decoding import SERIAL_BITS, TIE_SECONDS
from scalecert.engines.history import PACK_AFTER, History
from scalecert.engines.request_log import RequestLog
from scalecert.engines.vllm.batch import Batch, Chunk
from scalecert.engines.vllm.cancellation import cancel
from scalecert.engines.vllm.composition import arrive, compose
from scalecert.engines.vllm.exposition import Exposition
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits


class VllmEngine(Batch):
    """One vLLM server process; implements `scalecert.engines.base.Engine`."""

    __slots__ = ("_exposition", "_history", "least_seconds")

    def __init__(
        self,
        limits: SchedulerLimits,
        costs: StepCosts,
        log: RequestLog,
        *,
        ordinal: int,
        now: float,
        model_name: str = "",
    ) -> None:
        super().__init__(limits, costs, log, now, ordinal=ordinal)
        self._history = History()
        self._exposition = Exposition(self, self._history, model_name)
        self.least_seconds = costs.weights_seconds + costs.overhead_seconds
        """No step is shorter."""

    def advance(self, until_seconds: float) -> None:
        """Run to `until_seconds` (inclusive) and log every token whose step has ended by then."""
        # A composition at `until` waits for what may yet be offered with that arrival.
        settled = until_seconds - 2 * TIE_SECONDS
        limit = until_seconds + TIE_SECONDS
        while self.end <= settled:
            if not self.running and not self._wake(settled):
                break
            if self.prefills or self.partial or self.composed:
                going = self._take_step(limit)
            else:
                going = self._take_steps(limit)
            if not going:
                break
        if self.limited:
            arrive(self, limit)
        if len(self.finished) > PACK_AFTER:
            self._history.take(self.finished)
            self.forget_arrivals()
        self.now = until_seconds

    def outstanding(self) -> int:
        """Return the number of requests that were offered, have arrived and are not finished."""
        known = len(self.running) + len(self.waiting) + len(self.pending)
        return known - self.coming()

    def next_finish_seconds(self) -> float:
        """Return a time before which no request finishes; inf if none is here.

        It is when the next one finishes if no other arrived, while all requests decode. While
        prompts are computed, requests wait or the CPU's floor holds it is an earlier time, after
        `now`.
        """
        soonest = self._next_step_seconds()
        if not self.running or self.prefills or self.partial or self.waiting:
            return soonest
        steps = (self.finishes[0] >> SERIAL_BITS) - self.anchor_step
        if self.context + (steps + self.slack) * self.decoding > self.kv_tokens:
            return soonest
        finish = self.end_after(steps)
        if self.pending:
            coming_seconds = self.pending[0][0] + self.lag + self.least_seconds
            finish = min(finish, max(soonest, coming_seconds))
        return finish

    def next_event_seconds(self) -> float:
        """Return when a client may next see something if no other request comes."""
        step = self._next_step_seconds()
        if self.limited and self.pending:
            return min(step, self.pending[0][0] + self.lag + TIE_SECONDS)
        return step

    def _next_step_seconds(self) -> float:
        """Return a time by which no further step ends; inf if nothing is here."""
        if not self.running:
            if not (self.waiting or self.pending):
                return inf
            first = self.waiting[0] if self.waiting else self.pending[0]
            return max(self.end, first[0] + self.lag) + self.least_seconds
        known = self.ahead or self.composed or self.now > self.end + 2 * TIE_SECONDS
        return self._next_end() if known else self.end + self.least_seconds

    def progress(self) -> dict[int, int]:
        """Return the output tokens sent so far, by id, of unfinished requests that have any."""
        return {ident: tokens for ident, tokens in self.sent() if tokens}

    def cancel(self, ids: Iterable[int]) -> None:
        """Let requests leave whose clients went away, with the step in flight at the latest."""
        cancel(self, set(ids))
        if self.prefills and not self.running:
            self._end_step_for_nobody()

    def _end_step_for_nobody(self) -> None:
        """Keep the server busy up to the end of a step in flight whose requests have left."""
        self.end = self._next_end()
        self.step += 1
        self.prefills, self.snapshot = [], None
        self.composed = self.cold = self.disturbed = False
        self.settle()
        self.anchor()

    def forget_finished(self) -> None:
        """Take what finished into the metrics for good: the log is not read for it any more."""
        self._exposition.forget_finished()
        self.forget_arrivals()

    def abort(self) -> list[int]:
        """Drop every unfinished request (SIGKILL); return their ids, logged as ABORTED."""
        lost = [request[1] for request in self.running.values()]
        lost += [request[1] for request in self.waiting]
        lost += [request[1] for request in self.pending]
        self.log.abort(lost)
        self.end = self.now if self.running else self.end
        self.forget()
        return lost

    def samples(self, names: Sequence[str]) -> dict[str, list[Sample]]:
        """Return the current samples of the metric families `names`, as `/metrics` shows them."""
        return self._exposition.samples(names)

    def activity(self) -> Activity:
        """Return what the server has done since its start, up to `now`."""
        until = self.now if self.running else min(self.now, self.end)
        return Activity(
            busy_seconds=until - self.started - self.idle_seconds,
            steps=self.step,
            computed_tokens=self._exposition.computed_tokens(),
            context_read_tokens=self.context_read_now(),
            held_tokens=self.held_blocks() * self.limits.block_size,
        )

    def _wake(self, settled: float) -> bool:
        """Start an empty server's next step with whoever comes first, if that is by `settled`."""
        while queue := self.waiting or self.pending:
            visible = queue[0][0] + self.lag
            idle = visible > self.end or not self.step
            start = visible + TIE_SECONDS if visible > self.end else self.end
            if start > settled:
                return False
            self.remember()
            self.blocked = False
            self.idle_until(start)
            self.prefills = compose(self, start, start)
            if self.prefills:
                self.cold = idle
                self.composed = not self.ahead
                return True
        return False

    def _take_steps(self, limit: float) -> bool:
        """Take the steps up to the next finish or visible arrival; False if one ends after `limit`.

        Nobody prefills in them, so each composition only lets every request grow by one token. At
        the bend of the closed form they end, too.
        """
        arrival = inf if self.blocked or not self.pending else self.pending[0][0] + self.lag
        if arrival <= self.end or (self.waiting and not self.blocked):
            return self._take_step(limit)
        change = self.finishes[0] >> SERIAL_BITS
        if change > self.bend:  # noqa: PLR1730 - calling min is dear in the hot loop
            change = self.bend
        steps = change - self.anchor_step
        if self.context + (steps + self.slack) * self.decoding > self.kv_tokens:
            steps = self._steps_that_fit(steps)
            if steps <= self.step - self.anchor_step:
                return self._take_step(limit)
        end = self.anchor_seconds + steps * (self.linear + steps * self.quadratic)
        goal = arrival if arrival < limit else limit - 2 * TIE_SECONDS
        if end >= goal:
            steps = self.steps_to(goal)
            end = self.anchor_seconds + steps * (self.linear + steps * self.quadratic)
            if end > limit:
                self.step = self.anchor_step + steps - 1
                self.end = self.end_after(steps - 1)
                return False
        if self.limited:
            arrive(self, end - 2 * TIE_SECONDS)
        self.step = self.anchor_step + steps
        self.end = end
        if change == self.step:
            self.settle()
            self.finish_due(end + self.delivery_seconds + self.delivery_last * (self.decoding - 1))
            self.anchor()
        elif arrival <= end < limit - 3 * TIE_SECONDS:
            return self._take_step(limit)
        return True

    def _steps_that_fit(self, steps: int) -> int:
        """Return up to which step after the anchor, at most `steps`, the KV cache suffices."""
        free = self.kv.usable - self.held_blocks()
        taken = self.step - self.anchor_step
        return taken + self.kv.steps_until(
            free, self.step + self.ahead, self.decoding, steps - taken
        )

    def _take_step(self, limit: float) -> bool:
        """Compose, and complete the step that follows; False if it ends after `limit`."""
        if not self.ahead and not self.composed:
            self.prefills = compose(self, 0.0, 0.0)
            self.composed = True
        if self.prefills:
            end = self._next_end()
        else:
            end = self.end_after(self.step - self.anchor_step + 1)
        if end > limit:
            return False
        if self.limited:
            arrive(self, end - 2 * TIE_SECONDS)
        others = self.decoding + len(self.prefills) - 1
        first = end + self.delivery_seconds + self.delivery_first * others
        last = end + self.delivery_seconds + self.delivery_last * others
        composed = compose(self, first, last) if self.ahead else []
        prefills, self.prefills = self.prefills, composed
        self.composed = False
        self.step += 1
        self.end = end
        self.snapshot = None
        changes = prefills or self.disturbed or self.finishes[0] >> SERIAL_BITS == self.step
        if changes or self.step == self.bend:
            self._change_batch(prefills, first, last)
        return True

    def _next_end(self) -> float:
        """Return when the next step ends, which must be composed."""
        if not self.prefills:
            return self.end_after(self.step - self.anchor_step + 1)
        decoding, context = self.decoding, self.context_now()
        total = chunks = 0
        attention = 0.0
        for _, request, tokens, before, _ in self.prefills:
            if tokens == 1 and before >= request[2]:
                # The last token of a preempted request's recomputation is a decoding step.
                decoding += 1
                context += before
            else:
                chunks += 1
                total += tokens
                attention += tokens * (before + 0.5 * tokens)
        if chunks:
            seconds = self.costs.mixed_seconds(total, attention, chunks, decoding, context)
        else:
            seconds = self.costs.decode_seconds(decoding, context)
        return self.end + (self.costs.after_idle(seconds) if self.cold else seconds)

    def _change_batch(self, prefills: list[Chunk], first: float, last: float) -> None:
        """Let requests finish and join after a step with the prompt chunks `prefills`."""
        self.disturbed = False
        self.settle()
        decoding, prompts = self.decoding, self.counts.computed_prompt_tokens
        if self.finishes and self.finishes[0] >> SERIAL_BITS == self.step:
            self.finish_due(last)
        if prefills:
            self.cold = False
        for serial, request, tokens, before, samples in prefills:
            if samples:
                self.complete_prompt(request, first)
                computed = before + tokens
                if computed < request[2] + request[3] - 1:
                    self.join(serial, request, computed)
                    self.kv.join(computed, self.step)
                else:
                    self.finish(serial, last)
                    self.kv.sharers.discard(serial)
                    self.blocked = False
        if prefills:
            first_tokens = sum(chunk[4] for chunk in prefills)
            prompts = self.counts.computed_prompt_tokens - prompts
            self.count_mixed_step(decoding, first_tokens + prompts)
        self.anchor()
