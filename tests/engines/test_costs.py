"""Step costs: the facts that closed-form stepping and every comparison of batches rely on."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.engines.costs import (
    DECODE_COSTS,
    LARGEST_GRAPH_TOKENS,
    PREFILL_COSTS,
    StepCosts,
)

MILLI, MICRO = 1e-3, 1e-6
costs_strategy = st.builds(
    StepCosts,
    weights_seconds=st.floats(0.1 * MILLI, 100 * MILLI),
    token_seconds=st.floats(MICRO, 500 * MICRO),
    blend=st.floats(1, 8),
    overhead_seconds=st.floats(0, 5 * MILLI),
    decode_request_seconds=st.floats(0, 100 * MICRO),
    context_seconds=st.floats(0, MICRO),
    beside_request_seconds=st.floats(0, 100 * MICRO),
    attention_seconds=st.floats(0, MICRO / 100),
    step_floor_seconds=st.floats(0, 5 * MILLI),
    prefill_floor_seconds=st.floats(0, 5 * MILLI),
    graph_tokens=st.sampled_from([0, 16, 64, 256]),
    ungraphed_seconds=st.floats(0, 10 * MILLI),
)
batches = st.integers(1, 600)
tokens = st.integers(1, 4096)
quick = settings(max_examples=60, deadline=None, derandomize=True)


@quick
@given(costs=costs_strategy, batch=batches, context=st.integers(0, 10**6))
def test_decoding_more_never_takes_less(costs: StepCosts, batch: int, context: int) -> None:
    """A decode step grows with its batch and its context."""
    fixed, per_context = costs.decode_coefficients(batch)
    larger, larger_per_context = costs.decode_coefficients(batch + 1)
    assert larger >= fixed > 0
    assert larger + larger_per_context * (context + 1) >= fixed + per_context * context


@quick
@given(costs=costs_strategy, prompt=tokens, batch=batches, context=st.integers(0, 10**5))
def test_a_mixed_step_grows_with_everything_in_it(
    costs: StepCosts, prompt: int, batch: int, context: int
) -> None:
    """More prompt tokens, attention, decoding requests or context never make a step shorter."""
    seconds = costs.mixed_seconds(prompt, prompt**2 / 2, 1, batch, context)
    assert costs.mixed_seconds(prompt + 1, prompt**2 / 2, 1, batch, context) >= seconds
    assert costs.mixed_seconds(prompt, prompt**2, 1, batch, context) >= seconds
    assert costs.mixed_seconds(prompt, prompt**2 / 2, 1, batch + 1, context) >= seconds
    assert costs.mixed_seconds(prompt, prompt**2 / 2, 1, batch, context + 1) >= seconds


@quick
@given(costs=costs_strategy, prompt=tokens, batch=batches)
def test_a_prefill_beside_decoding_is_no_gift(costs: StepCosts, prompt: int, batch: int) -> None:
    """Above the floors, adding a prompt to a decode step never shortens it."""
    costs = msgspec.structs.replace(costs, step_floor_seconds=0.0)
    fixed, per_context = costs.decode_coefficients(batch)
    mixed = costs.mixed_seconds(prompt, prompt**2 / 2, 1, batch, 100 * batch)
    assert mixed >= (fixed + per_context * 100 * batch) * (1 - 1e-12)


@quick
@given(costs=costs_strategy, sizes=st.lists(batches, min_size=1, max_size=5))
def test_tables_do_not_depend_on_the_order_of_asking(costs: StepCosts, sizes: list[int]) -> None:
    """The shared tables hold the same numbers however far they were filled before."""
    fresh = msgspec.structs.replace(costs)
    for size in sizes:
        costs.decode_tables(size)
    for size in sizes:
        assert costs.decode_coefficients(size) == fresh.decode_coefficients(size)


@pytest.mark.parametrize(("sequences", "graphs"), [(32, 64), (255, 510), (256, 0), (1024, 0)])
def test_few_sequences_make_small_graphs(sequences: int, graphs: int) -> None:
    """Graphs hold twice the sequences; from 512 tokens on they make no difference."""
    costs = StepCosts(weights_seconds=4e-3, token_seconds=2e-5, ungraphed_seconds=9e-3)
    costs = costs.with_sequences(sequences)
    assert costs.graph_tokens == graphs
    limit = graphs or LARGEST_GRAPH_TOKENS
    step = costs.mixed_seconds(limit + 1, 0.0, 1, 0, 0) - costs.mixed_seconds(limit, 0.0, 1, 0, 0)
    assert (step > 9e-3) == bool(graphs)


def test_costs_are_read_from_documents() -> None:
    """A profile's `costs` are these fields in camelCase, and nothing else."""
    plain = {"weightsSeconds": 4e-3, "tokenSeconds": 2e-5, "contextSeconds": 1e-7}
    assert msgspec.convert(plain, StepCosts).context_seconds == 1e-7
    with pytest.raises(msgspec.ValidationError, match="contextSecond"):
        msgspec.convert({**plain, "contextSecond": 1}, StepCosts)


NO_SECONDS = {"blend", "graph_tokens"}
every_cost = st.builds(
    StepCosts,
    **{
        name: st.floats(MICRO, 10 * MILLI)
        for name in StepCosts.__struct_fields__
        if name not in NO_SECONDS
    },
    blend=st.floats(1, 8),
    graph_tokens=st.sampled_from([0, 16, 64, 256]),
)


def test_every_cost_is_a_first_tokens_or_a_further_ones() -> None:
    """A new field must be covered by the profile's errors: of prefill or of decode, never both."""
    assert set(PREFILL_COSTS).isdisjoint(DECODE_COSTS)
    assert {*PREFILL_COSTS, *DECODE_COSTS} | NO_SECONDS == set(StepCosts.__struct_fields__)
    assert len({*PREFILL_COSTS, *DECODE_COSTS}) == len(PREFILL_COSTS) + len(DECODE_COSTS)


@quick
@given(costs=every_cost)
def test_a_server_off_by_nothing_is_the_same(costs: StepCosts) -> None:
    """To the last bit, so that a run at the profile's costs is the same however it is asked for."""
    assert costs.scaled(prefill=1.0, decode=1.0) == costs


@quick
@given(costs=every_cost, factor=st.floats(0.1, 3.0))
def test_the_errors_of_prefill_and_decode_are_apart(costs: StepCosts, factor: float) -> None:
    """Each scales its own costs alone."""
    changed = costs.scaled(prefill=factor, decode=1.0)
    for name in StepCosts.__struct_fields__:
        scale = factor if name in PREFILL_COSTS else 1.0
        assert getattr(changed, name) == getattr(costs, name) * scale
    changed = costs.scaled(prefill=1.0, decode=factor)
    for name in StepCosts.__struct_fields__:
        scale = factor if name in DECODE_COSTS else 1.0
        assert getattr(changed, name) == getattr(costs, name) * scale


@quick
@given(
    costs=every_cost,
    prefill=st.floats(1.0, 2.0),
    decode=st.floats(1.0, 2.0),
    prompt=tokens,
    batch=batches,
    context=st.integers(0, 10**5),
)
def test_a_slower_server_is_never_faster(
    costs: StepCosts, prefill: float, decode: float, prompt: int, batch: int, context: int
) -> None:
    """Of either part or both: no step, with or without prefill, after idling or not, is shorter."""
    slower = costs.scaled(prefill=prefill, decode=decode)
    rounding = 1 - 1e-12
    assert slower.decode_seconds(batch, context) >= costs.decode_seconds(batch, context) * rounding
    mixed = costs.mixed_seconds(prompt, prompt**2 / 2, 1, batch, context)
    assert slower.mixed_seconds(prompt, prompt**2 / 2, 1, batch, context) >= mixed * rounding
    assert slower.after_idle(mixed) >= costs.after_idle(mixed) * rounding
    assert slower.arrival_request_seconds >= costs.arrival_request_seconds


@quick
@given(costs=every_cost, factor=st.floats(0.1, 3.0), batch=batches, context=st.integers(0, 10**5))
def test_a_server_that_is_slower_throughout_is_so_by_the_factor(
    costs: StepCosts, factor: float, batch: int, context: int
) -> None:
    """Both errors together are the error of a decode step, even where tables were filled before."""
    seconds = costs.decode_seconds(batch, context)
    slower = costs.scaled(prefill=factor, decode=factor)
    assert slower.decode_seconds(batch, context) == pytest.approx(factor * seconds)
