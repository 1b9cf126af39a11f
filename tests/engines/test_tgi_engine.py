"""The TGI model against a token-by-token reference, and what must hold of any run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import msgspec
import pytest
from engines.cut_runs import (
    assert_looking_changes_nothing,
    assert_requests_may_be_offered_as_they_arrive,
)
from engines.live_runs import follow
from engines.reference_tgi import Reference, Request
from hypothesis import event, given, settings
from hypothesis import strategies as st

from scalecert.engines.costs import StepCosts
from scalecert.engines.request_log import RequestLog, Status
from scalecert.engines.tgi.engine import TgiEngine
from scalecert.engines.tgi.scheduler_limits import SchedulerLimits

COSTS = StepCosts(
    weights_seconds=0.01,
    token_seconds=3e-4,
    blend=3.0,
    overhead_seconds=1e-3,
    decode_request_seconds=2e-4,
    context_seconds=7e-6,
    beside_request_seconds=1e-4,
    prefill_request_seconds=5e-4,
    attention_seconds=1e-6,
    start_seconds=2e-3,
    arrival_seconds=1.7e-3,
    delivery_seconds=1.3e-3,
    delivery_request_seconds=1e-4,
)
LAUNCHED = msgspec.structs.replace(
    COSTS,
    floor_request_seconds=2e-4,
    prefill_floor_seconds=0.0125,
    eager_floor_seconds=0.0125,
    arrival_request_seconds=8e-4,
)
"""Launches hold for short contexts beyond the graphs; the router takes requests one by one."""
CHUNKED = SchedulerLimits(
    max_concurrent_requests=20,
    max_batch_prefill_tokens=64,
    max_batch_total_tokens=400,
    max_input_tokens=150,
    max_total_tokens=200,
)
UNCHUNKED = replace(CHUNKED, chunking=False, block_size=16)

NOBODY: Mapping[int, float] = {}


@dataclass
class Case:
    """Limits, requests (arrival, input, output tokens) and times to look at."""

    limits: SchedulerLimits
    requests: list[tuple[float, int, int]]
    looks: list[float]
    costs: StepCosts


@st.composite
def limits(draw: st.DrawFn) -> SchedulerLimits:
    """Draw limits small enough that permits, budget and blocks all bind."""
    block = draw(st.sampled_from([1, 1, 4, 16]))
    pool = draw(st.integers(-(-40 // block), -(-90 // block))) * block + block
    chunking = draw(st.booleans())
    return SchedulerLimits(
        max_concurrent_requests=draw(st.sampled_from([2, 4, 30, 30, 30])),
        max_batch_prefill_tokens=draw(st.integers(2 if chunking else 24, 40)),
        max_batch_total_tokens=pool,
        max_input_tokens=pool - block,
        max_total_tokens=pool - block,
        block_size=block,
        chunking=chunking,
        max_waiting_tokens=draw(st.integers(0, 7)),
        waiting_served_ratio=draw(st.sampled_from([0.0, 0.3, 0.6, 1.2])),
        max_batch_size=draw(st.sampled_from([0, 0, 1, 3])),
        largest_graph=draw(st.sampled_from([0, 2, 32])),
        segment_tokens=draw(st.sampled_from([7, 12, 1024])),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a case whose arrivals fall anywhere, together, and exactly on ends of steps."""
    of, costs = draw(limits()), draw(st.sampled_from([COSTS, LAUNCHED]))
    requests: list[tuple[float, int, int]] = []
    clock = 0.0
    for _ in range(draw(st.integers(1, 12))):
        how = draw(st.sampled_from(["later", "together", "on a step's end"]))
        if how == "later":
            clock += draw(st.floats(0.0, 0.4))
        elif how == "on a step's end":
            coming = [end - COSTS.arrival_seconds for end in refer(of, requests, costs).ends]
            coming = [end for end in coming if end > clock]
            clock = coming[min(draw(st.integers(0, 9)), len(coming) - 1)] if coming else clock
        inputs = draw(st.integers(1, 22))
        outputs = draw(st.one_of(st.integers(1, 3), st.integers(1, 30)))
        requests.append((clock, inputs, max(1, min(outputs, of.longest_request - inputs))))
    ends = refer(of, requests, costs).ends
    looks = draw(st.lists(st.floats(0.0, 3.0), max_size=4))
    looks += draw(st.lists(st.sampled_from(ends), max_size=6)) if ends else []
    return Case(of, requests, sorted(looks), costs)


def refer(
    of: SchedulerLimits,
    requests: list[tuple[float, int, int]],
    costs: StepCosts = COSTS,
    gone: Mapping[int, float] = NOBODY,
) -> Reference:
    """Return the reference after it has served the requests; some clients go away."""
    served = [
        Request(*request, gone=gone.get(ident, math.inf)) for ident, request in enumerate(requests)
    ]
    return Reference(of, costs, served).run()


def start(
    of: SchedulerLimits,
    requests: list[tuple[float, int, int]],
    costs: StepCosts = COSTS,
    *,
    offer: bool = True,
) -> tuple[TgiEngine, RequestLog]:
    """Return an engine to which all requests have been offered at once."""
    log = RequestLog.of_size(len(requests))
    engine = TgiEngine(of, costs, log, ordinal=3, now=0.0)
    if offer and requests:
        engine.offer(range(len(requests)), *map(list, zip(*requests, strict=True)))
    return engine, log


def gauge(engine: TgiEngine, name: str) -> float | None:
    """Return the value of a gauge, None if there is none yet."""
    samples = engine.samples([name])[name]
    return samples[0].value if samples else None


def assert_shows(engine: TgiEngine, reference: Reference, now: float) -> None:
    """Assert that the engine at `now` shows exactly what the reference does."""
    steps = sum(end <= now + 1e-9 for end in reference.ends)
    done = engine.samples(["tgi_batch_inference_success"])["tgi_batch_inference_success"]
    assert sum(sample.value for sample in done) == steps
    past = [shown for shown in reference.gauges if shown.end <= now + 1e-9]
    if past:
        assert gauge(engine, "tgi_batch_current_size") == past[-1].running
        tokens = past[-1].blocks * engine.limits.block_size
        assert gauge(engine, "tgi_batch_current_max_tokens") == tokens
    else:
        assert gauge(engine, "tgi_batch_current_size") is None


def ended(request: Request) -> Status:
    """Return how a request of the reference ended."""
    if request.aborted:
        return Status.ABORTED
    return Status.REJECTED if request.refused else Status.OK


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


@st.composite
def departures(draw: st.DrawFn, case: Case) -> dict[int, float]:
    """Draw whose clients go away when: at any time, and exactly on ends of steps."""
    ends = refer(case.limits, case.requests, case.costs).ends
    times = st.floats(0.0, ends[-1] if ends else 1.0)
    if ends:
        times = st.one_of(times, st.sampled_from(ends))
    return draw(st.dictionaries(st.integers(0, len(case.requests) - 1), times))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(data=st.data(), case=cases())
def test_equals_the_reference_when_clients_go_away(data: st.DataObject, case: Case) -> None:
    """INV-23, INV-24: followed from event to event, every token has the reference's time."""
    gone = data.draw(departures(case))
    reference = refer(case.limits, case.requests, case.costs, gone)
    engine, log = start(case.limits, case.requests, case.costs)
    outputs = {ident: outputs for ident, (_, _, outputs) in enumerate(case.requests)}
    departing = [(at, ident) for ident, at in gone.items()]
    seen = follow(
        engine, log, outputs, departing, lambda: assert_shows(engine, reference, engine.now)
    )
    for ident, request in enumerate(reference.requests):
        assert log.status[ident] == ended(request)
        assert seen[ident] == pytest.approx(request.sent, abs=1e-8)
    assert engine.held == 0
    assert engine.counts.dropped == reference.dropped
    assert engine.cut_tokens == sum(len(one.sent) for one in reference.requests if one.aborted)
    if reference.dropped and engine.cut_tokens:
        event("drops")


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


def test_a_gone_client_is_counted_until_its_turn_in_the_queue() -> None:
    """It gives back its permit, but not its place; whoever moves up joins after the step."""
    requests = [(0.0, 50, 150), (0.0, 50, 150), (0.1, 50, 150), (0.1, 1, 1)]
    begin, end = next((a, b) for a, b in pairwise(refer(CHUNKED, requests).ends) if b > 0.2)
    engine, log = start(replace(CHUNKED, max_concurrent_requests=4), requests)
    engine.advance((begin + end) / 2)
    engine.cancel([2])
    assert gauge(engine, "tgi_queue_size") == 2
    log.grow(2)
    engine.offer([4, 5], [engine.now] * 2, [1, 1], [1, 1])
    engine.advance(end)
    assert log.status[4:] == [Status.PENDING, Status.REJECTED]
    assert gauge(engine, "tgi_queue_size") == 3
    engine.advance(engine.next_event_seconds())
    engine.advance(engine.next_event_seconds())
    assert gauge(engine, "tgi_queue_size") == 1
    assert log.status[2] == Status.ABORTED
    assert log.scheduled_seconds[3] == end
    failures = engine.samples(["tgi_request_failure"])["tgi_request_failure"]
    assert {one.labels["err"]: one.value for one in failures} == {"overloaded": 1, "dropped": 1}


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
