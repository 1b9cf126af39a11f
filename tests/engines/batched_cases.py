"""What cases of vLLM's and TGI's models have in common: costs, requests, clients that go away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from hypothesis import strategies as st

from scalecert.engines.costs import StepCosts
from scalecert.engines.request_log import Status

L = TypeVar("L")

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

NOBODY: Mapping[int, float] = {}


@dataclass
class Case(Generic[L]):
    """Limits, requests (arrival, input, output tokens) and times to look at."""

    limits: L
    requests: list[tuple[float, int, int]]
    looks: list[float]
    costs: StepCosts


class _Served(Protocol):
    aborted: bool
    refused: bool


def ended(request: _Served) -> Status:
    """Return how a request of a reference ended."""
    if request.aborted:
        return Status.ABORTED
    return Status.REJECTED if request.refused else Status.OK


@st.composite
def departures(draw: st.DrawFn, requests: int, ends: Sequence[float]) -> dict[int, float]:
    """Draw whose clients go away when: at any time, and exactly on ends of steps."""
    times = st.floats(0.0, ends[-1] if ends else 1.0)
    if ends:
        times = st.one_of(times, st.sampled_from(ends))
    return draw(st.dictionaries(st.integers(0, requests - 1), times))
