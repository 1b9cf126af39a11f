"""The TGI server model: requests in, token times out, taking many decoding steps at once.

One task of the router does it all, in turn: it sets the gauges, looks at the queue, has the model
server compute one step, and hands out its tokens; nothing is scheduled ahead. Requests that join a
running batch do so in a step of their own (their prompts alone, or with chunked prefill beside one
token of every running request), and a decode step of all follows before the queue is looked at
again (backends/v3/src/backend.rs, batching_task).

Steps that only decode, and in whose time nothing arrives that could be admitted, are taken at
once (`Batch`); all others one at a time (`compose`). An arrival within a nanosecond of a step's
end is on it, and is seen by the look at the queue made there. Prompts are taken to be distinct, so
the prefix cache has none of them; what it keeps of finished ones is given up as room is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from scalecert.engines.base import Activity, Sample
from scalecert.engines.costs import StepCosts
from scalecert.engines.decoding import SERIAL_BITS, TIE_SECONDS
from scalecert.engines.history import PACK_AFTER, History
from scalecert.engines.request_log import RequestLog
from scalecert.engines.tgi.batch import Batch, Chunk
from scalecert.engines.tgi.cancellation import cancel
from scalecert.engines.tgi.composition import arrive, compose, plan_chunks
from scalecert.engines.tgi.exposition import Exposition
from scalecert.engines.tgi.scheduler_limits import SchedulerLimits


class TgiEngine(Batch):
    """One TGI server process; implements `scalecert.engines.base.Engine`."""

    __slots__ = ("_exposition", "_history", "least_seconds")

    def __init__(
        self,
        limits: SchedulerLimits,
        costs: StepCosts,
        log: RequestLog,
        *,
        ordinal: int,
        now: float,
    ) -> None:
        super().__init__(limits, costs, log, now, ordinal=ordinal)
        self._history = History()
        self._exposition = Exposition(self, self._history)
        self.least_seconds = costs.weights_seconds + costs.overhead_seconds
        """No step is shorter."""

    def advance(self, until_seconds: float) -> None:
        """Run to `until_seconds` (inclusive) and log every token whose step has ended by then."""
        # A look at the queue at `until` waits for what may yet be offered with that arrival.
        settled = until_seconds - 2 * TIE_SECONDS
        limit = until_seconds + TIE_SECONDS
        while self.end <= settled:
            if not self.running and not self._wake(settled):
                break
            if self.composed or self.partial:
                going = self._take_step(limit)
            else:
                going = self._take_steps(limit)
            if not going:
                break
        arrive(self, limit)
        if len(self.finished) > PACK_AFTER:
            self._history.take(self.finished)
            self._exposition.take_counts()
            self.forget_arrivals()
        self.now = until_seconds

    def outstanding(self) -> int:
        """Return the number of requests that were offered, have arrived and are not finished."""
        queued = len(self.waiting) + len(self.returning) + len(self.pending)
        return len(self.running) + queued - self.coming()

    def next_finish_seconds(self) -> float:
        """Return a time before which no request finishes; inf if none is here.

        It is when the next one finishes if no other arrived, while all requests decode. While
        prompts are computed, requests wait that could be admitted or the CPU's floor holds it is
        an earlier time, after `now`.
        """
        soonest = self._next_step_seconds()
        busy = not self.running or self.prefills or self.partial or self.returning
        if busy or (self.waiting and not self.blocked):
            return soonest
        finish = self.end_after((self.finishes[0] >> SERIAL_BITS) - self.anchor_step)
        if self.pending and not self.blocked:
            finish = min(finish, max(soonest, self.next_visible() + self.least_seconds))
        return finish

    def next_event_seconds(self) -> float:
        """Return when a client may next see something if no other request comes."""
        step = self._next_step_seconds()
        here = len(self.running) + len(self.waiting) + len(self.returning) + len(self.pending)
        if self.pending and here - len(self.cancelled) > self.limits.max_concurrent_requests:
            return min(step, self.pending[0][0] + self.lag + TIE_SECONDS)
        return step

    def _next_step_seconds(self) -> float:
        """Return a time by which no further step ends; inf if nothing is here."""
        if not self.running:
            return max(self.end, self.next_visible() + TIE_SECONDS) + self.least_seconds
        if self.composed:
            return self._next_end()
        if not self.partial and self._knows_next_step():
            return self.end_after(self.step - self.anchor_step + 1)
        return self.end + self.least_seconds

    def _knows_next_step(self) -> bool:
        """Tell whether nobody can join in the next step, which is not composed."""
        return not self.listening or self.now > self.end + 2 * TIE_SECONDS

    def progress(self) -> dict[int, int]:
        """Return the output tokens sent so far, by id, of unfinished requests that have any."""
        return self.sent()

    def cancel(self, ids: Iterable[int]) -> None:
        """Let requests leave whose clients went away, as the router finds out about them."""
        cancel(self, set(ids))

    def forget_finished(self) -> None:
        """Take what finished into the metrics for good: the log is not read for it any more."""
        self._exposition.forget_finished()
        self.forget_arrivals()

    def abort(self) -> list[int]:
        """Drop every unfinished request (SIGKILL); return their ids, logged as ABORTED."""
        lost = [request[1] for request in self.running.values()]
        for queue in (self.waiting, self.returning, self.pending):
            lost += [request[1] for request in queue]
        self.log.abort(lost)
        self.end = self.now if self.running else self.end
        self.forget()
        return lost

    def samples(self, names: Sequence[str]) -> dict[str, list[Sample]]:
        """Return the current samples of the metric families `names`, as `/metrics` shows them."""
        return self._exposition.samples(names)

    def activity(self) -> Activity:
        """Return what the server has done since its start, up to `now`."""
        chunks = sum(part.computed for part in self.partial.values())
        return Activity(
            busy_seconds=self.completed_seconds() + (self.now - self.end if self.running else 0.0),
            steps=self.step + (0 if self.limits.chunking else self.counts.prefill_steps),
            computed_tokens=self.counts.prompt_tokens + self.decoded_now(),
            context_read_tokens=self.context_read_now(),
            held_tokens=self.context_now() + chunks,
        )

    def _wake(self, settled: float) -> bool:
        """Start an empty server's next step with whoever comes first, if that is by `settled`."""
        while (visible := self.next_visible()) < inf:
            idle = visible > self.end or not self.counts.prefill_steps
            start = visible + TIE_SECONDS if visible > self.end else self.end
            if start > settled:
                return False
            self.idle_until(start)
            compose(self)
            # Whoever came may have been refused: requests between segments have permits, too.
            if self.prefills:
                self.cold = idle
                return True
            self.composed = False
        return False

    def _take_steps(self, limit: float) -> bool:
        """Take the steps up to the next finish or visible arrival; False if one ends after `limit`.

        Nobody joins in them; before the first the queue may not be looked at. At the bend of the
        closed form they end, too, and where the requests that wait have waited long enough.
        """
        if self.waiting and not (self.blocked or self.hesitant):
            return self._take_step(limit)
        change = self.finishes[0] >> SERIAL_BITS
        if change > self.bend:  # noqa: PLR1730 - calling min is dear in the hot loop
            change = self.bend
        last = min(change, self.patience_step) if self.hesitant else change
        arrival = inf if self.blocked else self._next_arrival()
        if last <= self.step or (arrival <= self.end and self.listening):
            return self._take_step(limit)
        if not self.listening:
            arrival = max(arrival, self.end_after(self.step + 1 - self.anchor_step))
        steps = last - self.anchor_step
        end = self.anchor_seconds + steps * (self.linear + steps * self.quadratic)
        goal = arrival if arrival < limit else limit - 2 * TIE_SECONDS
        if end >= goal:
            steps = self.steps_to(goal)
            end = self.anchor_seconds + steps * (self.linear + steps * self.quadratic)
            if end > limit:
                self._pass(steps - 1, self.end_after(steps - 1))
                return False
        if self.pending:
            arrive(self, end - 2 * TIE_SECONDS)
        self._pass(steps, end)
        if change == self.step:
            self._change_batch(self.decoding)
        elif arrival <= end < limit - 3 * TIE_SECONDS:
            return self._take_step(limit)
        return True

    def _pass(self, steps: int, end: float) -> None:
        """Let so many steps since the anchor be completed; the last one ends at `end`."""
        step = self.anchor_step + steps
        self.listening = self.listening or step > self.step
        self.step, self.end = step, end

    def _next_arrival(self) -> float:
        """Return when the next request that is still to come is in the queue."""
        arrival = self.pending[0][0] if self.pending else inf
        if self.returning and self.returning[0][0] < arrival:
            arrival = self.returning[0][0]
        return arrival + self.lag

    def _take_step(self, limit: float) -> bool:
        """Compose, and complete the step that follows; False if it ends after `limit`."""
        if not self.composed:
            compose(self)
        end = self._next_end()
        if end > limit:
            return False
        arrive(self, end - 2 * TIE_SECONDS)
        stalls = self.prefills and not self.limits.chunking
        sampling = len(self.prefills) + (0 if stalls else self.decoding)
        if self.admits:
            self.counts.prefill_steps += 1
            self.counts.prefill_seconds += end - self.end
        if not stalls:
            self.step += 1
        self.end = end
        self.composed = self.cold = self.admits = False
        self.listening, self.deaf = not self.deaf, False
        decoded = not stalls and self.finishes and self.finishes[0] >> SERIAL_BITS == self.step
        if self.prefills or decoded or self.step == self.bend:
            self._change_batch(sampling)
        return True

    def _next_end(self) -> float:
        """Return when the next step ends, which must be composed."""
        if not self.prefills:
            return self.end_after(self.step - self.anchor_step + 1)
        decoding = context = tokens = 0
        if self.limits.chunking:
            decoding, context = self.decoding, self.context_now()
        attention = 0.0
        for _, _, count, before, _ in self.prefills:
            tokens += count
            attention += count * (before + 0.5 * count)
        chunks = len(self.prefills)
        seconds = self.costs.mixed_seconds(tokens, attention, chunks, decoding, context)
        return self.end + (self.costs.after_idle(seconds) if self.cold else seconds)

    def _change_batch(self, sampling: int) -> None:
        """Let requests finish and join after a step that computed tokens of `sampling` requests."""
        size = len(self.running)
        others = sampling - 1
        first = self.end + self.delivery_seconds + self.delivery_first * others
        last = self.end + self.delivery_seconds + self.delivery_last * others
        self.counts.decoded_tokens += (self.step - self.anchor_step) * self.decoding
        self.settle()
        self.finish_due(last)
        if self.prefills:
            for chunk in self.prefills:
                self._compute_chunk(chunk, first, last)
            self.prefills = []
            self.patience_step = self.step + self.limits.max_waiting_tokens - 1
            if self.partial:
                plan_chunks(self, size)
        self.anchor()
        if not self.running:
            self.listening = True
            self.blocked = self.hesitant = False

    def _compute_chunk(self, chunk: Chunk, first: float, last: float) -> None:
        """Let a request go on whose prompt, or a chunk of it, was computed in the last step."""
        serial, request, tokens, before, samples = chunk
        self.counts.prompt_tokens += tokens
        if not samples:
            self.partial[serial].computed = before + tokens
            return
        if before:
            self.partial.pop(serial)
        self.counts.first_tokens += 1
        self.sample_first(request, first)
        if request[3] > 1:
            self.join(serial, request, request[2])
        else:
            self.released(serial, request[2])
            self.finish(serial, last)
