"""Cases for the TGI model: limits that bind, requests that come together, both ways to serve them.

Each is served by the model (`start`) and by the token-by-token reference (`refer`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import msgspec
from engines import batched_cases
from engines.batched_cases import COSTS, NOBODY
from engines.reference_tgi import Reference, Request
from hypothesis import strategies as st

from scalecert.engines.costs import StepCosts
from scalecert.engines.request_log import RequestLog
from scalecert.engines.tgi.engine import TgiEngine
from scalecert.engines.tgi.scheduler_limits import SchedulerLimits

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

Case = batched_cases.Case[SchedulerLimits]


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
            clock += draw(st.floats(1e-6, 0.4))  # Closer together is a tie.
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
