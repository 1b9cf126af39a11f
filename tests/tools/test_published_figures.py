"""Figures of runs made by hand: each is what its name says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from factories import (
    make_capacity,
    make_load,
    make_plan,
    make_policy,
    make_recording,
    make_requests,
    make_series,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from published_report.figures import FIGURES
from published_report.phases import levels, phase
from published_report.signals import correlation, rank_correlation

from scalecert.engines.request_log import Status
from scalecert.recording.intervals import Span
from scalecert.recording.model import Recording

STEADY = settings(max_examples=60, derandomize=True, deadline=None)
RUN = Span(0.0, 1200.0)
SYNCS = np.arange(15.0, 1201.0, 15.0)
PEAK = make_load((0.0, 300.0, 4.0, 4.0), (300.0, 900.0, 10.0, 10.0), (900.0, 1200.0, 4.0, 4.0))


def figure(name: str, recording: Recording, span: Span = RUN) -> float:
    return FIGURES[name](recording, span)


def with_series(*changes: tuple[float, int], **series: Any) -> Recording:
    return make_recording(plan=make_plan(load=PEAK), series=make_series(*changes, **series))


def test_phases_are_told_by_the_load():
    """The first constant rate, the highest one, and what follows."""
    plan = make_plan(load=PEAK)
    assert phase(plan, "run") == RUN
    assert phase(plan, "start") == Span(0.0, 300.0)
    assert phase(plan, "peak") == Span(300.0, 900.0)
    assert phase(plan, "after") == Span(900.0, 1200.0)


def test_accelerator_hours_count_every_accelerator_that_is_held():
    """Five replicas for ten minutes, then two."""
    recording = make_recording(series=make_series((0.0, 5), (600.0, 2)))
    assert figure("accelerator-hours", recording) == pytest.approx((5 * 600 + 2 * 600) / 3600)
    assert figure("replicas", recording) == pytest.approx(3.5)
    assert figure("replica-range", recording) == 3.0


def test_growth_compares_the_last_third_with_the_first():
    """Five replicas, then two: three fewer."""
    recording = make_recording(series=make_series((0.0, 5), (600.0, 2)))
    assert figure("growth-of-replicas", recording) == pytest.approx(-3.0)


def test_mean_time_per_token_leaves_queueing_out():
    """0.3 s of prefill and 127 x 20 ms over 128 tokens, whatever came before it."""
    expected = (0.3 + 127 * 0.02) / 128
    for name in ("mean", "p95", "p99", "worst-minute"):
        found = figure(f"mean-time-per-token-{name}", make_recording())
        assert found == pytest.approx(expected), name


def test_the_worst_minute_is_a_mean_over_who_came_in_it():
    """One slow minute shows, one slow request among six hundred hardly."""
    log = make_requests()
    slow = log["arrival_seconds"] // 60 == 7
    log["last_token_seconds"] = log["last_token_seconds"] + np.where(slow, 12.8, 0.0)
    found = figure("mean-time-per-token-worst-minute", make_recording(requests=log))
    assert found == pytest.approx((0.3 + 127 * 0.02 + 12.8) / 128)


def test_what_is_not_served_counts_as_that_and_nowhere_else():
    """Latencies are those of the served."""
    log = make_requests()
    log["status"][::4] = Status.REJECTED
    log["last_token_seconds"][::4] = np.nan
    recording = make_recording(requests=log)
    assert figure("unserved-share", recording) == pytest.approx(0.25)
    assert figure("served-per-second", recording) == pytest.approx(7.5, rel=0.01)
    assert np.isfinite(figure("e2e-mean", recording))


def test_a_span_without_requests_has_no_latency():
    """NaN, so that no claim is decided by it."""
    empty = Span(1200.0, 1300.0)
    for name in ("e2e-mean", "e2e-p95", "e2e-worst-minute", "unserved-share"):
        assert np.isnan(figure(name, make_recording(), empty)), name


def test_the_wait_before_a_scale_down_begins_with_the_last_higher_wish():
    """Ten were asked for until 600 s, five are left from 915 s on."""
    wished = np.where(SYNCS <= 600, 10.0, 5.0)
    spec = np.where(SYNCS <= 915, 10.0, 5.0)
    left = np.where(SYNCS < 915, 10.0, 5.0)
    recording = with_series(
        sync__metric__0__desired=wished, sync__spec_replicas=spec, sync__desired_replicas=left
    )
    assert figure("downscale-wait", recording) == pytest.approx(315.0)


def test_no_scale_down_has_no_wait():
    """Replicas that never go say nothing of when they would."""
    assert np.isnan(figure("downscale-wait", make_recording()))


def test_the_change_of_a_signal_is_taken_before_replicas_follow():
    """10 until the load falls at 900 s, 4 from then on: less by 60 %."""
    value = np.where(SYNCS < 900, 10.0, 4.0)
    recording = with_series(sync__metric__0__value=value)
    after = phase(recording.plan, "after")
    assert figure("signal-change", recording, after) == pytest.approx(-0.6)


def test_a_signal_that_shows_the_latency_correlates_with_it():
    """The slower the requests that just ended, the higher; turned round, the lower."""
    log = make_requests()
    slower = log["arrival_seconds"] / 1200
    log["last_token_seconds"] = log["last_token_seconds"] + slower
    for sign in (1.0, -1.0):
        series = make_series(sync__metric__0__value=sign * SYNCS)
        recording = make_recording(series=series, requests=log)
        assert figure("signal-against-e2e", recording) == pytest.approx(sign)


def test_a_signal_that_shows_the_throughput_correlates_with_it():
    """Twice the requests in the second half, and a signal that doubles."""
    arrivals = np.concatenate((np.arange(0, 600, 0.2), np.arange(600, 1200, 0.1)))
    series = make_series(sync__metric__0__value=np.where(SYNCS < 610, 5.0, 10.0))
    recording = make_recording(series=series, requests=make_requests(arrivals))
    assert figure("signal-against-throughput", recording) > 0.8


def test_levels_are_told_apart_by_what_the_fleet_serves_at_most():
    """Ten replicas of 1 saturated request per second each; of every level the second half."""
    load = make_load((0.0, 400.0, 4.0, 4.0), (400.0, 800.0, 8.0, 8.0), (800.0, 1200.0, 12.0, 12.0))
    plan = make_plan(load=load, capacity=make_capacity(1 / 1.2), policy=make_policy())
    assert levels(plan) == ([Span(200.0, 400.0), Span(600.0, 800.0)], [Span(1000.0, 1200.0)])


def test_the_law_of_saturation_is_read_from_the_levels():
    """Served as offered below; flat beyond, where latency is what the backlog makes it."""
    load = make_load(
        (0.0, 300.0, 4.0, 4.0),
        (300.0, 600.0, 8.0, 8.0),
        (600.0, 900.0, 12.0, 12.0),
        (900.0, 1200.0, 14.0, 14.0),
    )
    plan = make_plan(load=load, capacity=make_capacity(1 / 1.2))
    arrivals = np.concatenate(
        [np.arange(start, start + 300, 1 / rate) for start, rate in ((0, 4), (300, 8))]
        + [np.arange(start, start + 300, 1 / rate) for start, rate in ((600, 12), (900, 14))]
    )
    served = arrivals + 1.0
    beyond = arrivals >= 600
    served[beyond] = 601.0 + np.arange(np.count_nonzero(beyond)) / 10
    log = {**make_requests(arrivals), "last_token_seconds": served}
    outstanding = [np.sum((arrivals <= sync) & (served > sync)) for sync in SYNCS]
    value = np.where((SYNCS >= 450) & (SYNCS < 600), 7.0, 1.0)
    series = make_series(
        engine__outstanding=np.array(outstanding, float), sync__metric__0__value=value
    )
    recording = make_recording(plan=plan, series=series, requests=log)
    assert figure("signal-below", recording) == 7.0
    assert figure("throughput-below", recording) == pytest.approx(1.0, abs=0.01)
    assert figure("throughput-beyond", recording) == pytest.approx(1.0, abs=0.01)
    assert figure("latency-growth-below", recording) == pytest.approx(1.0)
    assert figure("latency-growth-beyond", recording) > 10
    assert figure("backlog-against-latency", recording, Span(600.0, 1200.0)) > 0.99


@STEADY
@given(st.lists(st.integers(-50, 50), min_size=3, max_size=30, unique=True))
def test_ranks_see_order_alone(values: list[int]):
    """Any rising function of a signal tells as much as the signal."""
    one = np.array(values, float)
    assert rank_correlation(one, np.exp(one / 10)) == pytest.approx(1.0)
    assert rank_correlation(one, -one) == pytest.approx(-1.0)


def test_equal_values_share_their_rank_and_a_constant_tells_nothing():
    """Spearman's with ties: 1, 2.5, 2.5, 4 against 1 to 4."""
    one = np.array([1.0, 2.0, 2.0, 9.0])
    ranks = correlation(np.array([1.0, 2.5, 2.5, 4.0]), np.arange(4.0))
    assert rank_correlation(one, np.arange(4.0)) == pytest.approx(ranks)
    assert rank_correlation(np.ones(4), one) == 0.0
    assert np.isnan(rank_correlation(np.array([1.0, np.nan, 2.0]), np.arange(3.0)))
