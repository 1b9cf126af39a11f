"""The vLLM model against a token-by-token reference, and what must hold of any run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
from engines.reference_vllm import Reference, Request
from hypothesis import event, given, settings
from hypothesis import strategies as st

from scalecert.engines.base import RequestLog, Status
from scalecert.engines.costs import StepCosts
from scalecert.engines.vllm.engine import VllmEngine
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits

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
PLENTY = SchedulerLimits(
    max_num_seqs=8, max_num_batched_tokens=64, max_model_len=200, num_gpu_blocks=400
)


@dataclass
class Case:
    """Limits, requests (arrival, input, output tokens) and times to look at."""

    limits: SchedulerLimits
    requests: list[tuple[float, int, int]]
    looks: list[float]


@st.composite
def limits(draw: st.DrawFn) -> SchedulerLimits:
    """Draw limits small enough that seats, budget and blocks all bind."""
    seats = draw(st.integers(1, 6))
    block = draw(st.sampled_from([1, 4, 16]))
    blocks = draw(st.integers(-(-24 // block), 60 // block + 3)) + 1
    never = st.just(-1)
    return SchedulerLimits(
        max_num_seqs=seats,
        max_num_batched_tokens=draw(st.integers(seats, 40)),
        max_model_len=(blocks - 1) * block,
        num_gpu_blocks=blocks,
        block_size=block,
        long_prefill_token_threshold=draw(st.sampled_from([0, 0, 3, 7])),
        max_num_queued_reqs=draw(st.one_of(never, st.integers(1, 8))),
        max_num_queued_tokens=draw(st.one_of(never, never, st.integers(1, 60))),
        async_scheduling=draw(st.booleans()),
        shared_prefix_tokens=draw(st.sampled_from([0, 0, 4, 9, 16])),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a case whose arrivals fall anywhere, together, and exactly on ends of steps."""
    of = draw(limits())
    requests: list[tuple[float, int, int]] = []
    clock = 0.0
    for _ in range(draw(st.integers(1, 12))):
        how = draw(st.sampled_from(["later", "together", "on a step's end"]))
        if how == "later":
            clock += draw(st.floats(0.0, 0.4))
        elif how == "on a step's end":
            ends = [step.end for step in refer(of, requests).steps]
            coming = [end - COSTS.arrival_seconds for end in ends]
            coming = [end for end in coming if end > clock]
            clock = coming[min(draw(st.integers(0, 9)), len(coming) - 1)] if coming else clock
        inputs = draw(st.integers(1, 22))
        outputs = draw(st.one_of(st.integers(1, 3), st.integers(1, 30)))
        requests.append((clock, inputs, min(outputs, of.max_model_len - inputs) or 1))
    ends = [step.end for step in refer(of, requests).steps]
    looks = draw(st.lists(st.floats(0.0, 3.0), max_size=4))
    looks += draw(st.lists(st.sampled_from(ends), max_size=6)) if ends else []
    return Case(of, requests, sorted(looks))


def refer(of: SchedulerLimits, requests: list[tuple[float, int, int]]) -> Reference:
    """Return the reference after it has served the requests."""
    return Reference(of, COSTS, [Request(*request) for request in requests]).run()


def start(
    of: SchedulerLimits, requests: list[tuple[float, int, int]], *, offer: bool = True
) -> tuple[VllmEngine, RequestLog]:
    """Return an engine to which all requests have been offered at once."""
    log = RequestLog.of_size(len(requests))
    engine = VllmEngine(of, COSTS, log, ordinal=3, now=0.0)
    if offer and requests:
        engine.offer(range(len(requests)), *map(list, zip(*requests, strict=True)))
    return engine, log


def assert_shows(engine: VllmEngine, reference: Reference, now: float) -> None:
    """Assert that the engine at `now` shows exactly what the reference does."""
    past = [step for step in reference.steps if step.end <= now + 1e-9]
    assert engine.step == len(past)
    if past:
        last = past[-1]
        assert engine.end == pytest.approx(last.end, rel=1e-9) or engine.end > last.end
        assert engine.shown() == (last.running, last.waiting, last.blocks)
        (generated,) = engine.samples(["vllm:generation_tokens_total"]).popitem()[1]
        assert generated.value == last.generated


def assert_same(log: RequestLog, engine: VllmEngine, reference: Reference) -> None:
    """Assert that all requests ended as in the reference."""
    for ident, request in enumerate(reference.requests):
        expected = Status.REJECTED if request.refused else Status.OK
        assert log.status[ident] == expected
        assert log.first_token_seconds[ident] == pytest.approx(
            request.first, rel=1e-9, nan_ok=True
        )
        assert log.last_token_seconds[ident] == pytest.approx(request.last, rel=1e-9, nan_ok=True)
    assert engine.counts.preemptions == reference.preemptions


@settings(max_examples=100, derandomize=True, deadline=None)
@given(case=cases())
def test_equals_the_token_by_token_reference(case: Case) -> None:
    """Times equal the reference's to 1e-9; queue, batch, blocks and preemptions exactly."""
    reference = refer(case.limits, case.requests)
    engine, log = start(case.limits, case.requests)
    for look in case.looks:
        engine.advance(look)
        assert_shows(engine, reference, look)
    engine.advance(math.inf)
    assert_same(log, engine, reference)
    if reference.preemptions:
        event("preempts")
