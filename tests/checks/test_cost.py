"""Waste: what is paid for against the least that carries the load, and how long after it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from factories import (
    find_one,
    make_load,
    make_plan,
    make_policy,
    make_recording,
    make_series,
    make_signal,
)

from scalecert.checks.finding import Verdict
from scalecert.recording.model import Recording
from scalecert.recording.plan import FluidMinimum

FALLING = make_load((0.0, 200.0, 10.0, 10.0), (200.0, 1200.0, 0.0, 0.0))


def paid(*changes: tuple[float, int], **plan_changes: object) -> Recording:
    return make_recording(plan=make_plan(**plan_changes), series=make_series(*changes))


def test_accelerator_hours_are_bound_time_times_accelerators() -> None:
    """Five replicas of two accelerators for 20 min: 3.33 h, $2.33 at 0.70 an hour; 4 are needed."""
    engine = msgspec.structs.replace(make_plan().engine, accelerators_per_replica=2)
    finding = find_one(paid((0.0, 5), engine=engine), "accelerator-hours")
    assert finding.measured == pytest.approx(1.25)
    assert finding.evidence["acceleratorHours"] == pytest.approx(10 / 3)
    assert finding.evidence["cost"] == pytest.approx(7 / 3)
    assert "$2.33" in finding.message


def test_without_a_price_there_are_hours_only() -> None:
    """A price is never guessed."""
    finding = find_one(paid((0.0, 5), price_per_hour=None), "accelerator-hours")
    assert finding.evidence["cost"] is None
    assert "$" not in finding.message


def test_terminating_replicas_are_paid_for() -> None:
    """What counts is bound to an accelerator, not what the spec says."""
    series = make_series((0.0, 4))
    series["pods.bound"] = series["pods.bound"] * 3
    finding = find_one(make_recording(series=series), "accelerator-hours")
    assert (finding.measured, finding.verdict) == (pytest.approx(3.0), Verdict.FAIL)
    assert "raise the target of vllm:num_requests_running from 10 to about 15" in finding.next_step


def test_the_last_bin_of_the_fluid_minimum_ends_with_the_run() -> None:
    """A run of 1,200 s has one and a fifth bins of 1,000 s."""
    finding = find_one(
        paid((0.0, 5), fluid_minimum=FluidMinimum(1000.0, (4, 9))), "accelerator-hours"
    )
    assert finding.evidence["fluidMinimumHours"] == pytest.approx((4 * 1000 + 9 * 200) / 3600)


def test_a_high_minimum_is_the_first_suspect() -> None:
    """Where minReplicas is above one, that is what is paid for."""
    recording = paid((0.0, 10), policy=make_policy(min_replicas=8))
    assert find_one(recording, "accelerator-hours").next_step.startswith("lower minReplicas from 8")


def test_a_load_that_needs_nothing_is_no_data() -> None:
    """There is no ratio to zero."""
    recording = paid((0.0, 5), fluid_minimum=FluidMinimum(15.0, (0,) * 80))
    assert find_one(recording, "accelerator-hours").verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("changes", "measured", "verdict"),
    [
        ([(0.0, 5), (520.0, 3), (700.0, 1)], 500.0, Verdict.PASS),
        ([(0.0, 1)], 0.0, Verdict.PASS),
        ([(0.0, 5), (520.0, 1), (800.0, 2), (1150.0, 1)], 950.0, Verdict.FAIL),
        ([(0.0, 5), (520.0, 2)], None, Verdict.FAIL),
    ],
)
def test_return_to_minimum(
    changes: list[tuple[float, int]], measured: float | None, verdict: Verdict
) -> None:
    """From the fall at 200 s until minReplicas to stay; coming back up again starts over."""
    finding = find_one(paid(*changes, load=FALLING), "return-to-minimum")
    assert (finding.measured, finding.verdict) == (measured, verdict)


def test_a_run_too_short_for_the_limit_shows_nothing() -> None:
    """Not back after 200 s says nothing of a limit of 900 s."""
    load = make_load((0.0, 1000.0, 10.0, 10.0), (1000.0, 1200.0, 0.0, 0.0))
    finding = find_one(paid((0.0, 5), load=load), "return-to-minimum")
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "200 s were left" in finding.message
    assert (
        find_one(paid((0.0, 5), load=load), "return-to-minimum", limit=60.0).verdict is Verdict.FAIL
    )


def test_a_ramp_down_counts_from_half_of_the_minimums_capacity() -> None:
    """From 10/s to 0 in 1,000 s, half of one replica's 3/s is reached at 850 s."""
    load = make_load((0.0, 1000.0, 10.0, 0.0), (1000.0, 1200.0, 0.0, 0.0))
    finding = find_one(paid((0.0, 5), (1000.0, 1), load=load), "return-to-minimum")
    assert finding.measured == pytest.approx(150.0)


@pytest.mark.parametrize(
    "load",
    [
        make_load(),
        make_load((0.0, 1200.0, 0.5, 0.5)),
        make_load((0.0, 600.0, 0.0, 0.0), (600.0, 1200.0, 9.0, 9.0)),
    ],
    ids=["steady", "never high", "rises"],
)
def test_a_load_that_does_not_fall_has_no_finding(load: object) -> None:
    """There is nothing to return from."""
    assert find_one(paid((0.0, 5), load=load), "return-to-minimum") is None


def test_a_long_stabilization_is_named() -> None:
    """The field that keeps replicas is the next step."""
    spec = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 1800}}}
    recording = paid((0.0, 5), load=FALLING, policy=make_policy(spec=spec))
    assert find_one(recording, "return-to-minimum").next_step == (
        "lower behavior.scaleDown.stabilizationWindowSeconds from 1800 to about 300"
    )


@pytest.mark.parametrize(
    ("least", "most", "verdict"),
    [
        (1, 10, Verdict.PASS),
        (2, 10, Verdict.PASS),
        (6, 10, Verdict.FAIL),
        (4, 4, Verdict.FAIL),
        (3, 10, Verdict.PASS),
    ],
)
def test_the_minimum_is_measured_by_the_load(least: int, most: int, verdict: Verdict) -> None:
    """Half of the run needs three replicas, half none: what the minimum keeps beside them counts.

    A fleet that is never scaled may keep no more than the load needs.
    """
    load = make_load((0.0, 600.0, 9.0, 9.0), (600.0, 1200.0, 0.0, 0.0))
    policy = make_policy(min_replicas=least, max_replicas=most)
    bins = (max(least, 3),) * 40 + (least,) * 40
    plan = {"load": load, "policy": policy, "fluid_minimum": FluidMinimum(15.0, bins)}
    finding = find_one(paid((0.0, 5), **plan), "minimum-needed")
    expected = (max(least, 3) + least) / (3 + 1)
    assert (finding.measured, finding.verdict) == (pytest.approx(expected), verdict)
    assert finding.next_step.startswith(f"lower minReplicas from {least}") or (
        verdict is Verdict.PASS
    )


def test_a_policy_that_forbids_scaling_down_is_told_so() -> None:
    """No target brings replicas back where selectPolicy is Disabled."""
    spec = {"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}
    recording = paid((0.0, 10), policy=make_policy(spec=spec), load=FALLING)
    for check in ("accelerator-hours", "return-to-minimum"):
        assert "behavior.scaleDown.selectPolicy: Disabled" in find_one(recording, check).next_step


def test_a_sum_used_as_a_value_is_the_cause_of_waste() -> None:
    """With type Value the target of one pod is compared with the sum over all of them."""
    signals = (make_signal(source_type="Object", target_type="Value"),)
    finding = find_one(paid((0.0, 10), signals=signals), "accelerator-hours")
    assert finding.next_step.startswith("use AverageValue for vllm:num_requests_running")


def test_a_far_too_low_target_is_raised_to_what_the_load_asks_for() -> None:
    """Total of the metric over the replicas of a fleet with headroom, however far that is."""
    series = make_series((0.0, 10), sync__metric__0__value=np.full(80, 10.0))
    series["sync.ready_replicas"] = np.full(80, 10.0)
    recording = make_recording(series=series, signals=(make_signal(target_value=1.0),))
    next_step = find_one(recording, "accelerator-hours").next_step
    assert "raise the target of vllm:num_requests_running from 1 to about 20" in next_step
