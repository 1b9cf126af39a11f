"""The JetStream server model: requests in, token times out, taking many generate steps at once.

Prefill and decode interleave on the same accelerators (MaxText's MaxtextInterleavedServer, and all
of PyTorch's servers). Whenever these become free:

1. While slots are free, prompts go first, one at a time, and decoding pauses until all slots are
   taken or nobody waits. Each goes into its slot right after its prefill. (For the last of those
   that wait the real threads race: its prefill may come after one generate step.)
2. While no slot is free, the prefill thread goes on all the same, until its results have nowhere
   to go (`PARKED`): one prefill between two generate steps.
3. Else one generate step for all slots, if any is taken.

The first token leaves with the prefill, whoever has to wait for a slot then. A slot whose request
is complete computes one step more, because the next step is dispatched before the tokens of the
last are read; the queue of eight steps between generate and detokenize threads would allow more.

Nothing is refused for load: the prefill backlog has no bound. Prompts longer than
`max_prefill_predict_length` are cut to their last tokens by a real server, and answers longer than
the rest of `max_target_length` overwrite the beginning of what they read; neither is said to the
client. Here such requests are REJECTED, so that no certificate is about answers to half a prompt.

Outputs end by themselves, at the token that the workload says. Left out: disaggregated serving
(MaxText calls its own experimental, and what it needs is not public), chunked prefill, the prefix
cache, multi-sampling, LoRA.

A client that goes away changes nothing: its call is cancelled, but neither the threads nor the
slots ask for that (jetstream/core/orchestrator.py, main and 0.2.2: nothing reads
AsyncMultifuture.cancelled), so its request is served to the end, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from scalecert.engines.base import Activity, Sample
from scalecert.engines.costs import StepCosts
from scalecert.engines.decoding import NEVER, SERIAL_BITS, TIE_SECONDS
from scalecert.engines.history import PACK_AFTER, History
from scalecert.engines.jetstream.exposition import Exposition
from scalecert.engines.jetstream.pipeline import Pipeline
from scalecert.engines.jetstream.pipeline_limits import PipelineLimits
from scalecert.engines.request_log import RequestLog


class JetStreamEngine(Pipeline):
    """One JetStream server process; implements `scalecert.engines.base.Engine`."""

    __slots__ = ("_exposition", "_history")

    def __init__(
        self,
        limits: PipelineLimits,
        costs: StepCosts,
        log: RequestLog,
        *,
        ordinal: int,
        now: float,
        load_seconds: float = 0.0,
    ) -> None:
        super().__init__(limits, costs, log, now, ordinal=ordinal)
        self._history = History()
        self._exposition = Exposition(self, self._history, load_seconds)

    def advance(self, until_seconds: float) -> None:
        """Run to `until_seconds` (inclusive) and log every token that has been computed by then."""
        # What runs next at `until` waits for what may yet be offered with that arrival.
        settled = until_seconds - 2 * TIE_SECONDS
        limit = until_seconds + TIE_SECONDS
        going = True
        while going:
            if self.prefilling is not None:
                going = self.prefill_end <= limit
                if going:
                    self.complete_prefill()
            elif self.end > settled:
                going = False
            elif self._prefills_next():
                self.take(self.end)
            elif self.generates():
                going = self._take_steps(limit)
            else:
                going = self._wake(settled)
        if len(self.finished) > PACK_AFTER:
            self._history.take(self.finished)
            self.forget_arrivals()
        self.now = until_seconds

    def outstanding(self) -> int:
        """Return the number of requests that were offered, have arrived and are not finished."""
        inside = len(self.running) + len(self.parked) + (self.prefilling is not None)
        return inside + len(self.pending) - self.coming()

    def next_finish_seconds(self) -> float:
        """Return a time before which no request finishes; inf if none is here.

        It is when the next one finishes if no prompt comes between; prompts only delay it.
        """
        free_from = self.end if self.prefilling is None else self.prefill_end
        soonest = inf
        if self.finishes:
            last = self.finishes[0] >> SERIAL_BITS
            soonest = free_from + (last - self.step) * self.step_seconds
            if self.prefilling is None:
                soonest = self.end_after(last - self.anchor_step)
        if self.free + self.ending > 0:
            if self.prefilling is not None or self.parked:
                soonest = min(soonest, free_from + self.step_seconds)
            elif self.pending:
                begin = max(free_from, self.seen_seconds())
                soonest = min(soonest, begin + self.step_seconds)
        return soonest

    def next_event_seconds(self) -> float:
        """Return when a client may next see something if no other request comes."""
        if self.prefilling is not None:
            return self.prefill_end
        step = self.end_after(self.step - self.anchor_step + 1) if self.generates() else inf
        if not self.pending or (self.generates() and self.now > self.end + 2 * TIE_SECONDS):
            return step
        begin = max(self.end, self.seen_seconds())
        return min(step, begin + self.prefill_seconds(self.pending[0][2]))

    def progress(self) -> dict[int, int]:
        """Return the output tokens sent so far, by id, of unfinished requests that have any."""
        return self.sent()

    def cancel(self, ids: Iterable[int]) -> None:
        """Note which clients went away: their requests are served to the end, then ABORTED."""
        asked = set(ids)
        self.gone.update(asked & {request[1] for request in (*self.here(), *self.pending)})

    def forget_finished(self) -> None:
        """Take what finished into the metrics for good: the log is not read for it any more."""
        self._exposition.forget_finished()
        self.forget_arrivals()

    def abort(self) -> list[int]:
        """Drop every unfinished request (SIGKILL); return their ids, logged as ABORTED."""
        lost = [request[1] for request in self.here()]
        lost += [request[1] for request in self.pending]
        self.log.abort(lost)
        self.end = self.now if self._busy() else self.end
        self.forget()
        return lost

    def samples(self, names: Sequence[str]) -> dict[str, list[Sample]]:
        """Return the current samples of the metric families `names`, as `/metrics` shows them."""
        return self._exposition.samples(names)

    def activity(self) -> Activity:
        """Return what the server has done since its start, up to `now`."""
        until = self.now if self._busy() else self.end
        limits = self.limits
        parked = sum(request[2] for request in self.parked)
        return Activity(
            busy_seconds=until - self.started - self.idle_seconds,
            steps=self.step + self.prefills,
            computed_tokens=self.prefilled_tokens + self.step * limits.slots,
            context_read_tokens=self.step * limits.slots * limits.max_target_length,
            held_tokens=self.context_now() + parked,
        )

    def _busy(self) -> bool:
        """Tell whether something runs on the accelerators after the last completed step."""
        return self.prefilling is not None or self.generates()

    def _prefills_next(self) -> bool:
        """Tell whether a prompt goes first now that the accelerators are free."""
        return (
            self.seen_seconds() <= self.end + TIE_SECONDS
            and self.can_take()
            and not (self.alternate and self.generates())
        )

    def _take_steps(self, limit: float) -> bool:
        """Take the steps up to the next change; False if one ends after `limit`.

        A change is the end of a request, a slot that becomes free, or a prompt's turn.
        """
        taken = self.step - self.anchor_step
        if self.ending or not self.finishes:
            steps = taken + 1
        else:
            steps = (self.finishes[0] >> SERIAL_BITS) - self.anchor_step
            if self.can_take():
                steps = min(steps, self._steps_to_prompt(taken))
        end = self.end_after(steps)
        if end > limit:
            steps = self.steps_to(limit)
            steps -= self.end_after(steps) > limit
            if steps > taken:
                self.complete_steps(steps, self.end_after(steps))
            return False
        self.complete_steps(steps, end)
        return True

    def _steps_to_prompt(self, taken: int) -> int:
        """Return the step after the anchor at whose end a prompt has its turn, `taken` at least."""
        seen = self.seen_seconds()
        if seen <= self.end + TIE_SECONDS:
            return taken + 1
        return self.steps_to(seen - TIE_SECONDS) if seen < inf else NEVER

    def _wake(self, settled: float) -> bool:
        """Let an idle server take who comes first, if that is by `settled`."""
        start = self.seen_seconds()
        if not self.pending or start > settled:
            return False
        self.cold = True
        self.idle_until(start)
        self.take(start)
        return True
