"""Estimated profiles of TGI: what its launcher and its warm-up find, and what its server adds."""

from __future__ import annotations

import pytest

from scalecert.engines.catalog import load_accelerator, load_model
from scalecert.engines.profiles import load_profile, profile_names
from scalecert.engines.roofline import estimate, estimate_costs
from scalecert.engines.tgi.profile_limits import TgiProfileLimits
from scalecert.engines.tgi.warmup import (
    FALLBACK_PREFILL_TOKENS,
    WarmUp,
    default_prefill_tokens,
    kv_tokens,
)
from scalecert.errors import UsageError

ACCELERATORS = ("l4", "a100-80g", "h100")
PROMISED = {f"tgi_{model}_{on}" for model in ("llama-2-7b", "gemma-7b") for on in ACCELERATORS}
PROMISED |= {"tgi_gemma-7b_l4-x2"}


def test_the_promised_profiles_ship() -> None:
    """Llama 2 and Gemma on three accelerators, and Gemma on two L4."""
    assert set(profile_names()) >= PROMISED


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_limits_follow_from_memory(name: str) -> None:
    """The pool is what the warm-up finds, and every limit fits in it."""
    spec = load_profile(name).spec
    limits = load_profile(name).limits_as(TgiProfileLimits)
    warm_up = WarmUp(limits.max_batch_prefill_tokens)
    assert limits.max_batch_total_tokens == kv_tokens(spec.memory, spec.accelerator, warm_up)
    assert limits.max_batch_prefill_tokens <= limits.max_batch_total_tokens
    assert limits.max_input_tokens < limits.max_total_tokens <= spec.model.max_context
    assert limits.max_total_tokens <= limits.max_batch_total_tokens


def test_an_l4_holds_what_was_published_for_it() -> None:
    """Llama-2-7B on an L4: 13,600 tokens by GKE's measurement, within 2 %."""
    limits = load_profile("tgi_llama-2-7b_l4").limits_as(TgiProfileLimits)
    assert limits.max_batch_total_tokens == pytest.approx(13_600, rel=0.02)


def test_the_prefill_is_chosen_by_flops_and_held_under_context_and_memory() -> None:
    """Gemma on an L4 gets what its FLOP/s and memory allow, on two its context; others 4,096."""
    gemma, l4 = load_model("gemma-7b"), load_accelerator("l4")
    assert 7_000 < default_prefill_tokens(gemma, l4, 1) < 7_600
    assert default_prefill_tokens(gemma, l4, 2) == gemma.max_context
    llama31 = load_model("llama-3.1-8b")
    assert default_prefill_tokens(llama31, load_accelerator("h100"), 1) > 20_000
    unknown = type(l4)(
        **{**{name: getattr(l4, name) for name in l4.__struct_fields__}, "name": "x"}
    )
    assert default_prefill_tokens(llama31, unknown, 1) == FALLBACK_PREFILL_TOKENS


def test_the_largest_prefill_has_its_room_even_beyond_the_usual_share() -> None:
    """Gemma leaves less than a prefill within 90 % of an L4: the prefill's blocks are kept."""
    limits = load_profile("tgi_gemma-7b_l4").limits_as(TgiProfileLimits)
    assert limits.max_batch_total_tokens == limits.max_batch_prefill_tokens


def test_a_warm_up_has_room_for_the_answers_that_a_flag_allows() -> None:
    """Prompts of 1,000 in requests of 1,500: three of them for a prefill of 2,500 tokens."""
    assert WarmUp(2500, 1000, 1500, block_size=16).blocks == 3 * 94
    assert WarmUp(2500).blocks == 2500


def test_tgis_server_is_added_to_every_step_and_its_router_is_quick() -> None:
    """A step costs a few milliseconds more than the roofline's, a request's way in less."""
    model, l4 = load_model("llama-2-7b"), load_accelerator("l4")
    kernels, costs = estimate_costs(model, l4), load_profile("tgi_llama-2-7b_l4").spec.costs
    more = costs.decode_seconds(30, 10_000) / kernels.decode_seconds(30, 10_000)
    assert 1.02 < more < 1.08
    assert costs.arrival_request_seconds < kernels.arrival_request_seconds / 5
    assert costs.arrival_request_seconds <= costs.arrival_seconds
    fast = load_profile("tgi_llama-2-7b_h100").spec.costs
    assert fast.eager_floor_seconds > fast.decode_seconds(1, 256)


def test_what_does_not_fit_or_run_is_refused() -> None:
    """13 billion weights on an L4, three shards, a TPU."""
    with pytest.raises(UsageError, match="do not fit on 1 x l4"):
        estimate("tgi", "llama-2-13b", "l4")
    with pytest.raises(UsageError, match="divisor"):
        estimate("tgi", "llama-2-7b", "l4", count=3)
    with pytest.raises(UsageError, match="modelled on GPUs only"):
        estimate("tgi", "llama-2-7b", "v5e")
