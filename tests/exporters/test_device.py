"""Readings of an accelerator: what was measured on an H200, and the bounds of every reading."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from scalecert.engines.base import Activity, Limits
from scalecert.engines.catalog import load_accelerator, load_model
from scalecert.engines.profiles import load_profile, profile_text
from scalecert.engines.registry import engine_kind
from scalecert.exporters.base import Reading
from scalecert.exporters.device import COPY_PER_DRAM, Device, device_of

from .measured_h200 import Phase, phases

DOCS = Path(__file__).parents[2] / "docs" / "accelerators.md"
NOTHING = Activity(0.0, 0, 0, 0, 0)
OPEN_LOOP = ("A p010", "A p040", "A p070", "A p100")


def h200(**flags: str) -> Device:
    profile = load_profile("vllm_llama-2-7b_h200")
    words = [word for name, value in flags.items() for word in (f"--{name}", value)]
    return device_of(profile, engine_kind("vllm").limits(profile, words, {}), 1)


@pytest.fixture(scope="module")
def measured() -> tuple[Phase, ...]:
    return phases()


def reading(device: Device, phase: Phase) -> Reading:
    return device.reading(NOTHING, phase.done, phase.seconds)


def shown(device: Device, phase: Phase) -> tuple[float, ...]:
    """Return the model's figures in the order and units of the measured columns."""
    found = reading(device, phase)
    return (
        100 * found.duty,
        100 * COPY_PER_DRAM * found.dram_active,
        100 * found.sm_active,
        100 * found.tensor_active,
        100 * found.dram_active,
        found.power_watts,
    )


@pytest.mark.parametrize(
    ("column", "mean_error", "worst_error"),
    [(0, 0.005, 0.02), (1, 0.05, 0.14), (2, 0.03, 0.11), (3, 0.09, 0.22), (4, 0.04, 0.12),
     (5, 0.005, 0.02)],
    ids=["duty", "memory copy", "SM", "tensor", "DRAM", "power"],
)  # fmt: skip
def test_figures_are_near_the_measured_ones(measured, column, mean_error, worst_error):
    """Of nine phases of load, what a reading says is off by no more than the docs say."""
    device = h200()
    errors = [abs(shown(device, one)[column] / one.shown[column] - 1) for one in measured]
    assert len(errors) == 9
    assert sum(errors) / len(errors) <= mean_error
    assert max(errors) <= worst_error


def test_the_order_of_loads_is_the_measured_one(measured):
    """From 10 % of capacity on the card is busy all the time; DRAM falls, the rest rises."""
    device = h200()
    loads = {one.name: one for one in measured}
    for figures in (
        [shown(device, loads[name]) for name in OPEN_LOOP],
        [loads[name].shown for name in OPEN_LOOP],
    ):
        duty, _, sm, tensor, dram, power = zip(*figures, strict=True)
        assert min(duty) >= 98.5
        assert list(sm) == sorted(sm)
        assert list(tensor) == sorted(tensor)
        assert list(power) == sorted(power)
        assert list(dram) == sorted(dram, reverse=True)


def test_the_docs_have_the_errors(measured):
    """The table of docs/accelerators.md is what this test measures."""
    device, text = h200(), DOCS.read_text(encoding="utf-8")
    for phase in measured:
        cells = (
            f"{model:.0f} / {seen:.0f}"
            for model, seen in zip(shown(device, phase), phase.shown, strict=True)
        )
        assert f"| {phase.name} | {' | '.join(cells)} |" in text


def test_memory_is_taken_at_the_start_whatever_is_held():
    """vLLM takes weights and the whole cache at its start: within 5 % of the measured 69111 MiB."""
    device = h200(**{"num-gpu-blocks-override": "6700"})
    empty = device.reading(NOTHING, NOTHING, 1.0)
    full = device.reading(NOTHING, replace(NOTHING, held_tokens=100_000), 1.0)
    assert empty.memory_used_bytes == full.memory_used_bytes
    assert empty.memory_used_bytes / 2**20 == pytest.approx(69111, rel=0.05)
    assert device.reading(None, None, 1.0).memory_used_bytes == 0.0


def test_memory_follows_the_load_where_the_profile_says_so():
    """With `kvAllocation: with-load` the cache's memory is that of the tokens it holds."""
    profile = load_profile("vllm_llama-2-7b_h200")
    memory = structs.replace(profile.spec.memory, kv_allocation="with-load")
    changed = structs.replace(profile, spec=structs.replace(profile.spec, memory=memory))
    device = device_of(changed, Limits({"kv_tokens": 229904}), 1)
    empty = device.reading(NOTHING, NOTHING, 1.0)
    held = device.reading(NOTHING, replace(NOTHING, held_tokens=10_000), 1.0)
    assert held.memory_used_bytes - empty.memory_used_bytes == 10_000 * 524288
    assert empty.memory_used_bytes == memory.weights_bytes + memory.fixed_bytes


def test_work_is_shared_by_the_accelerators_of_a_replica():
    """Of four, each does a quarter of the FLOP and reads a quarter of the bytes, all the time."""
    one = h200()
    four = replace(one, count=4)
    done = Activity(5.0, 500, 20_000, 2_000_000, 0)
    alone, shared = (device.reading(NOTHING, done, 10.0) for device in (one, four))
    assert shared.duty == alone.duty == 0.5
    assert shared.dram_active == pytest.approx(alone.dram_active / 4)
    assert shared.flop_share == pytest.approx(alone.flop_share / 4)
    assert shared.power_watts < alone.power_watts


def test_an_accelerator_that_is_in_no_catalogue_has_the_peaks_of_its_step_costs():
    """A user's own accelerator has no data sheet here: its step costs imply what it can do."""
    profile = load_profile("vllm_llama-2-7b_h200")
    own = structs.replace(profile.spec.accelerator, name="my-card")
    changed = structs.replace(profile, spec=structs.replace(profile.spec, accelerator=own))
    limits = engine_kind("vllm").limits(profile, (), {})
    found = device_of(changed, limits, 1)
    known = device_of(profile, limits, 1)
    assert found.flops_per_second == pytest.approx(known.flops_per_second)
    assert found.bytes_per_second == pytest.approx(known.bytes_per_second)
    assert found.model == "my-card"


@pytest.mark.parametrize(("kind", "make"), [("tpu", "cloud-tpu"), ("gpu", "nvidia")])
def test_an_accelerator_that_is_in_no_catalogue_is_what_its_profile_says(kind, make):
    """A user's own TPU shows what TPUs show: its estimated profile carries the kind with it."""
    shipped = load_accelerator("v5e" if kind == "tpu" else "l4")
    own = structs.replace(shipped, name="ours")
    engine = engine_kind("jetstream" if kind == "tpu" else "tgi")
    profile = engine.estimate(load_model("llama-2-7b"), own, count=8 if kind == "tpu" else 1)
    assert f"kind: {kind}" in profile_text(profile)
    limits = engine.limits(profile, (), {})
    assert device_of(profile, limits, profile.spec.accelerator.count).make == make


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    window=st.floats(1e-3, 1e3),
    busy=st.floats(0.0, 1.0),
    steps=st.integers(0, 10**6),
    tokens=st.integers(0, 10**9),
    context=st.integers(0, 10**12),
    held=st.integers(0, 10**7),
)
def test_every_reading_is_possible(window, busy, steps, tokens, context, held):
    """Shares lie within the busy share, power within its limit, memory within the card."""
    device = h200()
    found = device.reading(NOTHING, Activity(busy * window, steps, tokens, context, held), window)
    for share in (found.sm_active, found.tensor_active, found.flop_share, found.dram_active):
        assert 0.0 <= share <= found.duty <= 1.0
    assert 0.0 < found.power_watts <= device.power_limit_watts
    assert 0.0 <= found.memory_used_bytes <= found.memory_total_bytes


def test_idle_shows_nothing_but_its_memory_and_power():
    """A server without requests keeps its memory, and draws what an idle card draws."""
    device = h200()
    found = device.reading(NOTHING, NOTHING, 10.0)
    assert (found.duty, found.sm_active, found.tensor_active, found.dram_active) == (0, 0, 0, 0)
    assert found.power_watts == pytest.approx(127.0, rel=0.02)
    assert found.memory_used_bytes > 0
