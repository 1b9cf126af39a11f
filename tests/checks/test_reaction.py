"""What must follow a step up: recovery by the window's end, a prompt scale-up, ready replicas."""

from __future__ import annotations

import numpy as np
import pytest
from factories import (
    find_one,
    make_load,
    make_plan,
    make_policy,
    make_recording,
    make_requests,
    make_series,
    make_window,
)

from scalecert.checks.finding import Finding, Verdict
from scalecert.engines.request_log import Status
from scalecert.recording.model import Recording

STEP = make_window(300.0, 600.0, 3.0, 15.0)
LOAD = make_load((0.0, 300.0, 3.0, 3.0), (300.0, 1200.0, 15.0, 15.0))


def stepped(
    *changes: tuple[float, int],
    slow_until: float = 599.0,
    lost: slice | None = None,
    **plan_changes: object,
) -> Recording:
    """Return a run with a step at 300 s to five replicas' worth, slow from then until a time."""
    requests = make_requests()
    arrivals = requests["arrival_seconds"]
    slow = (arrivals >= 300.0) & (arrivals < slow_until)
    requests["first_token_seconds"] = arrivals + np.where(slow, 9.0, 0.5)
    requests["last_token_seconds"] = requests["first_token_seconds"] + 2.54
    if lost is not None:
        requests["status"][lost] = Status.ABORTED
    facts = {"windows": (STEP,), "load": LOAD, **plan_changes}
    return make_recording(
        plan=make_plan(**facts),
        requests=requests,
        series=make_series(*(changes or [(0.0, 1), (345.0, 5)])),
    )


def test_slow_inside_the_window_is_reported_not_judged() -> None:
    """The objective holds again at its end; what happened inside is in the evidence."""
    finding = find_one(stepped(), "step-recovery")
    assert finding.verdict is Verdict.PASS
    (window,) = finding.evidence["windows"]
    assert window["attainmentInside"] == pytest.approx(1 / 300, abs=1e-3)
    assert finding.measured == pytest.approx(0.25)


def test_slow_after_the_window_fails() -> None:
    """Requests of the two minutes after it keep every term, or the policy did not recover."""
    finding = find_one(stepped(slow_until=650.0), "step-recovery")
    assert finding.verdict is Verdict.FAIL
    assert finding.measured == pytest.approx(4.5)
    assert "ttft_p95=2s does not hold after the window at 300 s" in finding.message


def test_a_request_lost_inside_the_window_fails() -> None:
    """Slow is forgiven there, lost is not."""
    finding = find_one(stepped(lost=slice(4000, 4003)), "step-recovery")
    assert finding.verdict is Verdict.FAIL
    assert finding.message == "3 requests that arrived inside a window were not served"


def test_a_run_that_ends_inside_a_window_shows_nothing() -> None:
    """Nobody can tell whether it would have recovered."""
    endless = make_window(300.0, float("inf"), 3.0, 99.0)
    finding = find_one(stepped(windows=(endless,)), "step-recovery")
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "the run ends inside the window that begins at 300 s" in finding.message


def test_no_request_after_the_window_is_no_data() -> None:
    """Silence is no recovery."""
    recording = stepped()
    early = recording.requests["arrival_seconds"] < 600.0
    requests = {name: column[early] for name, column in recording.requests.items()}
    quiet = make_recording(plan=recording.plan, requests=requests, series=recording.series)
    assert find_one(quiet, "step-recovery").verdict is Verdict.INCONCLUSIVE


def recovered_with(
    requests: int, *, slow_until: float = 599.0, lost: slice | None = None
) -> Finding:
    """Return the finding where only so many requests arrive in the two minutes after the window."""
    recording = stepped(slow_until=slow_until, lost=lost)
    arrivals = recording.requests["arrival_seconds"]
    after = np.flatnonzero(arrivals >= 600.0)
    kept = np.concatenate((np.flatnonzero(arrivals < 600.0), after[:requests]))
    columns = {name: column[kept] for name, column in recording.requests.items()}
    fewer = make_recording(plan=recording.plan, requests=columns, series=recording.series)
    return find_one(fewer, "step-recovery")


def test_recovery_needs_the_requests_of_its_quantiles() -> None:
    """A p95 needs 130 requests: 129 after the window show no recovery, however fast."""
    assert recovered_with(130).verdict is Verdict.PASS
    few = recovered_with(129)
    assert few.verdict is Verdict.INCONCLUSIVE
    assert "129 requests tell of recovery, ttft_p95=2s needs 130" in few.message


def test_what_was_lost_inside_a_window_needs_no_quantile() -> None:
    """A lost request is a failure, whatever can be said of those that came later."""
    assert recovered_with(10, lost=slice(4000, 4003)).verdict is Verdict.FAIL


def test_a_window_that_was_not_recovered_from_outranks_one_with_too_few() -> None:
    """The first window fails; that nobody came after the second does not excuse it."""
    windows = (STEP, make_window(900.0, 1195.0, 15.0, 20.0))
    both = stepped(slow_until=650.0, windows=windows)
    assert find_one(both, "step-recovery").verdict is Verdict.FAIL
    second = find_one(stepped(windows=windows), "step-recovery")
    assert second.verdict is Verdict.INCONCLUSIVE
    assert "after the window that begins at 900 s 50 requests" in second.message


def test_overlapping_windows_are_one() -> None:
    """Recovery can't be asked for while the next step is being waited for."""
    windows = (STEP, make_window(500.0, 800.0, 15.0, 20.0))
    recording = stepped(slow_until=790.0, windows=windows)
    finding = find_one(recording, "step-recovery")
    assert finding.verdict is Verdict.PASS
    assert [entry["endSeconds"] for entry in finding.evidence["windows"]] == [800.0]


@pytest.mark.parametrize(
    "check", ["step-recovery", "first-scale-up", "replicas-ready", "overshoot"]
)
def test_without_a_step_there_is_no_finding(check: str) -> None:
    """A check of steps does not apply to a steady load."""
    assert find_one(make_recording(), check) is None


def test_first_scale_up_is_the_first_increase_after_the_step() -> None:
    """A scale-down that was still to come does not hide it, a scale-up before it does not count."""
    recording = stepped((0.0, 1), (100.0, 3), (310.0, 2), (345.0, 3), (400.0, 9))
    finding = find_one(recording, "first-scale-up")
    assert (finding.measured, finding.limit, finding.verdict) == (45.0, 100.0, Verdict.PASS)


@pytest.mark.parametrize(
    ("changes", "measured"), [([(0.0, 1), (420.0, 5)], 120.0), ([(0.0, 1)], None)]
)
def test_a_late_or_missing_scale_up_fails(
    changes: list[tuple[float, int]], measured: float | None
) -> None:
    """Beyond 100 s Kubernetes' own tests call it broken; never is later still."""
    finding = find_one(stepped(*changes), "first-scale-up")
    assert (finding.verdict, finding.measured) == (Verdict.FAIL, measured)
    when = "a first scale-up never came" if measured is None else "a first scale-up 120 s"
    assert finding.message == f"{when} after the step at 300 s"


def test_enough_replicas_need_no_scale_up() -> None:
    """Five are there for five replicas' worth of load: nothing to react to."""
    assert find_one(stepped((0.0, 5)), "first-scale-up") is None
    assert find_one(stepped((0.0, 5)), "replicas-ready") is None


def test_a_policy_at_its_maximum_can_not_react() -> None:
    """That the load is beyond it is for capacity-ceiling to say."""
    recording = stepped((0.0, 2), policy=make_policy(max_replicas=2))
    assert find_one(recording, "first-scale-up") is None


def test_a_scale_up_stabilization_window_is_named() -> None:
    """The field that delays the reaction is the next step."""
    spec = {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 180}}}
    recording = stepped((0.0, 1), (500.0, 5), policy=make_policy(spec=spec))
    step = find_one(recording, "first-scale-up").next_step
    assert step == "lower behavior.scaleUp.stabilizationWindowSeconds from 180 to 0"


def test_a_slow_scrape_is_named() -> None:
    """Minutes between scrapes can't give seconds of reaction."""
    recording = stepped((0.0, 1), (500.0, 5), scrape_interval_seconds=60.0)
    assert (
        "scrape every 15s instead of every 60s" in find_one(recording, "first-scale-up").next_step
    )


@pytest.mark.parametrize(
    ("changes", "measured", "verdict"),
    [
        ([(0.0, 1), (345.0, 5)], 135.0, Verdict.PASS),
        ([(0.0, 1), (345.0, 4), (580.0, 5)], 370.0, Verdict.FAIL),
        ([(0.0, 1), (345.0, 4)], None, Verdict.FAIL),
    ],
)
def test_enough_must_be_ready_within_the_window(
    changes: list[tuple[float, int]], measured: float | None, verdict: Verdict
) -> None:
    """Five replicas of 3/s each carry the 15/s; pods take 90 s."""
    finding = find_one(stepped(*changes), "replicas-ready")
    assert (finding.measured, finding.limit, finding.verdict) == (measured, 300.0, verdict)


def test_a_step_that_the_replicas_carried_needed_no_scale_up() -> None:
    """Where the objective held all the way, it is the capacity that was stated too low."""
    recording = stepped((0.0, 1), slow_until=300.0)
    assert find_one(recording, "first-scale-up") is None
    assert find_one(recording, "replicas-ready") is None
    slow = stepped((0.0, 1), slow_until=599.0)
    assert find_one(slow, "first-scale-up").verdict is Verdict.FAIL
