"""The signal: known real failures (unit mismatch, out of reach, renamed, pinned) have a name."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytest
from factories import (
    DURATION,
    find_one,
    make_load,
    make_plan,
    make_recording,
    make_requests,
    make_series,
    make_signal,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.checks.finding import Verdict
from scalecert.checks.reach import reachable
from scalecert.checks.signal import present_statically
from scalecert.engines.request_log import Status
from scalecert.recording.model import Recording
from scalecert.recording.plan import Signal, UsualMaximum

SYNCS = 80
RISING = make_load((0.0, 600.0, 3.0, 3.0), (600.0, 1200.0, 9.0, 9.0))


def with_signals(*signals: Signal, **series: np.ndarray) -> Recording:
    return make_recording(
        plan=make_plan(signals=signals, load=RISING), series=make_series(**series)
    )


def values(*missing: int) -> np.ndarray:
    """Return the signal at every sync, absent at these."""
    found = np.linspace(5.0, 15.0, SYNCS)
    found[list(missing)] = np.nan
    return found


def test_a_metric_that_does_not_exist_fails_before_anything_ran() -> None:
    """Why it does not, and what the engine calls it, are in the finding."""
    gone = make_signal(
        metric="vllm:gpu_cache_usage_perc",
        exists=False,
        reason="vllm v0.11 does not expose it",
        hint="vllm v0.11 calls it vllm:kv_cache_usage_perc",
    )
    finding = find_one(with_signals(gone), "signal-present")
    assert (finding.verdict, finding.measured) == (Verdict.FAIL, 0.0)
    assert finding.message == (
        "vllm:gpu_cache_usage_perc does not exist: vllm v0.11 does not expose it"
    )
    assert finding.next_step == "vllm v0.11 calls it vllm:kv_cache_usage_perc"


@pytest.mark.parametrize(
    ("missing", "share", "verdict"),
    [
        ((), 1.0, Verdict.PASS),
        ((0, 1, 2), 1.0, Verdict.PASS),
        ((10, 20, 30), 74 / 77, Verdict.PASS),
        ((10, 20, 30, 40), 73 / 77, Verdict.FAIL),
        (tuple(range(SYNCS)), 0.0, Verdict.FAIL),
    ],
)
def test_the_share_of_syncs_with_a_value(
    missing: tuple[int, ...], share: float, verdict: Verdict
) -> None:
    """Counted from a minute after the first ready pod: the first three syncs are excused."""
    finding = find_one(
        with_signals(make_signal(), sync__metric__0__value=values(*missing)), "signal-present"
    )
    assert (finding.measured, finding.verdict) == (pytest.approx(share), verdict)


def test_of_several_metrics_the_worst_counts() -> None:
    """Each has to be there; two of one name are told apart."""
    recording = with_signals(
        make_signal(),
        make_signal(index=1),
        sync__metric__0__value=values(),
        sync__metric__1__value=values(*range(40)),
    )
    finding = find_one(recording, "signal-present")
    assert finding.measured == pytest.approx(40 / 77)
    assert [entry["index"] for entry in finding.evidence["metrics"]] == [0, 1]


def test_what_the_hpa_said_is_evidence() -> None:
    """Its event has the reason that an operator would look for."""
    event = {"time": 15.0, "kind": "hpa-event", "reason": "FailedGetPodsMetric", "message": "none"}
    recording = with_signals(make_signal(), sync__metric__0__value=values(*range(SYNCS)))
    told = Recording(recording.plan, recording.series, recording.requests, (event,))
    assert find_one(told, "signal-present").evidence["failures"] == [event]


@pytest.mark.parametrize(
    "series",
    [
        {"pods__ready": np.zeros(1)},
        {"sync__time_seconds": np.arange(SYNCS) / 2},
        {"sync__metric__0__value": np.array([])},
    ],
    ids=["no pod ever ready", "no sync after the grace", "no series"],
)
def test_nothing_seen_is_inconclusive(series: dict[str, np.ndarray]) -> None:
    """Without a pod or a sync nobody knows whether the signal would have been there."""
    assert (
        find_one(with_signals(make_signal(), **series), "signal-present").verdict
        is Verdict.INCONCLUSIVE
    )


def test_a_fraction_against_fifty_is_a_unit_mismatch() -> None:
    """0 to 1 can't reach 50; the next step has the number and how a manifest writes it."""
    signal = make_signal(metric="vllm:kv_cache_usage_perc", target_value=50.0, maximum=1.0)
    finding = find_one(with_signals(signal), "signal-reachable")
    assert finding.verdict is Verdict.FAIL
    assert finding.message == (
        "unit mismatch: vllm:kv_cache_usage_perc is a fraction 0-1 against a target of 50, "
        "it never scales up"
    )
    assert finding.next_step == "did you mean 0.5 (500m)?"


def test_fractions_of_several_accelerators_added_up_are_fractions_still() -> None:
    """Two of them end at 2, far from 85 all the same."""
    outcome = reachable([make_signal(target_value=85.0, maximum=2.0, unit="fraction")])
    assert outcome is not None
    assert "is a fraction 0-2 against a target of 85" in outcome.message
    assert outcome.next_step == "did you mean 0.85 (850m)?"


def test_memory_that_cannot_be_reached_is_told_in_gibibytes() -> None:
    """Twelve digits of bytes are nothing to read."""
    signal = make_signal(metric="memory_used", target_value=200e9, maximum=126 * 2.0**30)
    outcome = reachable([msgspec.structs.replace(signal, unit="bytes")])
    assert outcome is not None
    assert "can't exceed 126 GiB, a scale-up needs more than 205 GiB" in outcome.message
    assert outcome.next_step.endswith("from 186Gi to at most about 91.6Gi")


@pytest.mark.parametrize(
    ("maximum", "verdict"), [(100.0, Verdict.FAIL), (110.0, Verdict.FAIL), (110.1, Verdict.PASS)]
)
def test_the_maximum_must_exceed_target_and_tolerance(maximum: float, verdict: Verdict) -> None:
    """At 1.1 x target the HPA still does nothing: its tolerance includes the bound."""
    signal = make_signal(target_value=100.0, maximum=maximum)
    finding = find_one(with_signals(signal), "signal-reachable")
    assert (finding.verdict, finding.comparison, finding.limit) == (verdict, ">", 1.0)


def test_a_target_out_of_reach_gets_one_that_is_not() -> None:
    """256 slots and a target of 300: about 190 leaves room above the tolerance."""
    finding = find_one(with_signals(make_signal(target_value=300.0)), "signal-reachable")
    assert "can't exceed 256, a scale-up needs more than 330" in finding.message
    assert finding.next_step == (
        "lower the target of vllm:num_requests_running from 300 to at most about 186"
    )


@settings(max_examples=100, derandomize=True, deadline=None)
@given(target=st.floats(0.01, 1e4), tolerance=st.floats(0.0, 0.5), maximum=st.floats(0.01, 1e4))
def test_the_suggested_target_is_reachable(target: float, tolerance: float, maximum: float) -> None:
    """Following the next step never leads to the same failure again."""
    signal = make_signal(target_value=target, tolerance_up=tolerance, maximum=maximum)
    outcome = reachable([signal])
    assert (outcome.measured > 1) == (round(maximum / (target * (1 + tolerance)), 12) > 1)
    if outcome.measured <= 1:
        suggested = re.search(
            r"(?:at most about|at most|did you mean) ([^ ?:]+)", outcome.next_step
        )
        assert suggested
        assert float(suggested[1]) * (1 + tolerance) < maximum


def test_a_target_within_the_tolerance_of_the_maximum_gets_the_highest_that_is_not() -> None:
    """A fraction of slots against 0.95 never triggers, 0.9 does: the tolerance is named."""
    slots = make_signal(metric="jetstream_slots_used_percentage", target_value=0.95, maximum=1.0)
    outcome = reachable([slots])
    assert outcome.measured < 1
    assert outcome.message == (
        "jetstream_slots_used_percentage can't exceed 1, a scale-up needs more than 1.045"
        " (target 0.95 and 10 % tolerance): it never scales up"
    )
    assert outcome.next_step == (
        "lower the target of jetstream_slots_used_percentage from 0.95 (950m) to at most 0.9"
        " (900m): target x 1.1 must stay below 1"
    )
    assert reachable([make_signal(target_value=0.9, maximum=1.0)]).measured > 1


def test_a_gauge_that_is_always_zero_is_said_to_be() -> None:
    """A queue that the engine never fills has no target that would work."""
    outcome = reachable([make_signal(metric="jetstream_transfer_backlog_size", maximum=0.0)])
    assert (outcome.measured, outcome.message) == (
        0.0,
        "jetstream_transfer_backlog_size can't exceed 0: it is always 0, so it never scales up",
    )
    assert outcome.next_step.startswith("scale on a metric that follows the load")


def by_sizes(target: float, *, highest: float = 37.0, maximum: float | None = 128.0) -> Signal:
    """Return a batch whose requests reserve so much that 35 fit."""
    usual = UsualMaximum(value=35.0, highest=highest, input_tokens=256.3, output_tokens=128.1)
    return make_signal(
        metric="tgi_batch_current_size", target_value=target, maximum=maximum, usual_maximum=usual
    )


@pytest.mark.parametrize(("target", "room"), [(30.0, 37 / 33), (35.0, 37 / 38.5), (50.0, 37 / 55)])
def test_the_requests_sizes_bound_a_batch(target: float, room: float) -> None:
    """Below the engine's own limit a batch stays where its requests fill the cache."""
    outcome = reachable([by_sizes(target)])
    assert outcome.measured == pytest.approx(room)
    assert "with requests of 256 tokens in and 128 out" in outcome.message


def test_a_target_that_such_requests_never_reach_says_where_they_stay() -> None:
    """The message has the level, what chance adds to it, and the sizes; the target comes down."""
    outcome = reachable([by_sizes(35.0)])
    assert outcome.message == (
        "tgi_batch_current_size stays around 35 (37 by chance) with requests of 256 tokens in and"
        " 128 out, however long the queue, a scale-up needs more than 38.5 (target 35 and 10 %"
        " tolerance): it never scales up"
    )
    assert outcome.next_step == (
        "lower the target of tgi_batch_current_size from 35 to at most about 27"
    )


def test_chance_is_enough_for_a_target_only_just_above() -> None:
    """Random sizes lift a batch above its mean: what they reach at times is no false alarm."""
    assert reachable([by_sizes(35.0, highest=39.0)]).measured > 1


def test_the_engines_own_bound_is_named_where_it_alone_is_too_low() -> None:
    """Of two reasons the one that holds for any load is said."""
    assert "can't exceed 128" in reachable([by_sizes(120.0)]).message
    assert reachable([by_sizes(35.0, maximum=None)]).measured < 1


def test_an_unbounded_metric_has_no_finding() -> None:
    """A queue can always grow further."""
    assert find_one(with_signals(make_signal(maximum=None)), "signal-reachable") is None


def test_one_unreachable_metric_of_two_fails() -> None:
    """It would be dead weight that looks like a safeguard."""
    recording = with_signals(make_signal(maximum=None), make_signal(index=1, target_value=999.0))
    assert find_one(recording, "signal-reachable").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("found", "verdict"),
    [(np.linspace(5, 15, SYNCS), Verdict.PASS), (np.full(SYNCS, 10.0), Verdict.FAIL)],
)
def test_a_pinned_signal_is_found(found: np.ndarray, verdict: Verdict) -> None:
    """Utilization that reads 100 % from light load on tells the autoscaler nothing."""
    finding = find_one(with_signals(make_signal(), sync__metric__0__value=found), "signal-moves")
    assert (finding.verdict, finding.level) == (verdict, "extended")


def test_a_steady_load_asks_no_signal_to_move() -> None:
    """Only where the planned rate varies by half can it be expected to."""
    assert find_one(make_recording(), "signal-moves") is None


def test_the_static_halves_need_no_run() -> None:
    """What is wrong with the manifest can be said at once, from the signals alone."""
    gone, high = make_signal(exists=False, reason="renamed"), make_signal(target_value=999.0)
    assert present_statically([gone]).message.endswith("does not exist: renamed")
    assert reachable([gone, high]).message.endswith("it never scales up")
    assert present_statically([high]) is None
    assert reachable([gone, make_signal(maximum=None)]) is None


def test_what_keeps_the_conditions_green_is_named() -> None:
    """With one metric that has a value the HPA goes on, and no condition tells of the other."""
    gone, there = make_signal(exists=False), make_signal(index=1, metric="cpu")
    message = present_statically([gone, there]).message
    assert message.endswith("the HPA goes by cpu alone, and may show every condition green")


def test_why_a_metric_can_not_rise_far_enough_is_said() -> None:
    """Where more than the engine's bound is in the way, the finding has the signal's reason."""
    divided = make_signal(maximum=1.0, reason="it is divided twice", hint="divide once")
    outcome = reachable([divided])
    assert outcome.message == f"{divided.metric} can't rise far enough: it is divided twice"
    assert outcome.next_step == "divide once"


def overloaded(*signals: Signal, value: float, ready: float = 1.0) -> Recording:
    """Return a run whose load doubles beyond what its replicas serve, the signal constant."""
    return with_signals(
        *signals,
        sync__ready_replicas=np.full(SYNCS, ready),
        sync__metric__0__value=np.full(SYNCS, value),
    )


def test_a_metric_that_stays_low_under_overload_is_out_of_reach() -> None:
    """Its own bound is above the threshold, but another limit of the server is reached first."""
    recording = overloaded(make_signal(), value=6.0)
    finding = find_one(recording, "signal-reachable")
    assert (finding.verdict, finding.measured) == (Verdict.FAIL, pytest.approx(6.0 / 11.0))
    assert "rose to 6 at most while the replicas were overloaded" in finding.message
    assert finding.next_step.startswith("lower the target of vllm:num_requests_running from 10")


def test_servers_that_refuse_requests_are_the_reason() -> None:
    """TGI takes 128 requests at once: what would have queued is refused instead."""
    recording = overloaded(make_signal(), value=6.0)
    requests = dict(recording.requests)
    requests["status"] = requests["status"].copy()
    requests["status"][:7] = Status.REJECTED
    refusing = Recording(recording.plan, recording.series, requests, recording.events)
    finding = find_one(refusing, "signal-reachable")
    assert finding.message.endswith("the servers refused 7 requests before it rose so far")
    assert finding.next_step.startswith("raise the server's limit on requests, or lower the target")


@pytest.mark.parametrize(("value", "ready"), [(12.0, 1.0), (6.0, 9.0)])
def test_a_metric_that_rises_or_was_never_tried_is_reachable(value: float, ready: float) -> None:
    """Above the threshold under overload, or no overload that could tell."""
    finding = find_one(overloaded(make_signal(), value=value, ready=ready), "signal-reachable")
    assert finding.verdict is Verdict.PASS


def test_one_metric_that_rises_is_enough() -> None:
    """The HPA follows the metric that asks for most."""
    queue = make_signal(index=1, metric="vllm:num_requests_waiting", maximum=None)
    recording = overloaded(make_signal(), queue, value=6.0)
    series = dict(recording.series) | {
        "sync.metric.1.value": np.full(SYNCS, 50.0),
        "sync.metric.1.desired": np.full(SYNCS, 5.0),
    }
    raised = Recording(recording.plan, series, recording.requests, recording.events)
    assert find_one(raised, "signal-reachable").verdict is Verdict.PASS


def test_nothing_is_due_before_the_first_request():
    """Some servers show a series from its first use on; the HPA has nothing to scale for then."""
    values = make_series()["sync.metric.0.value"]
    syncs = make_series()["sync.time_seconds"]
    late = make_requests(np.arange(300.0, DURATION, 0.1))
    seen = make_series(sync__metric__0__value=np.where(syncs < 360.0, np.nan, values))
    assert find_one(make_recording(series=seen, requests=late), "signal-present").measured == 1.0
    assert find_one(make_recording(series=seen), "signal-present").measured < 0.9
    rows = {name: values[::-1] for name, values in make_requests(np.arange(0.0, DURATION)).items()}
    assert find_one(make_recording(series=seen, requests=rows), "signal-present").measured < 0.9
