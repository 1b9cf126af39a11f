"""The vLLM model against a token-by-token reference, and what must hold of any run."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from engines.batched_cases import COSTS, ended
from engines.cut_runs import (
    assert_looking_changes_nothing,
    assert_requests_may_be_offered_as_they_arrive,
)
from engines.reference_vllm import Reference
from engines.vllm_cases import (
    CPU_BOUND,
    PLENTY,
    Case,
    assert_shows,
    cases,
    refer,
    start,
)
from hypothesis import event, given, settings
from hypothesis import strategies as st

from scalecert.engines.request_log import RequestLog, Status
from scalecert.engines.vllm.engine import VllmEngine
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits


def assert_same(log: RequestLog, engine: VllmEngine, reference: Reference) -> None:
    """Assert that all requests ended as in the reference."""
    for ident, request in enumerate(reference.requests):
        assert log.status[ident] == ended(request)
        assert log.first_token_seconds[ident] == pytest.approx(request.first, rel=1e-9, nan_ok=True)
        assert log.last_token_seconds[ident] == pytest.approx(request.last, rel=1e-9, nan_ok=True)
    assert engine.counts.preemptions == reference.preemptions


@settings(max_examples=100, derandomize=True, deadline=None)
@given(case=cases())
def test_equals_the_token_by_token_reference(case: Case) -> None:
    """Times equal the reference's to 1e-9; queue, batch, blocks and preemptions exactly."""
    reference = refer(case.limits, case.requests, case.costs)
    engine, log = start(case.limits, case.requests, case.costs)
    for look in case.looks:
        engine.advance(look)
        assert_shows(engine, reference, look)
    engine.advance(math.inf)
    assert_same(log, engine, reference)
    if reference.preemptions:
        event("preempts")


def look(pieces: VllmEngine) -> None:
    """Ask an engine what a world asks it in the middle of a run."""
    pieces.samples(["vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"])
    pieces.next_finish_seconds()
    pieces.outstanding()


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
        finished = engine.samples(["vllm:request_success_total"])["vllm:request_success_total"]
        assert sum(sample.value for sample in finished) == log.status.count(Status.OK)
    assert Status.PENDING not in log.status
    assert engine.outstanding() == 0


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
        before = list(log.status)
        engine.advance(max(engine.now, coming - 3e-9))
        assert [status for status in log.status if status == Status.OK] == [
            status for status in before if status == Status.OK
        ]
        engine.advance(coming)
    assert Status.PENDING not in log.status


def test_an_arrival_on_the_end_of_a_step_is_seen_there() -> None:
    """The tie rule: what arrives on a step's end is in the next composition, in both modes."""
    for of in (PLENTY, replace(PLENTY, async_scheduling=False)):
        end = refer(of, [(0.0, 20, 9)]).steps[3].end - COSTS.arrival_seconds
        on = refer(of, [(0.0, 20, 9), (end, 20, 2)])
        after = refer(of, [(0.0, 20, 9), (end + 2e-9, 20, 2)])
        engine, log = start(of, [(0.0, 20, 9), (end, 20, 2)])
        engine.advance(math.inf)
        assert log.first_token_seconds[1] == pytest.approx(on.requests[1].first, rel=1e-9)
        assert after.requests[1].first > on.requests[1].first + 0.005


def test_asynchronous_scheduling_lets_an_arrival_wait_for_one_more_step() -> None:
    """An arrival within a step runs after the next one if that is already composed."""
    ends = [step.end for step in refer(PLENTY, [(0.0, 20, 30)]).steps]
    arrival = (ends[4] + ends[5]) / 2 - COSTS.arrival_seconds
    first = {}
    for ahead in (True, False):
        engine, log = start(
            replace(PLENTY, async_scheduling=ahead), [(0.0, 20, 30), (arrival, 20, 2)]
        )
        engine.advance(math.inf)
        first[ahead] = log.first_token_seconds[1]
    assert first[True] - first[False] == pytest.approx(ends[6] - ends[5], rel=0.01)


def test_a_single_output_token_is_first_and_last() -> None:
    """A request for one token finishes with its prompt."""
    engine, log = start(PLENTY, [(0.0, 20, 1)])
    engine.advance(math.inf)
    assert log.first_token_seconds[0] == log.last_token_seconds[0] > 0.01
    assert log.status == [Status.OK]
    assert engine.next_finish_seconds() == math.inf


def test_prompts_beyond_the_budget_are_computed_in_chunks() -> None:
    """150 tokens at 64 a step take three steps, and a request behind them waits its turn."""
    engine, log = start(PLENTY, [(0.0, 150, 1), (0.0, 30, 1)])
    engine.advance(math.inf)
    assert engine.step == 3
    assert log.first_token_seconds[0] == log.first_token_seconds[1]


def test_the_head_of_the_queue_holds_back_the_others() -> None:
    """A large prompt without room keeps a small one behind it out, though that would fit."""
    of = SchedulerLimits(
        max_num_seqs=4, max_num_batched_tokens=200, max_model_len=160, num_gpu_blocks=11
    )
    requests = [(0.0, 100, 20), (0.1, 90, 2), (0.1, 5, 2)]
    engine, log = start(of, requests)
    engine.advance(0.2)
    assert engine.shown() == (1, 2, 8)
    engine.advance(math.inf)
    assert log.first_token_seconds[2] >= log.first_token_seconds[1] > log.last_token_seconds[0]


def test_the_shared_prefix_is_computed_once() -> None:
    """With the prefix cached, later prompts compute only their rest and share its blocks."""
    requests = [(0.0, 50, 4), (1.0, 50, 30), (1.0, 50, 30)]
    with_cache, log = start(replace(PLENTY, shared_prefix_tokens=40), requests)
    without, plain = start(PLENTY, requests)
    for engine in (with_cache, without):
        engine.advance(1.06)
    assert log.first_token_seconds[0] == plain.first_token_seconds[0]
    assert log.first_token_seconds[1] < plain.first_token_seconds[1]
    assert without.shown()[2] - with_cache.shown()[2] == 2
    names = ["vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total"]
    shown = with_cache.samples(names)
    assert [shown[name][0].value for name in names] == [150, 64]


def test_requests_beyond_the_queue_limits_are_refused() -> None:
    """Both limits refuse with REJECTED, and the counter names the one that did."""
    requests = [(0.0, 30, 10), (0.0, 30, 10), (0.001, 30, 10)]
    for of, reason in (
        (replace(PLENTY, max_num_queued_reqs=2), "max_num_queued_reqs"),
        (replace(PLENTY, max_num_queued_tokens=60), "max_num_queued_tokens"),
    ):
        engine, log = start(of, requests)
        engine.advance(math.inf)
        assert log.status == [Status.OK, Status.OK, Status.REJECTED]
        (shown,) = engine.samples(["vllm:admission_rejections_total"]).values()
        assert {sample.labels["reason"]: sample.value for sample in shown}[reason] == 1


def test_what_the_server_can_never_hold_is_refused() -> None:
    """A request beyond the context is REJECTED; one without tokens is the caller's error."""
    engine, log = start(PLENTY, [(0.0, 190, 11), (0.0, 190, 10)])
    engine.advance(math.inf)
    assert log.status == [Status.REJECTED, Status.OK]
    with pytest.raises(ValueError, match="at least one"):
        engine.offer([0], [1e9], [0], [1])


def test_abort_loses_what_is_unfinished_and_nothing_else() -> None:
    """SIGKILL: running, waiting and coming requests are ABORTED; the server is empty after."""
    requests = [(0.0, 20, 2), (0.0, 20, 60), (0.2, 20, 60), (9.0, 20, 1)]
    engine, log = start(replace(PLENTY, max_num_seqs=1), requests)
    engine.advance(0.5)
    assert engine.abort() == [1, 2, 3]
    assert log.status == [Status.OK, *[Status.ABORTED] * 3]
    assert engine.outstanding() == 0
    engine.offer([3], [9.0], [20], [1])
    engine.advance(math.inf)
    assert log.status[3] == Status.OK


def test_busy_time_leaves_idle_time_out() -> None:
    """Two lone requests keep the server busy for the length of their steps only."""
    engine, log = start(PLENTY, [(0.0, 20, 10), (5.0, 20, 10)])
    engine.advance(5.0)
    alone = engine.activity().busy_seconds
    assert 0.1 < alone < log.last_token_seconds[0]
    engine.advance(20.0)
    assert engine.activity().busy_seconds == pytest.approx(2 * alone, rel=1e-9)


def test_the_api_server_takes_a_burst_one_by_one() -> None:
    """Of requests that come together each is seen a while after the one before it."""
    together = [(0.0, 2, 20)] * 40
    of = replace(PLENTY, max_num_seqs=64)
    engine, log = start(of, together, CPU_BOUND)
    engine.advance(0.01)
    assert engine.outstanding() == 40
    engine.advance(math.inf)
    assert_same(log, engine, refer(of, together, CPU_BOUND))
    at_once, first = start(of, together, COSTS)
    at_once.advance(math.inf)
    late = log.first_token_seconds[-1] - first.first_token_seconds[-1]
    assert late >= 39 * CPU_BOUND.arrival_request_seconds - CPU_BOUND.step_floor_seconds


def test_a_burst_that_is_taken_may_be_overtaken_in_the_offer() -> None:
    """A request offered late goes between those that came before and after it."""
    arrivals = [0.0, 0.0, 0.0, 0.0011, 0.0012, 0.5]
    requests = [(arrival, 20, 5) for arrival in arrivals]
    whole, expected = start(PLENTY, requests, CPU_BOUND)
    whole.advance(math.inf)
    engine, log = start(PLENTY, requests, CPU_BOUND, offer=False)
    for ids in ([0, 1, 2, 4, 5], [3]):
        times = [arrivals[ident] for ident in ids]
        engine.offer(ids, times, [20] * len(ids), [5] * len(ids))
    engine.advance(math.inf)
    assert repr(log) == repr(expected)


def test_the_floor_gives_way_to_a_growing_context() -> None:
    """Short contexts take the CPU's time, long ones the accelerator's, and never less of both."""
    engine, log = start(PLENTY, [(0.0, 20, 120)], CPU_BOUND)
    reference = refer(PLENTY, [(0.0, 20, 120)], CPU_BOUND)
    engine.advance(math.inf)
    floor = CPU_BOUND.step_floor_seconds + CPU_BOUND.floor_request_seconds
    steps = [b.end - a.end for a, b in pairwise(reference.steps)]
    assert steps[0] == pytest.approx(floor)
    assert steps[-1] > 1.02 * floor
    assert log.last_token_seconds[0] == pytest.approx(reference.requests[0].last, rel=1e-9)


def test_the_floor_gives_way_in_a_step_that_is_taken_alone() -> None:
    """The same in the step that is under way while somebody is admitted."""
    of = replace(PLENTY, max_num_seqs=3, max_num_batched_tokens=30, num_gpu_blocks=12, block_size=4)
    requests = [(0.0, inputs, outputs) for inputs, outputs in BEND_IN_A_LONE_STEP]
    requests.append((0.06528981436842769, 1, 1))
    engine, log = start(of, requests, CPU_BOUND)
    engine.advance(math.inf)
    assert_same(log, engine, refer(of, requests, CPU_BOUND))


BEND_IN_A_LONE_STEP = [(1, 3), (1, 1), (2, 5), (7, 3), (22, 3)]


def test_offers_may_overlap_what_is_still_to_come() -> None:
    """A request offered after one that arrives later is served in order of arrival."""
    engine, log = start(PLENTY, [(0.0, 20, 2), (1.0, 20, 2), (2.0, 20, 2)], offer=False)
    engine.offer([0, 2], [0.0, 2.0], [20, 20], [2, 2])
    engine.offer([1], [1.0], [20], [2])
    engine.advance(math.inf)
    assert log.first_token_seconds == sorted(log.first_token_seconds)
    assert log.replica == [3, 3, 3]


def test_work_grows_with_batch_changes_not_with_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of 3,900 tokens take no more rounds than those of 100."""
    of = SchedulerLimits(
        max_num_seqs=256, max_num_batched_tokens=2048, max_model_len=4096, num_gpu_blocks=6700
    )
    rounds = {}
    for tokens in (100, 3900):
        counted = 0
        original = VllmEngine._take_steps

        def counting(engine: VllmEngine, limit: float, take=original) -> bool:
            nonlocal counted
            counted += 1
            return take(engine, limit)

        monkeypatch.setattr(VllmEngine, "_take_steps", counting)
        engine, _ = start(of, [(0.9 * tokens * 0.01 * turn, 64, tokens) for turn in range(50)])
        engine.advance(math.inf)
        monkeypatch.undo()
        rounds[tokens] = counted
    assert rounds[3900] <= rounds[100] + 10
