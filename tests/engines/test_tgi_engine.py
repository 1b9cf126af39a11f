"""The TGI model against a token-by-token reference, and what must hold of any run."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest
from engines.batched_cases import COSTS, ended
from engines.cut_runs import (
    assert_looking_changes_nothing,
    assert_requests_may_be_offered_as_they_arrive,
)
from engines.reference_tgi import Reference
from engines.tgi_cases import (
    CHUNKED,
    UNCHUNKED,
    Case,
    assert_shows,
    cases,
    gauge,
    refer,
    start,
)
from hypothesis import event, given, settings
from hypothesis import strategies as st

from scalecert.engines.request_log import RequestLog, Status
from scalecert.engines.tgi.engine import TgiEngine


def assert_same(log: RequestLog, engine: TgiEngine, reference: Reference) -> None:
    """Assert that all requests ended as in the reference."""
    for ident, request in enumerate(reference.requests):
        assert log.status[ident] == ended(request)
        for found, wanted in (
            (log.first_token_seconds[ident], request.first),
            (log.last_token_seconds[ident], request.last),
            (log.scheduled_seconds[ident], request.scheduled),
        ):
            assert found == pytest.approx(wanted, rel=1e-9, nan_ok=True)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(case=cases())
def test_equals_the_token_by_token_reference(case: Case) -> None:
    """Times equal the reference's to 1e-9; steps, batch and blocks exactly."""
    reference = refer(case.limits, case.requests, case.costs)
    engine, log = start(case.limits, case.requests, case.costs)
    for look in case.looks:
        engine.advance(look)
        assert_shows(engine, reference, look)
    engine.advance(math.inf)
    assert_same(log, engine, reference)
    sizes = engine.samples(["tgi_batch_next_size"])["tgi_batch_next_size"]
    assert sizes[-1].value == len(reference.joined)
    assert sizes[-2].value == sum(reference.joined)
    event(f"chunking {case.limits.chunking}")
    if any(request.refused for request in reference.requests):
        event("refuses")
    if any(outputs > case.limits.segment_tokens for _, _, outputs in case.requests):
        event("in segments")
    if len(reference.joined) < sum(reference.joined):
        event("join together")


def look(pieces: TgiEngine) -> None:
    """Ask an engine what a world asks it in the middle of a run."""
    pieces.samples(["tgi_queue_size", "tgi_batch_inference_duration"])
    pieces.next_finish_seconds()
    pieces.activity()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(case=cases(), splits=st.lists(st.floats(0.0, 3.0), max_size=12))
def test_looking_changes_nothing(case: Case, splits: list[float]) -> None:
    """Advancing in other pieces gives the same times, bit for bit."""
    looks = splits + case.looks
    assert_looking_changes_nothing(
        lambda: start(case.limits, case.requests, case.costs), looks, look
    )


@settings(max_examples=60, derandomize=True, deadline=None)
@given(case=cases())
def test_requests_may_be_offered_as_they_arrive(case: Case) -> None:
    """Offering each request when the engine stands at its arrival changes nothing."""
    assert_requests_may_be_offered_as_they_arrive(
        lambda offer: start(case.limits, case.requests, case.costs, offer=offer), case.requests
    )


@settings(max_examples=60, derandomize=True, deadline=None)
@given(case=cases())
def test_no_request_is_lost(case: Case) -> None:
    """At any time each arrived request is finished, refused or outstanding, and none twice."""
    engine, log = start(case.limits, case.requests, case.costs)
    for look in [*case.looks, 1e6]:
        engine.advance(look)
        ended = sum(
            status != Status.PENDING and arrival <= look + 1e-9
            for status, (arrival, _, _) in zip(log.status, case.requests, strict=True)
        )
        arrived = sum(arrival <= look + 1e-9 for arrival, _, _ in case.requests)
        assert engine.outstanding() == arrived - ended
        assert (gauge(engine, "tgi_request_success") or 0) == log.status.count(Status.OK)
    assert Status.PENDING not in log.status
    assert engine.outstanding() == engine.held == 0
    assert engine.activity().held_tokens == 0


@settings(max_examples=60, derandomize=True, deadline=None)
@given(case=cases())
def test_next_finish_leads_to_every_finish(case: Case) -> None:
    """Nobody finishes before `next_finish_seconds`, and advancing to it again and again ends."""
    engine, log = start(case.limits, case.requests, case.costs)
    engine.advance(0.0)
    for _ in range(3000):
        coming = engine.next_finish_seconds()
        if coming == math.inf:
            break
        before = log.status.count(Status.OK)
        engine.advance(max(engine.now, coming - 3e-9))
        assert log.status.count(Status.OK) == before
        engine.advance(coming)
    assert Status.PENDING not in log.status


def test_a_request_reserves_its_whole_answer_and_the_head_holds_back_the_queue() -> None:
    """200 of 400 tokens are reserved at once; who does not fit waits, and whoever is behind."""
    requests = [(0.0, 50, 150), (0.0, 50, 150), (0.1, 50, 150), (0.1, 1, 1)]
    engine, log = start(CHUNKED, requests)
    engine.advance(0.2)
    assert gauge(engine, "tgi_batch_current_max_tokens") == 2 * (50 + 150 - 1)
    assert gauge(engine, "tgi_batch_current_size") == 2
    assert gauge(engine, "tgi_queue_size") == 2
    assert engine.activity().held_tokens < 2 * 70
    engine.advance(math.inf)
    assert log.scheduled_seconds[3] == log.scheduled_seconds[2]
    assert log.scheduled_seconds[2] == pytest.approx(log.last_token_seconds[0], abs=0.02)


def test_running_requests_stand_still_for_prompts_unless_these_are_chunked() -> None:
    """A prompt of 60 tokens beside a running request: at once without chunking, in between with."""
    gaps = {}
    for of in (CHUNKED, UNCHUNKED):
        engine, log = start(of, [(0.0, 4, 20), (0.1, 60, 2)])
        alone, expected = start(of, [(0.0, 4, 20)])
        for one in (engine, alone):
            one.advance(math.inf)
        gaps[of.chunking] = log.last_token_seconds[0] - expected.last_token_seconds[0]
        assert engine.step == alone.step
    assert 0 < gaps[True] < gaps[False] - 0.005


def test_few_have_to_wait_for_a_running_batch_without_chunking() -> None:
    """One of ten has to wait for 20 steps, three of ten have not."""
    of = replace(UNCHUNKED, max_batch_total_tokens=16000, max_batch_prefill_tokens=400)
    running = [(0.0, 20, 60)] * 10
    for more, patient in ((1, True), (3, False)):
        engine, log = start(of, [*running, *[(0.2, 20, 2)] * more])
        engine.advance(0.23)
        assert (gauge(engine, "tgi_queue_size") == more) is patient
        engine.advance(math.inf)
        reasons = engine.samples(["tgi_batch_concat"])["tgi_batch_concat"]
        reason = "wait_exceeded" if patient else "backpressure"
        assert [sample.labels for sample in reasons] == [{"reason": reason}]
        assert log.status.count(Status.OK) == 10 + more


def test_the_queue_is_not_looked_at_between_a_join_and_the_decode_step_after_it() -> None:
    """Who comes while others' prompts are computed waits for one more step of all."""
    requests = [(0.0, 20, 30), (0.1, 20, 30)]
    ends = refer(CHUNKED, requests).ends
    join = next(index for index, end in enumerate(ends) if end > 0.1 + COSTS.arrival_seconds) + 1
    arrival = (ends[join - 1] + ends[join]) / 2 - COSTS.arrival_seconds
    engine, log = start(CHUNKED, [*requests, (arrival, 20, 2)])
    engine.advance(math.inf)
    assert log.scheduled_seconds[1] == pytest.approx(ends[join - 1])
    assert log.scheduled_seconds[2] == pytest.approx(ends[join + 1], rel=1e-9)


def test_long_answers_run_in_segments() -> None:
    """An answer of 30 tokens in segments of 12 goes to the end of the queue twice."""
    of = replace(CHUNKED, segment_tokens=12)
    engine, log = start(of, [(0.0, 10, 30)])
    engine.advance(0.1)
    assert gauge(engine, "tgi_batch_current_max_tokens") == 10 + 12 - 1
    engine.advance(math.inf)
    whole, expected = start(CHUNKED, [(0.0, 10, 30)])
    whole.advance(math.inf)
    assert log.first_token_seconds == expected.first_token_seconds
    assert log.last_token_seconds[0] > expected.last_token_seconds[0]
    assert engine.activity().computed_tokens == 10 + 22 + 34 + 30 - 3
    (_, _, generated) = engine.samples(["tgi_request_skipped_tokens"]).popitem()[1][-3:]
    assert generated.value == 30
    asked = engine.samples(["tgi_request_max_new_tokens"])["tgi_request_max_new_tokens"]
    assert (asked[-2].value, asked[-1].value) == (3 * 12, 3)


def test_requests_beyond_the_permits_are_refused() -> None:
    """A permit is held from arrival to the last token, in the queue, too."""
    of = replace(CHUNKED, max_concurrent_requests=2)
    engine, log = start(of, [(0.0, 190, 10), (0.0, 190, 10), (0.0, 10, 10), (2.0, 10, 10)])
    engine.advance(math.inf)
    assert log.status == [Status.REJECTED, Status.REJECTED, Status.OK, Status.OK]
    engine, log = start(of, [(0.0, 140, 10), (0.0, 140, 10), (0.0, 10, 10), (9.0, 10, 10)])
    engine.advance(math.inf)
    assert log.status == [Status.OK, Status.OK, Status.REJECTED, Status.OK]
    failures = engine.samples(["tgi_request_failure"])["tgi_request_failure"]
    assert [(one.labels["err"], one.value) for one in failures] == [("overloaded", 1.0)]


def test_what_validation_refuses_is_rejected() -> None:
    """Prompts and requests beyond their limits are REJECTED; none without tokens is taken."""
    engine, log = start(CHUNKED, [(0.0, 151, 1), (0.0, 150, 51), (0.0, 150, 50)])
    engine.advance(math.inf)
    assert log.status == [Status.REJECTED, Status.REJECTED, Status.OK]
    assert log.replica == [3, 3, 3]
    failures = engine.samples(["tgi_request_failure"])["tgi_request_failure"]
    assert [(one.labels["err"], one.value) for one in failures] == [("validation", 2.0)]
    with pytest.raises(ValueError, match="at least one"):
        engine.offer([0], [1e9], [0], [1])


def test_large_batches_are_launched_kernel_by_kernel() -> None:
    """Decode steps of more requests than the largest graph has take a launch at least."""
    requests = [(0.0, 2, 20)] * 4
    slow = msgspec.structs.replace(COSTS, eager_floor_seconds=0.05)
    lasts = []
    for graph in (2, 4):
        engine, log = start(replace(CHUNKED, largest_graph=graph), requests, slow)
        engine.advance(math.inf)
        lasts.append(log.last_token_seconds[0])
    assert lasts[0] == pytest.approx(19 * 0.05, abs=0.1)
    assert lasts[1] < lasts[0] / 2


def test_abort_loses_what_is_unfinished_and_nothing_else() -> None:
    """SIGKILL: running, waiting and coming requests are ABORTED; the server is empty after."""
    requests = [(0.0, 20, 2), (0.0, 100, 60), (0.2, 150, 50), (0.2, 150, 50), (9.0, 20, 1)]
    engine, log = start(CHUNKED, requests)
    engine.advance(0.5)
    assert engine.abort() == [1, 2, 3, 4]
    assert log.status == [Status.OK, *[Status.ABORTED] * 4]
    assert engine.outstanding() == 0
    engine.offer([4], [9.0], [20], [1])
    engine.advance(math.inf)
    assert log.status[4] == Status.OK


def test_busy_time_leaves_idle_time_out() -> None:
    """Two lone requests keep the server busy for the length of their steps only."""
    engine, log = start(CHUNKED, [(0.0, 20, 10), (5.0, 20, 10)])
    engine.advance(5.0)
    alone = engine.activity().busy_seconds
    assert 0.1 < alone < log.last_token_seconds[0]
    engine.advance(20.0)
    assert engine.activity().busy_seconds == pytest.approx(2 * alone, rel=1e-9)


def test_work_grows_with_batch_changes_not_with_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of 1,000 tokens take no more rounds than those of 100."""
    of = replace(CHUNKED, max_batch_total_tokens=100_000, max_total_tokens=4000)
    rounds = {}
    for tokens in (100, 1000):
        counted = 0
        original = TgiEngine._take_steps

        def counting(engine: TgiEngine, limit: float, take=original) -> bool:
            nonlocal counted
            counted += 1
            return take(engine, limit)

        monkeypatch.setattr(TgiEngine, "_take_steps", counting)
        engine, _ = start(of, [(0.9 * tokens * 0.01 * turn, 64, tokens) for turn in range(20)])
        engine.advance(math.inf)
        monkeypatch.undo()
        rounds[tokens] = counted
    assert rounds[1000] <= rounds[100] + 10
