"""Signals that do not hear the load are named; no target is advised for them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from factories import (
    DURATION,
    find_one,
    make_load,
    make_recording,
    make_requests,
    make_series,
    make_signal,
)

SYNCS = np.arange(15.0, DURATION + 1, 15.0)
DUTY_CYCLE = make_signal(
    source_type="External", metric="duty_cycle", target_value=85.0, maximum=400.0, aggregation="sum"
)


def advised(values: np.ndarray, **plan_changes: object) -> str:
    """Return what is said of a fleet that grew from 5 to all 10 replicas after five minutes."""
    series = make_series((0.0, 5), (300.0, 10), sync__metric__0__value=values)
    recording = make_recording(series=series, signals=(DUTY_CYCLE,), **plan_changes)
    return find_one(recording, "accelerator-hours", limit=1.0).next_step


def test_a_metric_that_more_replicas_do_not_lower():
    """It asks for replicas without end: the target is not at fault."""
    said = advised(np.full(SYNCS.size, 100.0))
    assert said.startswith("duty_cycle still was 100 with all 10 replicas, its target is 85")
    assert "target of duty_cycle from" not in said


def test_a_metric_that_is_shared_out_has_a_target_too_low():
    """With twice the replicas each has half of it: it does hear the load."""
    said = advised(np.where(SYNCS < 390.0, 200.0, 100.0))
    assert said.startswith("raise the target of duty_cycle from 85")


def test_a_metric_that_stays_high_because_the_load_grew_with_the_fleet_is_not_deaf():
    """Each replica has as much to do as before, so that more of them lowered nothing."""
    doubled = make_load((0.0, 390.0, 10.0, 10.0), (390.0, DURATION, 20.0, 20.0))
    said = advised(np.full(SYNCS.size, 100.0), load=doubled)
    assert said.startswith("raise the target of duty_cycle from 85")


def test_a_metric_that_has_met_its_target_is_not_deaf():
    """Below its target it asks for nothing, whatever it was before."""
    said = advised(np.where(SYNCS < 390.0, 100.0, 84.0))
    assert said.startswith("raise the target of duty_cycle from 85")


@pytest.mark.parametrize(
    ("maximum", "said"),
    [
        (100.0, "duty_cycle ends at 100, so no higher target than 85 helps"),
        (200.0, "raise the target of duty_cycle from 85 to about 145, "),
    ],
)
def test_no_target_is_advised_that_the_metric_can_not_exceed(maximum: float, said: str):
    """Where no higher target leaves room, it is the metric that has to go."""
    series = make_series((0.0, 10), sync__metric__0__value=np.full(SYNCS.size, 84.0))
    signals = (msgspec.structs.replace(DUTY_CYCLE, maximum=maximum),)
    recording = make_recording(series=series, signals=signals)
    assert find_one(recording, "accelerator-hours", limit=0.5).next_step.startswith(said)


def test_an_external_metric_that_is_never_silent():
    """With nobody there, what it shows is not the load of these servers."""
    gone = make_load((0.0, 600.0, 10.0, 10.0), (600.0, DURATION, 0.0, 0.0))
    requests = np.arange(0.0, 600.0, 0.1)
    series = make_series(sync__metric__0__value=np.full(SYNCS.size, 60.0))
    recording = make_recording(
        series=series, signals=(DUTY_CYCLE,), load=gone, requests=make_requests(requests)
    )
    said = find_one(recording, "return-to-minimum", limit=300.0).next_step
    assert said.startswith(
        "duty_cycle still was 60 for each replica when the last request was gone"
    )


def test_an_external_metric_that_falls_silent_is_sound():
    """What it shows before the last answer, and shortly after, is these servers'."""
    gone = make_load((0.0, 600.0, 10.0, 10.0), (600.0, DURATION, 0.0, 0.0))
    requests = np.arange(0.0, 600.0, 0.1)
    series = make_series(sync__metric__0__value=np.where(SYNCS < 800.0, 60.0, 0.0))
    recording = make_recording(
        series=series, signals=(DUTY_CYCLE,), load=gone, requests=make_requests(requests)
    )
    assert "duty_cycle" not in find_one(recording, "return-to-minimum", limit=300.0).next_step
