"""The JetStream model against a step-by-step reference, and what must hold of any run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from engines.cut_runs import (
    assert_looking_changes_nothing,
    assert_requests_may_be_offered_as_they_arrive,
)
from engines.live_runs import follow
from engines.reference_jetstream import Reference, Request
from hypothesis import event, given, settings
from hypothesis import strategies as st

from scalecert.engines.costs import StepCosts
from scalecert.engines.jetstream.engine import JetStreamEngine
from scalecert.engines.jetstream.pipeline_limits import PARKED, PipelineLimits
from scalecert.engines.request_log import RequestLog, Status

COSTS = StepCosts(
    weights_seconds=0.01,
    token_seconds=3e-4,
    blend=3.0,
    overhead_seconds=1e-3,
    decode_request_seconds=2e-4,
    context_seconds=7e-6,
    attention_seconds=1e-6,
    start_seconds=2e-3,
    arrival_seconds=1.7e-3,
    arrival_request_seconds=8e-4,
    delivery_seconds=1.3e-3,
    delivery_request_seconds=1e-4,
)
FEW = PipelineLimits(slots=2, longest_prompt=64, max_target_length=128)
GAUGES = ("jetstream_prefill_backlog_size", "num_requests_waiting",
          "jetstream_slots_used_percentage")  # fmt: skip

Shape = tuple[float, int, int]
"""Arrival, input and output tokens of a request."""


@dataclass
class Case:
    """Limits, requests and times to look at."""

    limits: PipelineLimits
    requests: list[Shape]
    looks: list[float]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a case whose arrivals fall anywhere, together, and exactly on ends of steps."""
    longest = draw(st.sampled_from([16, 64]))
    of = PipelineLimits(draw(st.integers(1, 4)), longest, longest + 40)
    requests: list[Shape] = []
    clock = 0.0
    for _ in range(draw(st.integers(1, 14))):
        how = draw(st.sampled_from(["later", "together", "together", "on an end"]))
        if how == "later":
            clock += draw(st.floats(0.0, 0.4))
        elif how == "on an end":
            coming = [shown.end - COSTS.arrival_seconds for shown in refer(of, requests).shown]
            coming = [end for end in coming if end > clock]
            clock = coming[min(draw(st.integers(0, 9)), len(coming) - 1)] if coming else clock
        outputs = draw(st.one_of(st.integers(1, 3), st.integers(1, 30)))
        requests.append((clock, draw(st.integers(1, longest)), outputs))
    ends = [shown.end for shown in refer(of, requests).shown]
    looks = draw(st.lists(st.floats(0.0, 3.0), max_size=4))
    looks += draw(st.lists(st.sampled_from(ends), max_size=6))
    return Case(of, requests, sorted(looks))


def refer(of: PipelineLimits, requests: list[Shape]) -> Reference:
    """Return the reference after it has served the requests."""
    return Reference(of, COSTS, [Request(*request) for request in requests]).run()


def start(
    of: PipelineLimits, requests: list[Shape], *, offer: bool = True
) -> tuple[JetStreamEngine, RequestLog]:
    """Return an engine to which all requests have been offered at once."""
    log = RequestLog.of_size(len(requests))
    engine = JetStreamEngine(of, COSTS, log, ordinal=3, now=0.0)
    if offer and requests:
        engine.offer(range(len(requests)), *map(list, zip(*requests, strict=True)))
    return engine, log


def gauges(engine: JetStreamEngine) -> tuple[float, ...]:
    """Return backlog, waiting requests and used slots as the metrics show them."""
    samples = engine.samples(GAUGES)
    backlog, waiting, used = (samples[name][0].value for name in GAUGES)
    return backlog, waiting, used * engine.limits.slots


def visible(reference: Reference, after: float, until: float) -> int:
    """Return how many requests reach the server in between."""
    return sum(after + 1e-9 < one.visible <= until + 1e-9 for one in reference.requests)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(case=cases())
def test_equals_the_step_by_step_reference(case: Case) -> None:
    """Times equal the reference's to 1e-9; backlogs, slots, prefills and steps exactly."""
    reference = refer(case.limits, case.requests)
    engine, log = start(case.limits, case.requests)
    for look in case.looks:
        engine.advance(look)
        past = [shown for shown in reference.shown if shown.end <= look + 1e-9]
        assert log.status.count(Status.OK) == (past[-1].finished if past else 0)
        if past and not visible(reference, past[-1].end, look):
            last = past[-1]
            assert gauges(engine) == pytest.approx((last.backlog, last.waiting, last.used))
    engine.advance(math.inf)
    assert (engine.step, engine.prefills) == (reference.steps, reference.prefills)
    for ident, request in enumerate(reference.requests):
        assert log.status[ident] == Status.OK
        assert log.first_token_seconds[ident] == pytest.approx(request.first, rel=1e-9)
        assert log.last_token_seconds[ident] == pytest.approx(request.last, rel=1e-9)
        assert log.scheduled_seconds[ident] == pytest.approx(request.dequeued, rel=1e-9)
    served = reference.requests
    taken = [one.prefilled - one.dequeued for one in served]
    queued = [
        one.dequeued - one.visible + one.inserted - one.prefilled
        for one in sorted(served, key=lambda one: one.inserted)
    ]
    assert list(engine.observed.prefill_seconds) == pytest.approx(taken, abs=1e-9)
    assert list(engine.observed.queue_seconds) == pytest.approx(queued, abs=1e-9)
    if any(one.inserted > one.prefilled for one in reference.requests):
        event("parks")


@settings(max_examples=60, derandomize=True, deadline=None)
@given(case=cases(), gone=st.dictionaries(st.integers(0, 13), st.floats(0.0, 3.0)))
def test_serves_on_when_clients_go_away(case: Case, gone: dict[int, float]) -> None:
    """INV-23: every token has the reference's time; that a client is gone changes no time."""
    reference = refer(case.limits, case.requests)
    engine, log = start(case.limits, case.requests)
    outputs = {ident: outputs for ident, (_, _, outputs) in enumerate(case.requests)}
    departing = [(at, ident) for ident, at in gone.items() if ident in outputs]
    seen = follow(engine, log, outputs, departing)
    for ident, request in enumerate(reference.requests):
        left = gone.get(ident, math.inf) < request.last - COSTS.delivery_seconds - 1e-3
        assert log.status[ident] == Status.OK or ident in gone
        assert log.status[ident] == Status.ABORTED or not left
        sent = request.sent if log.status[ident] == Status.OK else request.sent[:-1]
        assert seen[ident][: len(sent)] == pytest.approx(sent, rel=1e-9)
        assert log.last_token_seconds[ident] == pytest.approx(request.last, rel=1e-9)
    counted = engine.samples(["jetstream_request_success_count"])
    (success,) = counted.get("jetstream_request_success_count", ()) or (None,)
    assert success is None or success.value == len(case.requests)


def look(pieces: JetStreamEngine) -> None:
    """Ask an engine what a world asks it in the middle of a run."""
    gauges(pieces)
    pieces.next_finish_seconds()
    pieces.outstanding()
    pieces.activity()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(case=cases(), splits=st.lists(st.floats(0.0, 3.0), max_size=12))
def test_looking_changes_nothing(case: Case, splits: list[float]) -> None:
    """Advancing in other pieces gives the same times, bit for bit."""
    looks = splits + case.looks
    assert_looking_changes_nothing(lambda: start(case.limits, case.requests), looks, look)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(case=cases())
def test_requests_may_be_offered_as_they_arrive(case: Case) -> None:
    """Offering each request when the engine stands at its arrival changes nothing."""
    assert_requests_may_be_offered_as_they_arrive(
        lambda offer: start(case.limits, case.requests, offer=offer), case.requests
    )


@settings(max_examples=60, derandomize=True, deadline=None)
@given(case=cases())
def test_no_request_is_lost(case: Case) -> None:
    """At any time each arrived request is finished or outstanding."""
    engine, log = start(case.limits, case.requests)
    for look in [*case.looks, 1e6]:
        engine.advance(look)
        arrived = sum(arrival <= look + 1e-9 for arrival, _, _ in case.requests)
        assert engine.outstanding() == arrived - log.status.count(Status.OK)
    assert Status.PENDING not in log.status


@settings(max_examples=60, derandomize=True, deadline=None)
@given(case=cases())
def test_next_finish_leads_to_every_finish(case: Case) -> None:
    """Nobody finishes before `next_finish_seconds`, and advancing to it again and again ends."""
    engine, log = start(case.limits, case.requests)
    engine.advance(0.0)
    for _ in range(3000):
        coming = engine.next_finish_seconds()
        if coming == math.inf:
            break
        before = list(log.status)
        engine.advance(max(engine.now, coming - 3e-9))
        assert log.status == before
        engine.advance(coming)
    assert Status.PENDING not in log.status


@settings(max_examples=60, derandomize=True, deadline=None)
@given(case=cases())
def test_activity_is_what_the_reference_did(case: Case) -> None:
    """Busy time, padded prompts and all slots of every step; a static batch reads all it holds."""
    reference = refer(case.limits, case.requests)
    engine, _ = start(case.limits, case.requests)
    engine.advance(1e6)
    did, slots = engine.activity(), case.limits.slots
    assert did.busy_seconds == pytest.approx(reference.busy, rel=1e-9)
    assert did.steps == reference.steps + reference.prefills
    padded = sum(case.limits.bucket(inputs) for _, inputs, _ in case.requests)
    assert did.computed_tokens == padded + reference.steps * slots
    assert did.context_read_tokens == reference.steps * slots * case.limits.max_target_length
    assert did.held_tokens == 0


def test_prompts_go_first_while_slots_are_free() -> None:
    """Decoding pauses until both slots are taken: nobody's second token is before."""
    engine, log = start(FEW, [(0.0, 60, 20), (0.0, 60, 20), (0.0, 60, 20)])
    engine.advance(math.inf)
    reference = refer(FEW, [(0.0, 60, 20), (0.0, 60, 20), (0.0, 60, 20)])
    assert reference.requests[0].first < reference.requests[1].first < log.first_token_seconds[2]
    assert log.last_token_seconds[0] == log.last_token_seconds[1] < log.last_token_seconds[2]


def test_the_first_token_needs_no_slot() -> None:
    """Four requests behind full slots get their first token, the fifth waits for a slot."""
    many = [(0.0, 10, 40)] * (FEW.slots + PARKED + 1)
    engine, log = start(FEW, many)
    engine.advance(math.inf)
    end = min(log.last_token_seconds[:2])
    assert [first < end for first in log.first_token_seconds] == [True] * 6 + [False]


def test_a_prompt_is_padded_to_its_bucket() -> None:
    """17 tokens take as long as 32, and 16 less."""
    first = {}
    for inputs in (16, 17, 32):
        engine, log = start(FEW, [(0.0, inputs, 2)])
        engine.advance(math.inf)
        first[inputs] = log.first_token_seconds[0]
    assert first[16] < first[17] == first[32]


def test_a_step_takes_as_long_with_one_request_as_with_all() -> None:
    """Shapes are static: neither the slots in use nor their contexts matter."""
    alone, alone_log = start(FEW, [(0.0, 10, 30)])
    full, full_log = start(FEW, [(0.0, 60, 30), (0.0, 60, 30)])
    alone.advance(math.inf)
    full.advance(math.inf)
    decoding = alone_log.last_token_seconds[0] - alone_log.first_token_seconds[0]
    assert decoding == pytest.approx(29 * alone.step_seconds, rel=1e-9)
    others = COSTS.delivery_request_seconds / 2
    decoding = full_log.last_token_seconds[1] - full_log.first_token_seconds[1]
    assert decoding == pytest.approx(29 * full.step_seconds + others, rel=1e-9)


@pytest.mark.parametrize(("inputs", "outputs"), [(65, 1), (1, 65)])
def test_what_a_slot_has_no_room_for_is_rejected(inputs: int, outputs: int) -> None:
    """A longer prompt would be cut, a longer answer would overwrite what it reads."""
    engine, log = start(FEW, [(0.0, 64, 64), (0.1, inputs, outputs)])
    engine.advance(math.inf)
    assert log.status == [Status.OK, Status.REJECTED]
    assert log.replica == [3, 3]
    assert math.isnan(log.first_token_seconds[1])


def test_no_load_is_refused() -> None:
    """The prefill backlog has no bound."""
    engine, log = start(FEW, [(0.0, 10, 10)] * 500)
    engine.advance(0.5)
    assert gauges(engine)[0] > 400
    engine.advance(math.inf)
    assert set(log.status) == {Status.OK}


def test_abort_drops_everybody() -> None:
    """Waiting, in prefill, parked or decoding: all are ABORTED, and the server goes on empty."""
    many = [(0.02 * turn, 30, 20) for turn in range(12)]
    engine, log = start(FEW, [*many, (9.0, 30, 20)])
    engine.advance(0.2)
    assert engine.prefilling or engine.parked
    finished = log.status.count(Status.OK)
    lost = engine.abort()
    assert len(lost) == 13 - finished
    assert engine.outstanding() == 0
    assert engine.next_finish_seconds() == math.inf
    assert log.status.count(Status.ABORTED) == len(lost)
    engine.advance(1.0)
    busy = engine.activity().busy_seconds
    assert busy == pytest.approx(0.2 - COSTS.arrival_seconds, rel=1e-9)
