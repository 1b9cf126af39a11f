"""The load: offered on time or nothing is known, carried by maxReplicas, answered to the end."""

from __future__ import annotations

import numpy as np
import pytest
from factories import find_one, make_load, make_plan, make_recording, make_requests

from scalecert.checks.finding import Verdict
from scalecert.engines.request_log import Status
from scalecert.recording.model import Recording
from scalecert.recording.plan import ObjectiveTerm, WallClock


def sent(delay_seconds: np.ndarray | float) -> Recording:
    arrivals = np.arange(1000.0)
    return make_recording(requests=make_requests(arrivals, sent_seconds=arrivals + delay_seconds))


def late(count: int, seconds: float) -> np.ndarray:
    delays = np.zeros(1000)
    delays[:count] = seconds
    return delays


@pytest.mark.parametrize(
    ("delay", "verdict"),
    [
        (0.0, Verdict.PASS),
        (late(10, 1.0), Verdict.PASS),
        (late(11, 1.0), Verdict.INCONCLUSIVE),
        (late(10, np.nan), Verdict.PASS),
        (late(11, np.nan), Verdict.INCONCLUSIVE),
        (np.linspace(0, 50, 1000), Verdict.INCONCLUSIVE),
        (np.full(1000, np.nan), Verdict.INCONCLUSIVE),
    ],
    ids=[
        "on time",
        "1 % late",
        "more late",
        "1 % unsent",
        "more unsent",
        "drifting",
        "nothing sent",
    ],
)
def test_a_late_generator_is_never_the_policys_failure(
    delay: np.ndarray | float, verdict: Verdict
) -> None:
    """p99 of the delay within 10 ms and 99 % of the rate achieved, or nothing is known."""
    assert find_one(sent(delay), "generator-on-time").verdict is verdict


def test_the_achieved_rate_counts_beside_the_delay() -> None:
    """A generous delay limit does not excuse a tenth of the rate."""
    finding = find_one(sent(np.linspace(0, 111, 1000)), "generator-on-time", limit=1000.0)
    assert finding.evidence["achievedToAsked"] == pytest.approx(999 / 1110)
    assert finding.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("time_lapse", "objective", "limit"),
    [
        (1, ("ttft", 0.5), 0.010),
        (1, ("ttft", 2.0), 0.020),
        (5, ("ttft", 2.0), 0.050),
        (5, ("ttft", 0.2), 0.020),
        (3, ("e2e", 60.0), 0.600),
        (3, ("tpot", 0.1), 0.030),
    ],
)
def test_on_the_clock_lateness_is_held_against_the_objective(time_lapse, objective, limit) -> None:
    """10 ms of the clock or 1 % of the shortest limit from the arrival, a tenth of it at most."""
    recording = make_recording(
        objective=(ObjectiveTerm(objective[0], 0.95, objective[1]),),
        wall_clock=WallClock(time_lapse=time_lapse),
    )
    assert find_one(recording, "generator-on-time").limit == pytest.approx(limit)


def test_virtual_time_is_not_late() -> None:
    """Its limit is the plain one, whatever the objective."""
    assert find_one(sent(0.0), "generator-on-time").limit == 0.010


def test_a_time_lapse_says_the_delay_on_the_clock_too() -> None:
    """Seconds of the run are what counts; those of the clock are what a person can mend."""
    arrivals = np.arange(1000.0)
    recording = make_recording(
        requests=make_requests(arrivals, sent_seconds=arrivals + 0.030),
        wall_clock=WallClock(time_lapse=3),
    )
    finding = find_one(recording, "generator-on-time")
    assert "delay p99 30 ms (10 ms of the clock), achieved 100 %" in finding.message


def test_no_requests_are_no_data() -> None:
    """A generator that was asked for nothing proved nothing."""
    recording = make_recording(requests=make_requests(np.array([])))
    for check in ("generator-on-time", "no-request-lost"):
        assert find_one(recording, check).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("status", "reason", "advice"),
    [
        (Status.ABORTED, "aborted", "terminationGracePeriodSeconds"),
        (Status.REJECTED, "rejected", "queue limit"),
        (Status.PENDING, "unanswered", "maxReplicas"),
    ],
)
def test_a_lost_request_is_counted_by_reason(status: Status, reason: str, advice: str) -> None:
    """One is too many, and each reason has its own next step."""
    requests = make_requests()
    requests["status"][7] = status
    finding = find_one(make_recording(requests=requests), "no-request-lost")
    assert (finding.verdict, finding.measured) == (Verdict.FAIL, 1.0)
    assert finding.evidence[reason] == 1
    assert f"1 of 12,000 requests lost: 1 {reason}" in finding.message
    assert advice in finding.next_step


def test_pods_that_are_ready_too_early_are_told_from_pods_that_end_too_early() -> None:
    """Refused connections need a readiness probe, killed requests a preStop hook."""
    requests = make_requests()
    requests["status"][:10] = Status.ABORTED
    killed = make_recording(requests=requests)
    assert "preStop hook that sleeps for as long as the longest answer took (3.04 s)" in (
        find_one(killed, "no-request-lost").next_step
    )
    events = [{"time": 1.0, "kind": "requests-refused", "count": 10}]
    refused = make_recording(requests=requests, events=events)
    assert "add a readinessProbe" in find_one(refused, "no-request-lost").next_step


def test_all_answered_passes() -> None:
    """Zero is the limit and zero is kept."""
    assert find_one(make_recording(), "no-request-lost").verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("peak", "verdict"), [(29.0, Verdict.PASS), (30.000000001, Verdict.PASS), (31.0, Verdict.FAIL)]
)
def test_the_peak_must_fit_into_the_fleet(peak: float, verdict: Verdict) -> None:
    """Ten replicas of 3/s carry 30/s; the last bit of a product is no overload."""
    plan = make_plan(load=make_load(peak_per_second=peak))
    finding = find_one(make_recording(plan=plan), "capacity-ceiling")
    assert (finding.verdict, finding.limit) == (verdict, 30.0)
    if verdict is Verdict.FAIL:
        assert finding.next_step == "raise maxReplicas from 10 to at least 11"
