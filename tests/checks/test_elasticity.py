"""Elasticity: ready replicas against the fewest that would have held the objective."""

from __future__ import annotations

import pytest
from factories import find_one, make_plan, make_recording, make_series

from scalecert.checks.finding import Verdict
from scalecert.recording.model import Recording
from scalecert.recording.plan import ClairvoyantMinimum

IDS = [
    "under-provisioning",
    "over-provisioning",
    "under-provisioned-time",
    "over-provisioned-time",
    "jitter",
]


def minimum(*replicas: int) -> ClairvoyantMinimum:
    """Return a minimum of equal bins over the 1,200 s of the run."""
    width = 1200.0 / len(replicas)
    paid = width * sum(replicas)
    return ClairvoyantMinimum(
        bin_seconds=width, replicas=replicas, starts=0, replica_seconds=paid, method="by hand"
    )


def against(demand: ClairvoyantMinimum | None, *ready: tuple[float, int]) -> Recording:
    """Return a run with these ready replicas."""
    series = make_series(*ready)
    return make_recording(plan=make_plan(clairvoyant_minimum=demand), series=series)


@pytest.mark.parametrize("check", IDS)
def test_without_a_clairvoyant_minimum_there_is_no_finding(check: str) -> None:
    """A quick run has none, and so has a load that maxReplicas can't hold."""
    assert find_one(against(None), check) is None


@pytest.mark.parametrize("check", IDS)
def test_a_supply_that_is_the_demand_passes_everything(check: str) -> None:
    """Nothing is missing, nothing is spare, nothing moves too often."""
    finding = find_one(against(minimum(5, 5), (0.0, 5)), check)
    assert (finding.measured, finding.verdict) == (0.0, Verdict.PASS)
    assert finding.level == "extended"


def test_missing_and_spare_replicas_are_shares_of_the_demand_and_of_time() -> None:
    """Demand 2, then 8, for ten minutes each; 4 are ready: 1 x over, then half is missing."""
    recording = against(minimum(2, 8), (0.0, 4))
    measured = {check: find_one(recording, check).measured for check in IDS}
    assert measured == {
        "under-provisioning": pytest.approx(0.25),
        "over-provisioning": pytest.approx(0.5),
        "under-provisioned-time": pytest.approx(0.5),
        "over-provisioned-time": pytest.approx(0.5),
        "jitter": pytest.approx(-3.0),
    }


def test_pods_that_start_are_no_supply() -> None:
    """Asked for when the load comes, ready 90 s later: 90 of 1,200 s without half of the demand."""
    recording = against(minimum(2, 4), (0.0, 2), (600.0, 4))
    assert find_one(recording, "under-provisioning").measured == pytest.approx(0.5 * 90 / 1200)
    assert find_one(recording, "under-provisioned-time").measured == pytest.approx(90 / 1200)


def test_a_policy_that_stays_behind_its_load_fails_and_is_told_what_to_change() -> None:
    """Half of the demand is missing for half of the run."""
    recording = against(minimum(2, 8), (0.0, 4))
    for check in ("under-provisioning", "under-provisioned-time"):
        finding = find_one(recording, check)
        assert finding.verdict is Verdict.FAIL
        assert "lower the target of vllm:num_requests_running" in finding.next_step


def test_a_fleet_three_times_too_large_fails_and_is_told_what_to_change() -> None:
    """Six replicas where two would have held the objective."""
    finding = find_one(against(minimum(2), (0.0, 6)), "over-provisioning")
    assert (finding.measured, finding.verdict) == (pytest.approx(2.0), Verdict.FAIL)
    assert "raise the target of vllm:num_requests_running" in finding.next_step


def test_replicas_that_flap_while_the_demand_stands_still_are_jitter() -> None:
    """Ten changes of the supply in twenty minutes: 30 an hour."""
    flaps = [(100.0 * at, 4 + at % 2) for at in range(11)]
    finding = find_one(against(minimum(4), *flaps), "jitter")
    assert (finding.measured, finding.verdict) == (pytest.approx(30.0), Verdict.FAIL)
    assert finding.evidence["demandChanges"] == 0


def test_the_cost_of_the_clairvoyant_is_beside_the_policy_s() -> None:
    """Accelerator-hours show what knowing the load would have saved, where it is known."""
    known = find_one(against(minimum(3), (0.0, 5)), "accelerator-hours")
    assert known.evidence["clairvoyantHours"] == pytest.approx(1.0)
    unknown = find_one(against(None, (0.0, 5)), "accelerator-hours")
    assert unknown.evidence["clairvoyantHours"] is None
