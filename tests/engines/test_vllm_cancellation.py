"""Clients of a vLLM server that go away, against the token-by-token reference."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from engines.batched_cases import departures, ended
from engines.live_runs import follow
from engines.vllm_cases import PLENTY, Case, assert_shows, cases, refer, start
from hypothesis import event, given, settings
from hypothesis import strategies as st

from scalecert.engines.request_log import Status
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits


@settings(max_examples=100, derandomize=True, deadline=None)
@given(data=st.data(), case=cases())
def test_equals_the_reference_when_clients_go_away(data: st.DataObject, case: Case) -> None:
    """INV-23, INV-24: followed from event to event, every token has the reference's time."""
    ends = [step.end for step in refer(case.limits, case.requests, case.costs).steps]
    gone = data.draw(departures(len(case.requests), ends))
    reference = refer(case.limits, case.requests, case.costs, gone)
    engine, log = start(case.limits, case.requests, case.costs)
    outputs = {ident: outputs for ident, (_, _, outputs) in enumerate(case.requests)}
    departing = [(at, ident) for ident, at in gone.items()]
    ends = [step.end for step in reference.steps]

    def look_at_ends() -> None:
        if any(abs(end - engine.now) < 1e-9 for end in ends):
            assert_shows(engine, reference, engine.now)

    seen = follow(engine, log, outputs, departing, look_at_ends)
    for ident, request in enumerate(reference.requests):
        assert log.status[ident] == ended(request)
        assert seen[ident] == pytest.approx(request.sent, abs=1e-8)
    assert engine.step == len(reference.steps)
    assert engine.counts.preemptions == reference.preemptions
    assert engine.shown() == (0, 0, 0)
    assert not engine.kv.sharers
    assert all(log.status[ident] != Status.ABORTED for ident in engine.preempted)
    assert engine.queued_tokens == 0 or not engine.limited
    assert engine.cut_tokens == sum(len(one.sent) for one in reference.requests if one.aborted)
    if engine.cut_tokens and reference.preemptions:
        event("preempts, cuts")


def test_whoever_moves_up_for_a_departure_is_in_no_step_that_has_begun() -> None:
    """The large prompt leaves within a step: the small one joins after it, in both modes."""
    of = SchedulerLimits(
        max_num_seqs=4, max_num_batched_tokens=200, max_model_len=160, num_gpu_blocks=11
    )
    requests = [(0.0, 100, 20), (0.1, 90, 2), (0.1, 5, 2)]
    for ahead in (True, False):
        reference = refer(replace(of, async_scheduling=ahead), requests)
        begin, end = next((a.end, b.end) for a, b in pairwise(reference.steps) if b.end > 0.2)
        engine, log = start(replace(of, async_scheduling=ahead), requests)
        engine.advance((begin + end) / 2)
        engine.cancel([1])
        sent = engine.progress()[0]
        assert engine.next_event_seconds() == pytest.approx(end, rel=1e-9)
        engine.advance(end)
        assert engine.progress() == {0: sent + 1}
        engine.advance(math.inf)
        assert log.status == [Status.OK, Status.ABORTED, Status.OK]
        assert log.first_token_seconds[2] < log.last_token_seconds[0]


def test_whoever_leaves_after_a_preemption_takes_its_record_along() -> None:
    """Its tokens and its first token's wait stay counted; its id stands for nothing any more."""
    of = replace(PLENTY, num_gpu_blocks=7)
    engine, log = start(of, [(0.0, 20, 60), (0.0, 20, 60)])
    engine.advance(0.5)
    assert engine.preempted == {1: 1}
    sent = engine.progress()[1]
    engine.cancel([1])
    assert log.status == [Status.PENDING, Status.ABORTED]
    assert engine.preempted == {}
    engine.advance(math.inf)
    name = "vllm:time_to_first_token_seconds"
    counters = engine.samples(["vllm:generation_tokens_total", name])
    assert counters["vllm:generation_tokens_total"][0].value == 60 + sent
    assert counters[name][-1].value == 2


def test_whoever_leaves_in_the_middle_of_its_prompt_lets_go_of_the_shared_prefix() -> None:
    """The prefix is held once for those who are left, and the rest of the prompt by nobody."""
    of = replace(PLENTY, shared_prefix_tokens=40, long_prefill_token_threshold=4)
    load = [(0.0, 50, 60), (0.5, 50, 60), (0.5, 60, 60)]
    engine, log = start(of, load)
    alone, _ = start(of, load[:2])
    engine.advance(0.53)
    assert len(engine.partial) == 2
    engine.cancel([2])
    assert log.status[2] == Status.ABORTED
    for one in (engine, alone):
        one.advance(0.7)
    assert engine.shown() == alone.shown()
