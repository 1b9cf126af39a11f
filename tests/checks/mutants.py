"""The mutants: what goes wrong in each, and which checks have to notice, as data.

A mutant is a sound recording (`mutant_table.bases`) with one thing gone wrong. It names the checks
that must fail and those that must be inconclusive; every other check must say what it says of the
sound one: a check that reacts to what is none of its business is wrong too. Harmless mutants are
there for that alone. `mutant_table` holds the checks to it; docs/mutants.md shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from checks import mutations as m
from checks import pod_mutations as p

from scalecert.engines.request_log import Status

SMALL_SPIKE = "small-spike"
"""The spike to less than half of the fleet: there is room to overshoot."""

EVERYTHING, EVERYTHING_ELSE = "every check", "every other check"
"""All findings that the sound recording has; the latter without the load generator's own."""

TOO_FEW_READY = ("under-provisioning", "under-provisioned-time")
MEAN_TIME = "mean-time-per-token"
LATENCIES = ("ttft-objective", "tpot-objective", MEAN_TIME, "e2e-objective", "slo-attainment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One thing gone wrong in the recording of a base, and which findings change.

    `silent` checks have no finding any more: what they judge is gone.
    """

    name: str
    base: str
    story: str
    change: m.Change
    fails: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def harmless(self) -> bool:
        """Whether no check may react."""
        return not (self.fails or self.inconclusive or self.silent)


MUTANTS = (
    # Latency at the client.
    Mutant(
        name="ttft-shifted",
        base="spike",
        story="every request waits 3 s longer for its first token",
        change=m.wait_longer(3.0),
        fails=("ttft-objective", "e2e-objective", "slo-attainment", "step-recovery"),
    ),
    Mutant(
        name="short-answers-wait",
        base="steady",
        story="a tenth of the requests, the short ones, wait 2.5 s longer",
        change=m.wait_longer(2.5, share=0.1),
        fails=("ttft-objective",),
    ),
    Mutant(
        name="short-answers-decode-slower",
        base="steady",
        story="a tenth of the requests, the short ones, get their tokens half as fast",
        change=m.decode_slower(2.0, share=0.1),
        fails=("tpot-objective", MEAN_TIME),
    ),
    Mutant(
        name="short-answers-prefill-slower",
        base="steady",
        story="one request in 25, those with the shortest answers, is in prefill for 3 s longer",
        change=m.prefill_slower(3.0, share=0.04),
        fails=(MEAN_TIME,),
    ),
    Mutant(
        name="within-ttft-beyond-e2e",
        base="ramp",
        story="every request waits 1.6 s longer: within its TTFT, too late at its end",
        change=m.wait_longer(1.6),
        fails=("e2e-objective",),
    ),
    Mutant(
        name="decode-slower",
        base="steady",
        story="all tokens come half as fast",
        change=m.decode_slower(2.0, share=1.0),
        fails=("tpot-objective", MEAN_TIME, "e2e-objective", "slo-attainment"),
    ),
    Mutant(
        name="at-the-limit",
        base="steady",
        story="5 % of the requests wait too long, as many as a p95 allows",
        change=m.wait_longer(3.0, share=0.05),
        inconclusive=("ttft-objective",),
    ),
    Mutant(
        name="slow-after-the-window",
        base="spike",
        story="a fifth of the requests of the two minutes after the window wait 2.4 s longer",
        change=m.wait_longer(2.4, share=0.2, of=m.after_window),
        fails=("step-recovery",),
    ),
    Mutant(
        name="slow-inside-the-window",
        base="spike",
        story="every request inside the window waits 20 s longer, which it may",
        change=m.wait_longer(20.0, of=m.window),
    ),
    Mutant(
        name="ttft-shifted-a-little",
        base="spike",
        story="every request waits half a second longer",
        change=m.wait_longer(0.5),
    ),
    # Requests that are missing.
    Mutant(
        name="requests-aborted",
        base="steady",
        story="three answers break off",
        change=m.lose(slice(4000, 4003), Status.ABORTED),
        fails=("no-request-lost",),
    ),
    Mutant(
        name="request-rejected",
        base="ramp",
        story="one request is refused",
        change=m.lose(slice(4000, 4001), Status.REJECTED, before_first_token=True),
        fails=("no-request-lost",),
    ),
    Mutant(
        name="requests-unanswered",
        base="idle-load-idle",
        story="the last hundred requests are still waiting when the recording ends",
        change=m.lose(slice(-100, None), Status.PENDING, before_first_token=True),
        fails=("no-request-lost",),
    ),
    Mutant(
        name="lost-in-the-window",
        base="spike",
        story="three answers break off while pods start",
        change=m.lose_in_window,
        fails=("no-request-lost", "step-recovery"),
    ),
    Mutant(
        name="a-fifth-never-answered",
        base="steady",
        story="every fifth request never gets a token",
        change=m.lose(slice(None, None, 5), Status.REJECTED, before_first_token=True),
        fails=("no-request-lost", *LATENCIES),
    ),
    Mutant(
        name="too-few-requests",
        base="steady",
        story="one request in four hundred is offered: 32, where a p95 needs 130",
        change=m.keep_every(400),
        inconclusive=LATENCIES,
    ),
    Mutant(
        name="too-few-after-the-window",
        base="spike",
        story="one request in 25 is offered: enough for the run, not for two minutes of it",
        change=m.keep_every(25),
        inconclusive=("step-recovery",),
    ),
    # The generator and the harness's own metric pipeline.
    Mutant(
        name="generator-late",
        base="steady",
        story="every fiftieth request is sent 12 ms late",
        change=m.send_late(m.every(50, 0.012)),
        inconclusive=(EVERYTHING,),
    ),
    Mutant(
        name="generator-falls-behind",
        base="spike",
        story="sending takes 2 % longer than asked",
        change=m.send_late(lambda arrivals: 0.02 * arrivals),
        inconclusive=(EVERYTHING,),
    ),
    Mutant(
        name="generator-skips",
        base="ramp",
        story="every fiftieth request is never sent",
        change=m.then(
            m.send_late(m.every(50, np.nan)),
            m.lose(slice(None, None, 50), Status.PENDING, before_first_token=True),
        ),
        inconclusive=(EVERYTHING,),
    ),
    Mutant(
        name="generator-nearly-on-time",
        base="steady",
        story="every request is sent 5 ms late",
        change=m.send_late(m.every(1, 0.005)),
    ),
    Mutant(
        name="canary-dead",
        base="idle-load-idle",
        story="the harness's own heartbeats never arrive",
        change=m.canary(lambda ages: np.full(ages.size, np.nan)),
        inconclusive=(EVERYTHING_ELSE,),
    ),
    Mutant(
        name="canary-misses-a-beat",
        base="idle-load-idle",
        story="one heartbeat is lost",
        change=m.canary(lambda ages: np.where(np.arange(ages.size) == 60, np.nan, ages)),
    ),
    Mutant(
        name="recording-stops-halfway",
        base="spike",
        story="the world stopped recording in the middle of the run",
        change=m.stop_recording_at(1500.0),
        inconclusive=(EVERYTHING_ELSE,),
    ),
    Mutant(
        name="pods-in-no-numbers",
        base="ramp",
        story="one count of ready pods is no number",
        change=p.count_in_no_numbers,
        inconclusive=(EVERYTHING_ELSE,),
    ),
    # Reaction to a step.
    Mutant(
        name="scale-up-delayed",
        base="spike",
        story="replicas are asked for two minutes later",
        change=p.delay_steps(120.0, after=600.0, until=1000.0),
        fails=("first-scale-up",),
    ),
    Mutant(
        name="scale-up-delayed-a-little",
        base="spike",
        story="replicas are asked for 60 s later",
        change=p.delay_steps(60.0, after=600.0, until=1000.0),
    ),
    Mutant(
        name="scale-up-missing",
        base="spike",
        story="replicas stay at four",
        change=p.scaled([(0.0, 4)]),
        fails=("first-scale-up", "replicas-ready", *TOO_FEW_READY),
    ),
    Mutant(
        name="pods-start-slowly",
        base="spike",
        story="asked for in time, ready only seven and a half minutes later",
        change=lambda recording: p.scaled(p.steps_of(recording), startup_seconds=450.0)(recording),
        fails=("replicas-ready", *TOO_FEW_READY),
    ),
    Mutant(
        name="corrected-late",
        base="spike",
        story="ten replicas go to seven nine minutes after the step",
        change=p.scaled([(0.0, 4), (615.0, 10), (1150.0, 7), (2600.0, 4)]),
        fails=("settling", *TOO_FEW_READY),
    ),
    Mutant(
        name="overshoot",
        base=SMALL_SPIKE,
        story="nine replicas for a step that needs three, for a minute",
        change=p.scaled([(0.0, 2), (315.0, 9), (375.0, 4)]),
        fails=("overshoot",),
    ),
    Mutant(
        name="ends-inside-the-window",
        base="spike",
        story="the run ends 300 s after the step",
        change=m.end_at(900.0),
        inconclusive=("step-recovery",),
        silent=("settling",),
        fails=("under-provisioning",),
    ),
    # How replicas move.
    Mutant(
        name="flapping",
        base="steady",
        story="three replicas, then seven, in turns of a minute",
        change=p.scaled([(0.0, 4), *((60.0 * i, 3 + 4 * (i % 2)) for i in range(1, 30))]),
        fails=("steady-swing", "scale-events-per-hour", *TOO_FEW_READY),
    ),
    Mutant(
        name="many-small-changes",
        base="ramp",
        story="one replica more, one less, every 70 seconds",
        change=p.scaled([(70.0 * i, 7 + i % 2) for i in range(25)]),
        fails=("scale-events-per-hour", "over-provisioning", *TOO_FEW_READY),
    ),
    Mutant(
        name="readiness-flaps",
        base="steady",
        story="a probe fails every 400 s: one pod is not ready for 15 s, none is asked for",
        change=p.lose_readiness(every_seconds=400.0, for_seconds=15.0),
        fails=("jitter",),
    ),
    Mutant(
        name="one-replica-to-and-fro",
        base="steady",
        story="one replica more for a while",
        change=p.scaled([(0.0, 6), (900.0, 7), (1300.0, 6)]),
    ),
    # Cost.
    Mutant(
        name="over-provisioned",
        base="steady",
        story="ten replicas where four carry the load",
        change=p.scaled([(0.0, 10)]),
        fails=("accelerator-hours", "over-provisioning"),
    ),
    Mutant(
        name="pods-never-gone",
        base="steady",
        story="five pods hang in Terminating and keep their accelerators",
        change=p.hang_when_terminating(5, after=0.0),
        fails=("accelerator-hours",),
    ),
    Mutant(
        name="minimum-too-high",
        base="idle-load-idle",
        story="minReplicas seven: more than the peak needs",
        change=p.minimum_of(7),
        fails=("minimum-needed", "over-provisioning"),
    ),
    Mutant(
        name="fixed-fleet",
        base="steady",
        story="minReplicas and maxReplicas eight, twice the need: within 2.5 x, but never scaled",
        change=p.minimum_of(8, maximum=8),
        fails=("minimum-needed",),
    ),
    Mutant(
        name="returns-late",
        base="idle-load-idle",
        story="scale-downs come eleven minutes later",
        change=p.delay_steps(660.0, after=2400.0),
        fails=("return-to-minimum",),
    ),
    Mutant(
        name="never-returns",
        base="idle-load-idle",
        story="the last scale-down, to one replica, never comes",
        change=lambda recording: p.scaled(p.steps_of(recording)[:-1])(recording),
        fails=("return-to-minimum",),
    ),
    Mutant(
        name="returns-a-little-later",
        base="idle-load-idle",
        story="scale-downs come five minutes later",
        change=p.delay_steps(300.0, after=2400.0),
    ),
    Mutant(
        name="ends-before-the-return",
        base="idle-load-idle",
        story="the run ends five minutes after the load is gone",
        change=m.end_at(2700.0),
        inconclusive=("return-to-minimum",),
    ),
    Mutant(
        name="maximum-too-low",
        base="steady",
        story="maxReplicas three, where four carry the load",
        change=p.maximum_of(3),
        fails=("capacity-ceiling", *TOO_FEW_READY),
    ),
    # The signal.
    Mutant(
        name="metric-frozen",
        base="ramp",
        story="the metric shows its first value for ever",
        change=m.signal_values(lambda values: np.full(values.size, 12.0)),
        fails=("signal-moves",),
    ),
    Mutant(
        name="metric-hardly-moves",
        base="ramp",
        story="the metric moves by a twelfth of its target",
        change=m.signal_values(lambda values: 12.0 + 16 / 12 * (np.arange(values.size) % 2)),
        fails=("signal-moves",),
    ),
    Mutant(
        name="metric-never-there",
        base="ramp",
        story="no sync gets a value",
        change=m.signal_values(lambda values: np.full(values.size, np.nan)),
        fails=("signal-present",),
        inconclusive=("signal-moves",),
    ),
    Mutant(
        name="metric-flickers",
        base="steady",
        story="every tenth sync gets no value",
        change=m.signal_values(lambda values: values + m.every(10, np.nan)(values)),
        fails=("signal-present",),
    ),
    Mutant(
        name="metric-missed-twice",
        base="steady",
        story="every fiftieth sync gets no value",
        change=m.signal_values(lambda values: values + m.every(50, np.nan)(values)),
    ),
    Mutant(
        name="metric-unknown-to-the-engine",
        base="ramp",
        story="the engine's version has no such metric",
        change=m.then(
            m.signal_plan(exists=False, reason="renamed"),
            m.signal_values(lambda values: np.full(values.size, np.nan)),
        ),
        fails=("signal-present",),
        silent=("signal-reachable", "signal-moves"),
    ),
    Mutant(
        name="target-beyond-reach",
        base="steady",
        story="the target is 1600 running requests, a server runs 64",
        change=m.signal_plan(target_value=1600.0),
        fails=("signal-reachable",),
    ),
    Mutant(
        name="target-beyond-what-overload-shows",
        base="spike",
        story="four replicas are overloaded and the metric stays below what a scale-up takes",
        change=m.then(
            p.scaled([(0.0, 4)]), m.signal_values(lambda values: np.minimum(values, 15.0))
        ),
        fails=("signal-reachable", "first-scale-up", "replicas-ready", *TOO_FEW_READY),
    ),
    # What a recording may lack.
    Mutant(
        name="no-pods-recorded",
        base="spike",
        story="the series of pods are missing",
        change=m.without_series("pods."),
        inconclusive=(
            *("accelerator-hours", "first-scale-up", "replicas-ready", "settling"),
            *("overshoot", "steady-swing", "scale-events-per-hour", "signal-present"),
            *("over-provisioning", "over-provisioned-time", "jitter", *TOO_FEW_READY),
        ),
    ),
    Mutant(
        name="no-metric-recorded",
        base="ramp",
        story="the series of the metric are missing",
        change=m.without_series("sync.metric."),
        inconclusive=("signal-present", "signal-moves"),
    ),
    Mutant(
        name="no-first-tokens-recorded",
        base="steady",
        story="the request log lacks a column",
        change=m.without_column("first_token_seconds"),
        inconclusive=(*LATENCIES, "no-request-lost"),  # which advises by the longest answer
    ),
    Mutant(
        name="no-end-of-queueing-recorded",
        base="ramp",
        story="the world can't tell when servers took requests in",
        change=m.without_column("scheduled_seconds"),
        inconclusive=(MEAN_TIME, "slo-attainment"),
    ),
    Mutant(
        name="clocks-apart",
        base="steady",
        story="the servers' clocks are 30 s ahead: requests end before they leave the queue",
        change=m.server_clocks_ahead(30.0),
        inconclusive=(MEAN_TIME, "slo-attainment"),
    ),
    Mutant(
        name="no-arrivals-recorded",
        base="steady",
        story="nobody knows when requests were to come",
        change=m.without_column("arrival_seconds"),
        inconclusive=(EVERYTHING,),
    ),
)
