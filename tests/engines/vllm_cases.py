"""Cases for the vLLM model: limits that bind, requests that come together, both ways to serve them.

Each is served by the model (`start`) and by the token-by-token reference (`refer`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import pytest
from engines import batched_cases
from engines.batched_cases import COSTS, NOBODY
from engines.reference_vllm import Reference, Request
from hypothesis import strategies as st

from scalecert.engines.costs import StepCosts
from scalecert.engines.request_log import RequestLog
from scalecert.engines.vllm.engine import VllmEngine
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits

CPU_BOUND = msgspec.structs.replace(
    COSTS,
    step_floor_seconds=0.01125,
    floor_request_seconds=2e-4,
    prefill_floor_seconds=0.0125,
    start_floor_seconds=0.0145,
    arrival_request_seconds=8e-4,
)
"""The CPU's floors hold for short contexts, and the API server takes requests one by one."""
PLENTY = SchedulerLimits(
    max_num_seqs=8, max_num_batched_tokens=64, max_model_len=200, num_gpu_blocks=400
)

Case = batched_cases.Case[SchedulerLimits]


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
    of, costs = draw(limits()), draw(st.sampled_from([COSTS, CPU_BOUND]))
    requests: list[tuple[float, int, int]] = []
    clock = 0.0
    for _ in range(draw(st.integers(1, 12))):
        how = draw(st.sampled_from(["later", "together", "on a step's end"]))
        if how == "later":
            clock += draw(st.floats(1e-6, 0.4))  # Closer together is a tie.
        elif how == "on a step's end":
            ends = [step.end for step in refer(of, requests, costs).steps]
            coming = [end - COSTS.arrival_seconds for end in ends]
            coming = [end for end in coming if end > clock]
            clock = coming[min(draw(st.integers(0, 9)), len(coming) - 1)] if coming else clock
        inputs = draw(st.integers(1, 22))
        outputs = draw(st.one_of(st.integers(1, 3), st.integers(1, 30)))
        requests.append((clock, inputs, min(outputs, of.max_model_len - inputs) or 1))
    ends = [step.end for step in refer(of, requests, costs).steps]
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
) -> tuple[VllmEngine, RequestLog]:
    """Return an engine to which all requests have been offered at once."""
    log = RequestLog.of_size(len(requests))
    engine = VllmEngine(of, costs, log, ordinal=3, now=0.0)
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
