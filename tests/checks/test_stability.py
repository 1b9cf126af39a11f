"""How replicas may move: they settle, stand still under steady load, and do not overshoot."""

from __future__ import annotations

import msgspec
import pytest
from factories import (
    find_one,
    make_load,
    make_plan,
    make_policy,
    make_recording,
    make_series,
    make_window,
)

from scalecert.checks.finding import Verdict
from scalecert.recording.model import Recording
from scalecert.recording.plan import FluidMinimum

STEP = make_window(100.0, 300.0, 3.0, 15.0)
LOAD = make_load((0.0, 100.0, 3.0, 3.0), (100.0, 1200.0, 15.0, 15.0))


def moved(*changes: tuple[float, int], **plan_changes: object) -> Recording:
    return make_recording(plan=make_plan(**plan_changes), series=make_series(*changes))


def stepped(*changes: tuple[float, int], **plan_changes: object) -> Recording:
    return moved(*changes, windows=(STEP,), load=LOAD, **plan_changes)


@pytest.mark.parametrize(
    ("changes", "swing", "verdict"),
    [
        ([(0.0, 5)], 0.0, Verdict.PASS),
        ([(0.0, 5), (500.0, 6), (800.0, 4)], 2.0, Verdict.PASS),
        ([(0.0, 5), (500.0, 7), (800.0, 4)], 3.0, Verdict.PASS),
        ([(0.0, 5), (500.0, 8), (800.0, 4)], 4.0, Verdict.FAIL),
        ([(0.0, 1), (60.0, 9), (400.0, 5)], 0.0, Verdict.PASS),
    ],
)
def test_swing_under_steady_load(
    changes: list[tuple[float, int]], swing: float, verdict: Verdict
) -> None:
    """Peak to peak from start-up, two syncs and stabilization (420 s) on; all before is free."""
    finding = find_one(moved(*changes), "steady-swing")
    assert (finding.measured, finding.verdict) == (swing, verdict)


def test_a_large_fleet_may_swing_by_half() -> None:
    """Noise grows with the fleet."""
    finding = find_one(moved((0.0, 20), (600.0, 24), (900.0, 20)), "steady-swing")
    assert finding.limit == pytest.approx(0.5 * (20 * 480 + 24 * 300) / 780)
    assert (finding.measured, finding.verdict) == (4.0, Verdict.PASS)


def test_an_own_limit_replaces_the_three() -> None:
    """A scenario may want no swing at all of a small fleet."""
    recording = moved((0.0, 3), (500.0, 5), (800.0, 3))
    assert find_one(recording, "steady-swing").verdict is Verdict.PASS
    assert find_one(recording, "steady-swing", limit=0.0).verdict is Verdict.FAIL


def test_the_policys_own_stabilization_is_waited_for() -> None:
    """With a window of 600 s a correction downwards comes later, and is still free."""
    spec = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 600}}}
    changes = ((0.0, 9), (650.0, 5))
    assert find_one(moved(*changes), "steady-swing").verdict is Verdict.FAIL
    patient = moved(*changes, policy=make_policy(spec=spec))
    assert find_one(patient, "steady-swing").verdict is Verdict.PASS


@pytest.mark.parametrize(
    "load",
    [
        make_load((0.0, 1200.0, 3.0, 20.0)),
        make_load((0.0, 1200.0, 0.0, 0.0)),
        make_load(
            *((t, t + 300.0, 3.0 + t / 100, 3.0 + t / 100) for t in (0.0, 300.0, 600.0, 900.0))
        ),
    ],
    ids=["ramp", "idle", "short spans"],
)
def test_without_steady_load_there_is_no_finding(load: object) -> None:
    """A swing can only be told from following the load where the load stands still."""
    assert find_one(moved((0.0, 5), load=load), "steady-swing") is None


def test_spans_of_one_rate_are_one() -> None:
    """How a curve was cut into segments does not matter."""
    load = make_load((0.0, 500.0, 10.0, 10.0), (500.0, 1200.0, 10.0, 10.0))
    (span,) = find_one(moved((0.0, 5), load=load), "steady-swing").evidence["spans"]
    assert (span["startSeconds"], span["endSeconds"]) == (420.0, 1200.0)


@pytest.mark.parametrize(
    ("changes", "seconds", "verdict"),
    [
        ([(0.0, 1), (130.0, 5)], 30.0, Verdict.PASS),
        ([(0.0, 1), (130.0, 9), (500.0, 5)], 400.0, Verdict.PASS),
        ([(0.0, 1), (130.0, 9), (700.0, 5)], 600.0, Verdict.FAIL),
        ([(0.0, 1), (130.0, 5), (700.0, 6)], 30.0, Verdict.PASS),
    ],
)
def test_settling(changes: list[tuple[float, int]], seconds: float, verdict: Verdict) -> None:
    """From the step until within a replica, or 10 %, of where they end: at most 520 s here."""
    finding = find_one(stepped(*changes), "settling")
    assert (finding.measured, finding.limit, finding.verdict) == (seconds, 520.0, verdict)


def test_settling_needs_a_load_that_stays() -> None:
    """Where the load changes before the limit has passed nobody can tell."""
    load = make_load((0.0, 100.0, 3.0, 3.0), (100.0, 500.0, 15.0, 15.0), (500.0, 1200.0, 3.0, 3.0))
    assert find_one(moved((0.0, 5), windows=(STEP,), load=load), "settling") is None


@pytest.mark.parametrize(
    ("peak", "ratio", "verdict"),
    [(5, 1.0, Verdict.PASS), (10, 2.0, Verdict.PASS), (11, 2.2, Verdict.FAIL)],
)
def test_overshoot(peak: int, ratio: float, verdict: Verdict) -> None:
    """The new rate needs five; one doubling too many is what the HPA's defaults may do."""
    recording = stepped((0.0, 1), (130.0, peak), (500.0, 5), policy=make_policy(max_replicas=20))
    finding = find_one(recording, "overshoot")
    assert (finding.measured, finding.verdict) == (pytest.approx(ratio), verdict)


def test_overshoot_ends_with_the_load() -> None:
    """A later, higher load is not this step's overshoot."""
    load = make_load(
        (0.0, 100.0, 3.0, 3.0), (100.0, 500.0, 15.0, 15.0), (500.0, 1200.0, 27.0, 27.0)
    )
    recording = moved((0.0, 1), (130.0, 5), (530.0, 11), windows=(STEP,), load=load)
    assert find_one(recording, "overshoot").measured == 1.0


def test_scale_events_count_changes_alone() -> None:
    """Entries of the series that repeat the spec (a pod became ready) are no events."""
    finding = find_one(moved((0.0, 5), (100.0, 6), (600.0, 5)), "scale-events-per-hour")
    assert finding.evidence["changes"] == 2
    assert finding.measured == pytest.approx(6.0)


def test_a_load_that_asks_for_changes_may_have_them() -> None:
    """What the fluid minimum itself changes is on top of the allowance."""
    plan = make_plan()
    ramp = msgspec.structs.replace(plan, fluid_minimum=FluidMinimum(15.0, tuple(range(1, 11)) * 8))
    finding = find_one(make_recording(plan=ramp), "scale-events-per-hour")
    assert finding.limit == pytest.approx(20.0 + 79 * 3)


@pytest.mark.parametrize("check", ["settling", "overshoot", "scale-events-per-hour"])
def test_these_never_decide(check: str) -> None:
    """They are extended: reported, no reason to refuse a certificate."""
    assert find_one(stepped((0.0, 1), (130.0, 5)), check).level == "extended"
