"""The objective is judged at the client, from the intended arrival, and monotonically."""

from __future__ import annotations

import numpy as np
import pytest
from factories import (
    find_one,
    make_load,
    make_plan,
    make_recording,
    make_requests,
    make_series,
    make_window,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.checks.finding import Verdict
from scalecert.checks.judge import judge
from scalecert.engines.request_log import Status
from scalecert.recording.model import Recording
from scalecert.recording.plan import ObjectiveTerm

METRICS = ("ttft", "tpot", "mean_time_per_token", "e2e")
GOODNESS = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
STEADY = settings(max_examples=60, derandomize=True, deadline=None)


def recording_of(
    ttft: list[float], objective: tuple[ObjectiveTerm, ...] = (), **columns: np.ndarray
) -> Recording:
    """Return a run of requests a second apart with these times to first token (NaN: none)."""
    arrivals = np.arange(len(ttft), dtype=float)
    first = arrivals + np.array(ttft)
    served = np.isfinite(first)
    facts = {
        "first_token_seconds": first,
        "last_token_seconds": first + 0.02 * 127,
        "status": np.where(served, Status.OK, Status.ABORTED).astype(np.int8),
    }
    requests = make_requests(arrivals, **{**facts, **columns})
    return make_recording(
        requests=requests, objective=objective or (ObjectiveTerm("ttft", 0.95, 2.0),)
    )


def check_of(metric: str) -> str:
    name = metric.replace("_", "-")
    return name if metric == "mean_time_per_token" else f"{name}-objective"


@pytest.mark.parametrize(
    ("metric", "value"),
    [("ttft", 0.5), ("tpot", 0.02), ("mean_time_per_token", 2.84 / 128), ("e2e", 3.04)],
)
def test_each_metric_is_measured_as_defined(metric: str, value: float) -> None:
    """0.2 s queued, TTFT 0.5 s, then 127 gaps of 20 ms: 3.04 s from arrival to last token."""
    recording = make_recording(objective=(ObjectiveTerm(metric, 0.95, value + 0.001),))
    finding = find_one(recording, check_of(metric))
    assert finding.measured == pytest.approx(value)
    assert finding.verdict is Verdict.PASS
    assert finding.limit == pytest.approx(value + 0.001)


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_outside_the_objective_has_no_finding(metric: str) -> None:
    """Nobody asked for it, so nothing is judged."""
    other = next(name for name in METRICS if name != metric)
    recording = make_recording(objective=(ObjectiveTerm(other, 0.95, 9.0),))
    assert find_one(recording, check_of(metric)) is None


def test_latency_counts_from_the_intended_arrival() -> None:
    """A request that was sent late was late for its user."""
    arrivals = np.arange(100.0)
    requests = make_requests(
        arrivals, sent_seconds=arrivals + 5, first_token_seconds=arrivals + 5.5
    )
    late_allowed = [{"id": "generator-on-time", "limit": 10.0}, "ttft-objective"]
    recording = make_recording(plan=make_plan(checks=late_allowed), requests=requests)
    finding = next(f for f in judge(recording) if f.id == "ttft-objective")
    assert finding.measured == pytest.approx(5.5)


def test_requests_without_a_token_are_infinitely_late() -> None:
    """A tenth of a thousand lost breaks a p95 that the others keep; three percent do not."""
    lost = find_one(recording_of([0.1] * 900 + [np.nan] * 100), "ttft-objective")
    kept = find_one(recording_of([0.1] * 970 + [np.nan] * 30), "ttft-objective")
    assert (lost.verdict, lost.measured) == (Verdict.FAIL, None)
    assert "10 % of 1,000 judged requests got no answer" in lost.message
    assert "no-request-lost" in lost.next_step
    assert kept.verdict is Verdict.PASS
    assert kept.evidence["neverAnswered"] == 30


@pytest.mark.parametrize(("requests", "verdict"), [(129, "inconclusive"), (130, "pass")])
@pytest.mark.parametrize("check", ["ttft-objective", "e2e-objective", "slo-attainment"])
def test_a_quantile_needs_its_requests(check: str, requests: int, verdict: str) -> None:
    """129 requests, all fast, don't show a p95: the finding says how many it takes."""
    metric = check.partition("-")[0].replace("slo", "ttft")
    recording = recording_of([0.1] * requests, (ObjectiveTerm(metric, 0.95, 9.0),))
    finding = find_one(recording, check)
    assert finding.verdict == verdict
    assert finding.evidence["requestsNeeded"] == 130
    if verdict == "inconclusive":
        assert "129 requests were judged" in finding.message
        assert "needs 130" in finding.message
        assert "1 more requests" in finding.next_step


@pytest.mark.parametrize(
    ("late", "verdict"), [(34, "pass"), (35, "inconclusive"), (67, "inconclusive"), (68, "fail")]
)
def test_what_chance_could_have_brought_is_inconclusive(late: int, verdict: str) -> None:
    """Of 1,000 requests, a p95 lets 50 be late: 35 to 67 could be either side of its limit."""
    recording = recording_of([9.0] * late + [0.1] * (1000 - late))
    for check in ("ttft-objective", "slo-attainment"):
        assert find_one(recording, check).verdict == verdict


def test_a_doubtful_quantile_says_what_would_decide() -> None:
    """How many were late, that it can't be told, and what would: more requests or fewer late."""
    finding = find_one(recording_of([9.0] * 40 + [0.1] * 960), "ttft-objective")
    assert finding.message == (
        "TTFT p95 is 100 ms over 1,000 judged requests; 40 of 1,000 requests were late, TTFT p95"
        " can't be told from its limit with 99 % confidence"
    )
    assert finding.next_step == (
        "about 2,000 more requests like these would tell; at most 34 late would pass, 68 fail"
    )
    assert finding.evidence["mostLateForPass"] == 34
    assert finding.evidence["fewestLateForFail"] == 68


def test_a_sure_failure_of_one_term_outranks_another_in_doubt() -> None:
    """The p50 is missed by a little but surely, the p99 by a lot but in doubt."""
    terms = (ObjectiveTerm("ttft", 0.99, 2.0), ObjectiveTerm("ttft", 0.5, 0.1))
    recording = recording_of([0.11] * 985 + [9.0] * 15, terms)
    finding = find_one(recording, "ttft-objective")
    assert (finding.verdict, finding.limit) == (Verdict.FAIL, 0.1)


def test_a_share_of_all_is_a_count_not_an_estimate() -> None:
    """A scenario that asks for every request to keep its limits is not told to send more."""
    fast = recording_of([0.1] * 20)
    assert find_one(fast, "slo-attainment", limit=1.0).verdict is Verdict.PASS
    slow = recording_of([0.1] * 1000 + [9.0])
    assert find_one(slow, "slo-attainment", limit=1.0).verdict is Verdict.FAIL


def test_an_answer_that_broke_off_has_a_first_token_but_no_end() -> None:
    """Killed after its first token: TTFT stands, what needs its end is infinite."""
    objective = tuple(ObjectiveTerm(metric, 1.0, 100.0) for metric in METRICS)
    recording = recording_of([0.1] * 10, objective, status=np.full(10, Status.ABORTED, np.int8))
    verdicts = {metric: find_one(recording, check_of(metric)).verdict for metric in METRICS}
    assert verdicts == dict.fromkeys(METRICS, Verdict.FAIL) | {"ttft": Verdict.PASS}


def test_requests_of_one_token_have_no_tpot() -> None:
    """They count neither as fast nor as slow."""
    tokens = np.array([1] * 90 + [128] * 10, np.int32)
    recording = recording_of([0.1] * 100, (ObjectiveTerm("tpot", 0.5, 0.1),), output_tokens=tokens)
    finding = find_one(recording, "tpot-objective")
    assert finding.evidence["judgedRequests"] == 10
    assert find_one(recording, "slo-attainment").measured == 1.0


def test_requests_inside_a_window_are_not_judged() -> None:
    """The window is judged by recovery; arrivals on its end are judged again."""
    slow = [9.0 if 100 <= second < 200 else 0.1 for second in range(1000)]
    base = recording_of(slow, (ObjectiveTerm("ttft", 0.99, 2.0),))
    assert find_one(base, "ttft-objective").verdict is Verdict.FAIL
    windowed = make_recording(
        requests=base.requests,
        objective=base.plan.objective,
        windows=(make_window(100.0, 200.0, 1.0, 9.0),),
    )
    finding = find_one(windowed, "ttft-objective")
    assert finding.verdict is Verdict.PASS
    assert finding.evidence["judgedRequests"] == 900


def test_of_several_terms_the_worst_is_shown_and_all_are_in_evidence() -> None:
    """A p50 that is four times its limit matters more than a p99 that is kept."""
    terms = (ObjectiveTerm("ttft", 0.99, 2.0), ObjectiveTerm("ttft", 0.5, 0.1))
    finding = find_one(recording_of([0.4] * 100, terms), "ttft-objective")
    assert (finding.measured, finding.limit) == (pytest.approx(0.4), 0.1)
    assert set(finding.evidence["terms"]) == {"ttft_p99=2s", "ttft_p50=100ms"}


def test_the_worst_minute_is_named() -> None:
    """Who looks into a failure knows where to look."""
    late = [9.0 if 300 <= second < 340 else 0.1 for second in range(600)]
    minute = find_one(recording_of(late), "ttft-objective").evidence["worstMinute"]
    assert minute == {"startSeconds": 300.0, "late": 40, "requests": 60}


def test_no_judged_request_is_no_data() -> None:
    """A percentile of nothing is not a pass."""
    recording = make_recording(windows=(make_window(0.0, 1200.0, 0.0, 9.0),))
    for check in ("ttft-objective", "slo-attainment"):
        assert find_one(recording, check).verdict is Verdict.INCONCLUSIVE


def test_attainment_limit_is_the_union_bound() -> None:
    """Two p95 terms leave at least 90 % that keep both."""
    finding = find_one(make_recording(), "slo-attainment")
    assert (finding.measured, finding.limit, finding.comparison) == (1.0, 0.9, ">=")


def test_a_scenario_may_ask_for_more() -> None:
    """Its own limit replaces the default."""
    recording = recording_of([0.1] * 970 + [9.0] * 30)
    assert find_one(recording, "slo-attainment").verdict is Verdict.PASS
    assert find_one(recording, "slo-attainment", limit=0.99).verdict is Verdict.FAIL


def test_an_answer_in_no_time_passes() -> None:
    """A latency of zero is the best there is, not something to divide by."""
    assert find_one(recording_of([0.0] * 200), "ttft-objective").verdict is Verdict.PASS


def test_a_policy_at_its_maximum_is_told_to_raise_it() -> None:
    """Lowering a target changes nothing where no replica can be added, if that is the need."""
    slow = recording_of([9.0] * 200)

    def at_maximum(peak: float) -> str:
        recording = make_recording(
            requests=slow.requests,
            objective=slow.plan.objective,
            series=make_series((0.0, 10)),
            load=make_load(peak_per_second=peak),
        )
        return find_one(recording, "ttft-objective").next_step

    assert "lower the target of vllm:num_requests_running from 10 to about 5" in (
        find_one(slow, "ttft-objective").next_step
    )
    assert "raise maxReplicas above 10" in at_maximum(26.0)
    assert "raise maxReplicas" not in at_maximum(19.0)


@STEADY
@given(
    ttft=st.lists(st.floats(0.0, 4.0) | st.just(np.nan), min_size=8, max_size=40),
    repeated=st.sampled_from([1, 5, 20]),
    q=st.sampled_from([0.5, 0.9, 0.95]),
    data=st.data(),
)
def test_improving_a_latency_never_makes_a_verdict_worse(
    ttft: list[float], repeated: int, q: float, data: st.DataObject
) -> None:
    """Neither a quantile nor the attainment gets worse when one request gets better."""
    ttft *= repeated
    index = data.draw(st.integers(0, len(ttft) - 1))
    was = ttft[index]
    better = list(ttft)
    better[index] = data.draw(st.floats(0.0, 4.0 if np.isnan(was) else was))
    objective = (
        ObjectiveTerm("ttft", q, 2.0),
        ObjectiveTerm("mean_time_per_token", q, 0.035),
        ObjectiveTerm("e2e", q, 6.0),
    )
    before, after = (
        recording_of(times, objective, scheduled_seconds=np.arange(len(times), dtype=float))
        for times in (ttft, better)
    )
    for check in (*(check_of(term.metric) for term in objective), "slo-attainment"):
        was_found, found = find_one(before, check).verdict, find_one(after, check).verdict
        assert GOODNESS.index(found) >= GOODNESS.index(was_found)


@STEADY
@given(late=st.tuples(st.integers(0, 30), st.integers(0, 30)), requests=st.integers(64, 600))
def test_terms_that_hold_imply_the_attainment(late: tuple[int, int], requests: int) -> None:
    """By the union bound the joint finding passes where every single one passes."""
    objective = (ObjectiveTerm("ttft", 0.9, 2.0), ObjectiveTerm("e2e", 0.8, 4.0))
    slow_start, slow_rest = late
    fast = recording_of([3.0] * slow_start + [0.1] * (requests - slow_start), objective)
    last = fast.requests["last_token_seconds"]
    last[requests - slow_rest :] += 9.0
    singles = [find_one(fast, f"{term.metric}-objective").verdict for term in objective]
    joint = find_one(fast, "slo-attainment").verdict
    assert joint is Verdict.PASS or set(singles) != {Verdict.PASS}


def partly_streamed(share: int, metric: str, requests: int = 2000, **columns) -> Recording:
    """Return a sound run in which every `share`-th request was streamed; the others are slow."""
    arrivals = np.arange(float(requests))
    seen = np.arange(requests) % share == 0
    first = np.where(seen, arrivals + 0.5, np.nan)
    last = arrivals + 0.5 + 0.02 * 127
    facts = {
        "first_token_seconds": first,
        "last_token_seconds": last,
        "scheduled_seconds": np.where(seen, arrivals + 0.2, np.nan),
        "streamed": seen.astype(np.int8),
    }
    limit = {"ttft": 0.6, "tpot": 0.03, "mean_time_per_token": 0.03, "e2e": 4.0}[metric]
    return make_recording(
        requests=make_requests(arrivals, **{**facts, **columns}),
        objective=(ObjectiveTerm(metric, 0.95, limit),),
    )


@pytest.mark.parametrize("metric", ["ttft", "tpot", "mean_time_per_token"])
def test_what_was_not_streamed_says_nothing_of_first_tokens(metric: str) -> None:
    """Requests whose first token nobody saw are no late ones, and the share is told."""
    finding = find_one(partly_streamed(4, metric), check_of(metric))
    assert finding.verdict is Verdict.PASS
    assert "over 500 judged requests (of the 25 % that were streamed)" in finding.message
    assert finding.evidence["streamedShare"] == 0.25


def test_whole_answers_are_told_of_every_request() -> None:
    """End-to-end latency needs no first token, so all requests count and nothing is added."""
    finding = find_one(partly_streamed(4, "e2e"), "e2e-objective")
    assert "is 3.04 s over 2,000 judged requests" in finding.message
    assert "streamed" not in finding.message
    assert "streamedShare" not in finding.evidence


def test_too_few_streamed_requests_are_inconclusive() -> None:
    """A share that leaves too few requests for the quantile shows nothing, however good."""
    finding = find_one(partly_streamed(50, "ttft"), "ttft-objective")
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "40 requests were judged, TTFT p95 needs 130" in finding.message
    assert finding.next_step.endswith("; a machine that streams more helps too")


def test_no_streamed_request_is_no_data() -> None:
    """Without any, the finding says so instead of calling every request late."""
    none = np.zeros(2000, dtype=np.int8)
    finding = find_one(partly_streamed(2, "ttft", streamed=none), "ttft-objective")
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.message == "no data: no judged request was streamed"


def test_attainment_is_of_the_requests_that_tell() -> None:
    """Who was not streamed neither keeps nor breaks a limit of the first token."""
    recording = partly_streamed(4, "ttft")
    found = find_one(recording, "slo-attainment")
    assert found.evidence["judgedRequests"] == 500
    assert found.measured == 1.0
    late = np.array(recording.requests["first_token_seconds"])
    late[::8] += 10.0
    assert find_one(
        partly_streamed(4, "ttft", first_token_seconds=late), "slo-attainment"
    ).measured == pytest.approx(0.5)


def test_a_streamed_request_that_was_lost_is_late() -> None:
    """No first token because nobody answered is the server's, not the client's, doing."""
    status = np.full(2000, Status.OK, dtype=np.int8)
    status[::8] = Status.ABORTED
    first = np.array(partly_streamed(4, "ttft").requests["first_token_seconds"])
    first[::8] = np.nan
    finding = find_one(
        partly_streamed(4, "ttft", status=status, first_token_seconds=first), "ttft-objective"
    )
    assert finding.verdict is Verdict.FAIL
    assert finding.evidence["neverAnswered"] == 250
