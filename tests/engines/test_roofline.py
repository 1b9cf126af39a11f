"""The roofline: physical scaling from the measured profile, and the profiles made by it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from scalecert.engines.catalog import load_accelerator, load_model
from scalecert.engines.profiles import load_profile, profile_names
from scalecert.engines.registry import engine_kind
from scalecert.engines.roofline import (
    REFERENCE,
    efficiencies,
    estimate,
    estimate_costs,
)
from scalecert.errors import UsageError

H200 = load_accelerator("h200")
LLAMA = load_model("llama-2-7b")


def test_the_reference_is_reproduced() -> None:
    """For the measured shape and accelerator the estimate is the measurement."""
    measured = msgspec.structs.asdict(load_profile(REFERENCE).spec.costs)
    estimated = msgspec.structs.asdict(estimate("vllm", "llama-2-7b", "h200").spec.costs)
    assert estimated == pytest.approx(measured, rel=2e-3)


PLAIN = [name for name in profile_names() if name != REFERENCE and name.count("_") == 2]


@pytest.mark.parametrize("name", PLAIN)
def test_shipped_estimates_are_of_this_roofline(name: str) -> None:
    """Files of estimated profiles are what the code makes (tools/estimate_profiles.py)."""
    engine, model, accelerators = name.split("_")
    accelerator, _, count = accelerators.partition("-x")
    assert load_profile(name) == estimate(engine, model, accelerator, count=int(count or 1))


@pytest.mark.parametrize(
    ("engine", "accelerator", "expected"), [("vllm", "v5e", "GPU"), ("jetstream", "l4", "TPU")]
)
def test_an_engine_runs_on_its_kind_of_accelerator(
    engine: str, accelerator: str, expected: str
) -> None:
    """vLLM on a TPU and JetStream on a GPU are refused with one line that names the others."""
    with pytest.raises(UsageError, match=rf"modelled on {expected}s only \(one of "):
        estimate(engine, "llama-2-7b", accelerator)


def test_efficiencies_are_physical() -> None:
    """Nothing is faster than its peak, nor absurdly slow."""
    found = efficiencies()
    assert 20 <= found.pop("tile_tokens") <= 400
    assert all(0.1 < share < 1 for share in found.values())


def test_grouped_heads_make_context_cheaper_and_nothing_else() -> None:
    """With a quarter of the KV heads, a context token costs a quarter."""
    grouped = msgspec.structs.replace(LLAMA, name="grouped", kv_heads=8)
    full, quarter = estimate_costs(LLAMA, H200), estimate_costs(grouped, H200)
    assert quarter.context_seconds == pytest.approx(full.context_seconds / 4, rel=1e-3)
    assert quarter.decode_request_seconds < full.decode_request_seconds
    assert quarter.attention_seconds == full.attention_seconds
    assert quarter.overhead_seconds == full.overhead_seconds


def test_depth_scales_every_part_of_a_layer() -> None:
    """Twice the layers cost twice as much, but for the weights: the output head stays."""
    deep = msgspec.structs.replace(LLAMA, name="deep", layers=64)
    once, twice = estimate_costs(LLAMA, H200), estimate_costs(deep, H200)
    for field in ("context_seconds", "attention_seconds", "token_seconds"):
        assert getattr(twice, field) == pytest.approx(2 * getattr(once, field), rel=1e-3)
    assert 1.9 < twice.weights_seconds / once.weights_seconds < 2
    assert 1.7 < twice.overhead_seconds / once.overhead_seconds < 2


def test_the_cpus_work_is_the_same_for_every_model() -> None:
    """What the API server and the scheduler do depends on requests, not on the model."""
    names = ("llama-3.2-1b", "llama-2-13b")
    small, large = (estimate("vllm", name, "h200").spec.costs for name in names)
    for field in (
        "step_floor_seconds",
        "floor_request_seconds",
        "start_seconds",
        "arrival_seconds",
        "arrival_request_seconds",
        "delivery_seconds",
        "delivery_request_seconds",
    ):
        assert getattr(small, field) == getattr(large, field) > 0
    assert 0 < small.start_floor_seconds < large.start_floor_seconds


def test_a_larger_vocabulary_is_paid_for_by_samples_not_by_prompts() -> None:
    """The output head is streamed once a step and computed for sampled tokens only."""
    wide = msgspec.structs.replace(LLAMA, name="wide", vocabulary=128256)
    small, large = estimate_costs(LLAMA, H200), estimate_costs(wide, H200)
    assert large.token_seconds == small.token_seconds
    assert large.weights_seconds > small.weights_seconds
    assert large.decode_request_seconds > small.decode_request_seconds


def test_slower_memory_slows_decoding_and_slower_compute_prefill() -> None:
    """Each peak rate moves the terms that are bound by it."""
    narrow = msgspec.structs.replace(H200, bytes_per_second=H200.bytes_per_second / 2)
    weak = msgspec.structs.replace(H200, flops_per_second=H200.flops_per_second / 2)
    base, by_bytes, by_flops = (estimate_costs(LLAMA, one) for one in (H200, narrow, weak))
    assert by_bytes.weights_seconds == pytest.approx(2 * base.weights_seconds, rel=1e-3)
    assert by_bytes.token_seconds == base.token_seconds
    assert by_flops.token_seconds == pytest.approx(2 * base.token_seconds, rel=1e-3)
    assert by_flops.weights_seconds == base.weights_seconds


def test_small_models_are_bound_by_the_cpu() -> None:
    """A 1B model on an H200 does not step faster than its steps are launched."""
    costs = estimate("vllm", "llama-3.2-1b", "h200").spec.costs
    floor = costs.step_floor_seconds + costs.floor_request_seconds
    assert costs.decode_seconds(1, 256) == floor > costs.decode_coefficients(1)[0]
    assert costs.step_floor_seconds < costs.prefill_floor_seconds < costs.eager_floor_seconds


def test_large_models_hide_the_cpu() -> None:
    """On an L4 no step of an 8B model waits for its launch."""
    costs = estimate("vllm", "llama-3.1-8b", "l4").spec.costs
    assert costs.decode_seconds(1, 256) > 10 * costs.step_floor_seconds
    assert costs.prefill_floor_seconds == costs.eager_floor_seconds == 0


def test_two_accelerators_are_faster_but_not_twice() -> None:
    """Tensor parallelism halves the work and pays for all-reduces; the price doubles."""
    one, two = (estimate("vllm", "llama-3.1-8b", "l4", count=count) for count in (1, 2))
    alone, shared = (profile.spec.costs.decode_coefficients(32)[0] for profile in (one, two))
    assert alone / 2 < shared < alone
    assert two.spec.price.per_hour == pytest.approx(2 * one.spec.price.per_hour)
    assert two.spec.limits["kvTokens"] > one.spec.limits["kvTokens"]
    assert two.name.endswith("-x2")


def test_defaults_of_the_server_follow_the_accelerator() -> None:
    """vLLM takes larger batches from 70 GB on, but not on an A100."""
    seats = {
        name: estimate("vllm", "llama-2-7b", name).spec.limits["maxNumSeqs"]
        for name in ("l4", "a10g", "a100-80g", "h100", "h200")
    }
    assert seats == {"l4": 256, "a10g": 256, "a100-80g": 256, "h100": 1024, "h200": 1024}


def test_a_model_that_does_not_fit_is_refused() -> None:
    """13 billion weights do not fit on an L4."""
    with pytest.raises(UsageError, match=r"24\.2 GiB of weights leave no room"):
        estimate("vllm", "llama-2-13b", "l4")


def test_heads_must_divide() -> None:
    """vLLM splits attention by heads."""
    with pytest.raises(UsageError, match="divisor of the model's 32"):
        engine_kind("vllm").estimate(LLAMA, H200, count=3)


MINE = """\
apiVersion: scalecert.dev/v1
kind: ModelCatalog
metadata: {name: mine}
spec:
  models:
    - {name: mine-7b, layers: 30, hidden: 4096, heads: 32, kvHeads: 4, intermediate: 11008,
       vocabulary: 64000, maxContext: 8192}
"""


def test_users_bring_their_own_models(tmp_path: Path) -> None:
    """A file of the form of models.yaml goes wherever a name goes, with #name if it has more."""
    path = tmp_path / "models.yaml"
    path.write_text(MINE)
    assert estimate("vllm", str(path), "h200").name == "vllm_mine-7b_h200"
    assert load_model(f"{path}#mine-7b") == load_model(str(path))
    with pytest.raises(UsageError, match="did you mean mine-7b"):
        load_model(f"{path}#mine-70b")
    path.with_name("zero.yaml").write_text(MINE.replace("layers: 30", "layers: 0"))
    with pytest.raises(UsageError, match="layers: found 0"):
        load_model(str(path.with_name("zero.yaml")))


def test_an_unknown_accelerator_gets_the_nearest() -> None:
    """A word that is nearly right is suggested."""
    with pytest.raises(UsageError, match="did you mean a100-80g"):
        load_accelerator("a100-80gb")
