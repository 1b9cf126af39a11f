"""Next steps name what holds a policy back, the surest cause first."""

from __future__ import annotations

import numpy as np
import pytest
from factories import (
    DURATION,
    find_one,
    make_load,
    make_policy,
    make_recording,
    make_requests,
    make_series,
    make_signal,
)


def told(series: dict[str, np.ndarray] | None = None, **plan_changes: object) -> str:
    """Return the next step for a TTFT of a minute."""
    requests = make_requests()
    requests["first_token_seconds"] += 60.0
    recording = make_recording(requests=requests, series=series, **plan_changes)
    return find_one(recording, "ttft-objective").next_step


def with_scale_up(**rules: object) -> dict[str, object]:
    return {"policy": make_policy(spec={"behavior": {"scaleUp": rules}})}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (with_scale_up(selectPolicy="Disabled"), "remove behavior.scaleUp.selectPolicy: Disabled"),
        (
            with_scale_up(stabilizationWindowSeconds=300),
            "lower behavior.scaleUp.stabilizationWindowSeconds from 300 to 0",
        ),
        (
            with_scale_up(policies=[{"type": "Pods", "value": 1, "periodSeconds": 300}]),
            "allow larger steps in behavior.scaleUp.policies",
        ),
        (
            {"signals": (make_signal(tolerance_up=2.0),)},
            "lower behavior.scaleUp.tolerance from 2 to 0.1",
        ),
        ({"scrape_interval_seconds": 300.0}, "scrape every 15s instead of every 300s"),
        (
            {"signals": (make_signal(source_type="Resource", metric="cpu"),)},
            "cpu of the server does not tell",
        ),
        ({}, "lower the target of vllm:num_requests_running from 10 to about 5"),
    ],
    ids=["disabled", "window", "pace", "tolerance", "scrapes", "cpu", "target"],
)
def test_what_holds_the_policy_back_is_named(changes: dict[str, object], expected: str) -> None:
    """A lower target helps only where nothing else is in the way."""
    assert told(**changes).startswith(expected)


def test_the_default_pace_is_no_brake() -> None:
    """100 percent or 4 pods per 15 s, whichever is more."""
    policies = [
        {"type": "Percent", "value": 100, "periodSeconds": 15},
        {"type": "Pods", "value": 4, "periodSeconds": 15},
    ]
    assert told(**with_scale_up(policies=policies)).startswith("lower the target")
    slow = {"policies": [*policies, {"type": "Pods", "value": 1, "periodSeconds": 60}]}
    assert told(**with_scale_up(**slow)).startswith("lower the target")
    assert told(**with_scale_up(**slow, selectPolicy="Min")).startswith("allow larger steps")


def test_a_signal_that_is_zero_under_load_is_named() -> None:
    """Waiting requests say nothing before a server is full; no load at all explains a zero."""
    values = np.where(np.arange(80) % 2 == 0, 0.0, 30.0)
    series = make_series(sync__metric__0__value=values)
    assert "was 0 at 50 % of syncs, under load too" in told(series)
    idle = make_load((0.0, 600.0, 0.0, 0.0), (600.0, 1200.0, 10.0, 10.0))
    assert told(series, load=idle).startswith("lower the target")


def test_pods_that_wait_for_nodes_are_named() -> None:
    """No field of the policy makes up for nodes that are not there."""
    series = make_series((0.0, 5))
    series["pods.bound"] = series["pods.bound"] - 2
    assert told(series) == "add nodes, or warm ones: pods waited for one at 100 % of the run"


def test_restless_replicas_are_told_a_window_that_they_do_not_have_yet() -> None:
    """Beyond the default window it is the tolerance."""
    restless = make_series((0.0, 5), (500.0, 9), (800.0, 3))

    def told_of(seconds: int) -> str:
        spec = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": seconds}}}
        recording = make_recording(series=restless, policy=make_policy(spec=spec))
        return find_one(recording, "steady-swing").next_step

    assert told_of(0).startswith("lengthen behavior.scaleDown.stabilizationWindowSeconds from 0 to")
    assert told_of(300).startswith("widen the tolerance")


@pytest.mark.parametrize(("fallback", "named"), [(0.0, True), (None, False), (5.0, False)])
def test_a_number_in_place_of_missing_data_is_named(fallback: float | None, named: bool) -> None:
    """Replicas went down on what `or vector(0)` gives: that is what to change first."""
    series = make_series()
    series["sync.metric.0.value"][4] = 0.0
    series["sync.spec_replicas"][4], series["sync.desired_replicas"][4] = 4, 1
    step = told(series, signals=(make_signal(fallback=fallback),))
    assert step.startswith("remove `or vector(0)` from the rule") == named
    assert ("replicas went from 4 to 1" in step) == named


def test_a_real_zero_without_load_is_no_fault() -> None:
    """When nobody asks, the number is the truth."""
    series = make_series()
    series["sync.metric.0.value"][4] = 0.0
    series["sync.spec_replicas"][4], series["sync.desired_replicas"][4] = 4, 1
    step = told(
        series, signals=(make_signal(fallback=0.0),), load=make_load((0.0, DURATION, 0.0, 0.0))
    )
    assert not step.startswith("remove")
