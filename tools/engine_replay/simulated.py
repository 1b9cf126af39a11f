"""One recorded phase through the engine model."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from engine_replay.recorded import Phase
from scalecert.engines.costs import StepCosts
from scalecert.engines.request_log import RequestLog
from scalecert.engines.vllm.engine import VllmEngine
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits

HORIZON_SECONDS = 3600.0
"""A phase that takes longer than this does not end."""


@dataclass(frozen=True)
class Simulated:
    """What the model made of a phase: requests in the order of sending, gauges as sampled."""

    sent_seconds: np.ndarray
    first_seconds: np.ndarray
    last_seconds: np.ndarray
    output_tokens: np.ndarray
    running: np.ndarray
    waiting: np.ndarray
    preemptions: int


class _Run:
    """An engine under way, sampled at the times at which the recording was."""

    def __init__(self, phase: Phase, limits: SchedulerLimits, costs: StepCosts, room: int) -> None:
        self.log = RequestLog.of_size(room)
        costs = costs.with_sequences(limits.max_num_seqs)
        self.engine = VllmEngine(limits, costs, self.log, ordinal=0, now=0.0)
        self.sample_times = phase.gauges.time_seconds
        self.samples: list[tuple[int, int]] = [(0, 0)] * int((self.sample_times <= 0).sum())

    def advance(self, until: float) -> None:
        """Advance, stopping at every sample time on the way."""
        while len(self.samples) < len(self.sample_times):
            at = float(self.sample_times[len(self.samples)])
            if at > until:
                break
            self.engine.advance(at)
            self.samples.append((len(self.engine.running), len(self.engine.waiting)))
        self.engine.advance(until)

    def result(self, sent: np.ndarray, output_tokens: np.ndarray) -> Simulated:
        """Return what has been logged of the first len(sent) requests."""
        count = len(sent)
        gauges = np.array(self.samples[: len(self.sample_times)], float).reshape(-1, 2)
        return Simulated(
            sent_seconds=sent,
            first_seconds=np.array(self.log.first_token_seconds[:count]),
            last_seconds=np.array(self.log.last_token_seconds[:count]),
            output_tokens=output_tokens,
            running=gauges[:, 0],
            waiting=gauges[:, 1],
            preemptions=self.engine.counts.preemptions,
        )


def simulate(phase: Phase, limits: SchedulerLimits, costs: StepCosts) -> Simulated:
    """Run a phase on a fresh server."""
    return (_closed if phase.concurrency else _open)(phase, limits, costs)


def _open(phase: Phase, limits: SchedulerLimits, costs: StepCosts) -> Simulated:
    """Send every request when it was sent."""
    requests = phase.requests
    run = _Run(phase, limits, costs, len(requests.sent_seconds))
    run.engine.offer(
        list(range(len(requests.sent_seconds))),
        requests.sent_seconds.tolist(),
        requests.input_tokens.tolist(),
        requests.output_tokens.tolist(),
    )
    run.advance(HORIZON_SECONDS)
    return run.result(requests.sent_seconds, requests.output_tokens)


def _closed(phase: Phase, limits: SchedulerLimits, costs: StepCosts) -> Simulated:
    """Let every client send its next request when its last one has finished.

    Clients begin when they were recorded to; sizes are taken in the recorded order, from the
    beginning again if the model gets through more requests than the server did.
    """
    requests, clients = phase.requests, phase.concurrency
    recorded = len(requests.sent_seconds)
    run = _Run(phase, limits, costs, 4 * recorded)
    sent: list[float] = []
    due: list[float] = []
    for start in requests.sent_seconds[:clients].tolist():
        heappush(due, start)
    unfinished: set[int] = set()
    while due or unfinished:
        following = run.engine.next_finish_seconds() if unfinished else float("inf")
        while due and due[0] <= following and len(sent) < 4 * recorded:
            at, ident = heappop(due), len(sent)
            if at < phase.planned_seconds:
                size = ident % recorded
                tokens = [int(requests.input_tokens[size])], [int(requests.output_tokens[size])]
                run.engine.offer([ident], [at], *tokens)
                sent.append(at)
                unfinished.add(ident)
                following = min(following, max(at, run.engine.now))
        if not unfinished:
            break
        run.advance(max(following, run.engine.now))
        for ident in [i for i in unfinished if run.log.status[i] == 1]:
            unfinished.discard(ident)
            heappush(due, max(run.log.last_token_seconds[ident], run.engine.now))
    run.advance(HORIZON_SECONDS)
    sizes = np.arange(len(sent)) % recorded
    return run.result(np.array(sent), requests.output_tokens[sizes])
