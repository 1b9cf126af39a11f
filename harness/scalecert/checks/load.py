"""Checks of the load itself: offered on time, carried at all, and answered."""

from __future__ import annotations

import math

import numpy as np

from scalecert.checks.finding import Verdict, format_measure
from scalecert.checks.registry import NoDataError, Outcome, check
from scalecert.checks.requests import column, latency_seconds, served
from scalecert.checks.timeline import needed
from scalecert.engines.request_log import Status
from scalecert.recording.latencies import FROM_ARRIVAL
from scalecert.recording.model import Recording
from scalecert.recording.plan import Plan
from scalecert.recording.quantiles import Floats, quantile
from scalecert.units import format_percent

GENERATOR_ON_TIME = "generator-on-time"
LEAST_ACHIEVED = 0.99

LATEST_SECONDS = 0.010
"""How late a generator may be at its own clock: inference-perf asks for a median under 10 ms."""
LATEST_OF_OBJECTIVE = 0.1
"""Of the shortest limit that counts from the arrival: what is sent late is in that latency."""
UNTOLD_OF_OBJECTIVE = 0.01
"""Of it: no objective is told that closely, so no generator has to be."""


def _latest(plan: Plan) -> float:
    """Return how late requests may be sent, in seconds of the run.

    A delay is added to TTFT and E2E, which count from the arrival: it may fail a policy, never pass
    one. So it is held against their limits, of which a time lapse makes it a larger part.
    """
    if plan.wall_clock is None:
        return LATEST_SECONDS
    limits = [term.limit_seconds for term in plan.objective if term.metric in FROM_ARRIVAL]
    shortest, own = min(limits, default=0.0), LATEST_SECONDS * plan.time_lapse
    if not limits:
        return own
    return min(max(own, UNTOLD_OF_OBJECTIVE * shortest), LATEST_OF_OBJECTIVE * shortest)


@check(
    id=GENERATOR_ON_TIME,
    title="Generator on time",
    question="Did the load generator offer what it was asked to, when it was asked to?",
    formula="p99 of sent - intended arrival; and achieved / asked rate >= 0.99, where achieved ="
    " requests sent / span of sending. If not, every finding of the scenario is inconclusive",
    source="open-loop load generation: a late generator hides queueing; 10 ms is a tenth of the"
    " shortest latency limits in use (inference-perf asks for a median under 10 ms). A delay is in"
    " the latencies that count from the arrival, so a time lapse lets it grow to a tenth of theirs",
    unit="s",
    default_limit=_latest,
    limit_text="10 ms; on the clock that times the time lapse, or 1 % of the objective's shortest"
    " `ttft` or `e2e` if that is more, and never over 10 % of it",
)
def generator_on_time(recording: Recording, limit: float) -> Outcome:
    """Judge the generator; its lateness is never the policy's failure."""
    asked, sent = column(recording, "arrival_seconds"), column(recording, "sent_seconds")
    if asked.size == 0:
        raise NoDataError("no request was asked for")
    delays = np.where(np.isnan(sent), np.inf, sent - asked)
    delay, achieved = quantile(delays, 0.99), _achieved_share(asked, sent)
    late = delay > limit or achieved < LEAST_ACHIEVED
    return Outcome(
        measured=delay,
        message=f"schedule delay p99 {format_measure(delay, 's')}"
        f"{_on_the_clock(delay, recording.plan.time_lapse)}, achieved"
        f" {format_percent(achieved, digits=4)} of the asked rate",
        next_step="give the load generator more CPU or more processes, and run again",
        verdict=Verdict.INCONCLUSIVE if late else None,
        evidence={
            "requests": int(asked.size),
            "notSent": int(np.count_nonzero(np.isnan(sent))),
            "achievedToAsked": achieved,
        },
    )


def _on_the_clock(delay_seconds: float, time_lapse: int) -> str:
    if time_lapse == 1 or not math.isfinite(delay_seconds):
        return ""
    return f" ({format_measure(delay_seconds / time_lapse, 's')} of the clock)"


def _achieved_share(asked: Floats, sent: Floats) -> float:
    """Return achieved / asked rate: the share sent, less what sending took longer than asked."""
    done = sent[~np.isnan(sent)]
    if done.size == 0:
        return 0.0
    span_asked, span_sent = float(np.ptp(asked)), float(np.ptp(done))
    stretch = min(1.0, span_asked / span_sent) if span_sent > 0 else 1.0
    return done.size / asked.size * stretch


@check(
    id="no-request-lost",
    title="No request lost",
    question="Was every request answered to its last token?",
    formula="requests whose status is not OK: refused by a server, killed with one, or unanswered"
    " when the recording ends",
    source="scale-down must drain: Kubernetes ends a pod by SIGTERM and a grace period, in which"
    " running requests can finish",
    unit="requests",
    comparison="==",
    default_limit=0.0,
)
def no_request_lost(recording: Recording, _limit: float) -> Outcome:
    """Count the requests that were not answered, by reason."""
    status = column(recording, "status")
    if status.size == 0:
        raise NoDataError("no request was offered")
    counts = {
        "rejected": int(np.count_nonzero(status == Status.REJECTED)),
        "aborted": int(np.count_nonzero(status == Status.ABORTED)),
        "unanswered": int(np.count_nonzero(status == Status.PENDING)),
    }
    lost = int(np.count_nonzero(status != Status.OK))
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items() if count)
    return Outcome(
        measured=float(lost),
        message=f"{lost:,} of {status.size:,} requests lost: {reasons}"
        if lost
        else f"all {status.size:,} requests were answered",
        next_step=_keep_requests(recording, counts),
        evidence={"requests": int(status.size), **counts},
    )


def _keep_requests(recording: Recording, counts: dict[str, int]) -> str:
    if 2 * _refused(recording) > counts["aborted"]:
        return "add a readinessProbe: requests were sent to pods whose server did not listen yet"
    if counts["aborted"] >= max(counts.values()):
        longest = latency_seconds(recording, "e2e")[served(recording)].max(initial=0.0)
        return (
            "add a preStop hook that sleeps for as long as the longest answer took"
            f" ({format_measure(float(longest), 's')}), so that a pod leaves the Service and drains"
            " before its server is stopped, and set terminationGracePeriodSeconds beyond that"
        )
    if counts["rejected"]:
        return "raise the server's queue limit, or minReplicas, so that bursts are not refused"
    return "raise maxReplicas or lower the target: the backlog was not drained when the run ended"


def _refused(recording: Recording) -> int:
    """Return how many requests met no listening server, as the world's events have it."""
    found = [event for event in recording.events if event.get("kind") == "requests-refused"]
    return sum(int(event.get("count", 0)) for event in found)


def _fleet_rate(plan: Plan) -> float:
    return plan.policy.max_replicas * plan.capacity.requests_per_second


@check(
    id="capacity-ceiling",
    title="Capacity ceiling",
    question="Can maxReplicas carry the peak of the load at all?",
    formula="planned rate, highest mean over 60 s",
    source="one replica's capacity: the highest Poisson rate at which it keeps the objective",
    unit="requests/s",
    default_limit=_fleet_rate,
    limit_text="maxReplicas x capacity of one replica",
)
def capacity_ceiling(recording: Recording, limit: float) -> Outcome:
    """Compare the planned peak with the whole fleet."""
    plan, peak = recording.plan, recording.plan.load.peak_per_second
    capacity = plan.capacity.requests_per_second
    return Outcome(
        measured=peak,
        message=f"peak of {peak:.4g} requests/s against {plan.policy.max_replicas} replicas of"
        f" {capacity:.4g} requests/s each",
        next_step=f"raise maxReplicas from {plan.policy.max_replicas} to at least"
        f" {plan.capacity.replicas_for(peak, at_least=1)}",
        # A peak of exactly the ceiling passes, whatever the last bit of the product.
        verdict=Verdict.PASS if math.isclose(peak, limit, rel_tol=1e-9) else None,
        evidence={
            "replicasNeeded": needed(plan, peak),
            "capacityPerReplica": capacity,
            "leftOut": plan.load.left_out,
        },
    )
