"""Clients of a TGI server that go away, against the token-by-token reference."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from engines.batched_cases import departures, ended
from engines.live_runs import follow
from engines.tgi_cases import CHUNKED, Case, assert_shows, cases, gauge, refer, start
from hypothesis import event, given, settings
from hypothesis import strategies as st

from scalecert.engines.request_log import Status


@settings(max_examples=100, derandomize=True, deadline=None)
@given(data=st.data(), case=cases())
def test_equals_the_reference_when_clients_go_away(data: st.DataObject, case: Case) -> None:
    """INV-23, INV-24: followed from event to event, every token has the reference's time."""
    ends = refer(case.limits, case.requests, case.costs).ends
    gone = data.draw(departures(len(case.requests), ends))
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


def test_a_gone_client_behind_the_head_waits_for_the_heads_turn() -> None:
    """Nobody looks behind a head without room: who left there is dropped when that joins."""
    requests = [(0.0, 50, 150), (0.0, 50, 150), (0.1, 50, 150), (0.1, 1, 1), (0.1, 1, 1)]
    engine, log = start(CHUNKED, requests)
    engine.advance(0.2)
    engine.cancel([4])
    engine.advance(1.0)
    assert gauge(engine, "tgi_queue_size") == 3
    assert log.status[4] == Status.PENDING
    engine.advance(math.inf)
    assert log.status == [*[Status.OK] * 4, Status.ABORTED]
    assert gauge(engine, "tgi_queue_size") == 0
