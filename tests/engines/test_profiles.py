"""Engine profiles: shipped ones load and are sound, wrong ones get one line."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from scalecert.bundled import bundled
from scalecert.engines.catalog import accelerator_of_label, accelerators, models
from scalecert.engines.profiles import (
    EngineProfile,
    kv_room_tokens,
    load_profile,
    profile_names,
    profile_text,
)
from scalecert.engines.vllm.profile_limits import VllmProfileLimits
from scalecert.errors import UsageError

MEASURED = "vllm_llama-2-7b_h200"


def test_the_promised_profiles_ship() -> None:
    """Two models on five accelerators, of which one is measured."""
    promised = {
        f"vllm_{model}_{accelerator}"
        for model in ("llama-2-7b", "llama-3.1-8b")
        for accelerator in ("l4", "a10g", "a100-80g", "h100", "h200")
    }
    assert promised <= set(profile_names())
    kinds = {name: load_profile(name).spec.provenance.kind for name in promised}
    assert [name for name, kind in kinds.items() if kind == "measured"] == [MEASURED]


@pytest.mark.parametrize("name", profile_names())
def test_a_shipped_profile_is_sound(name: str) -> None:
    """It is named for its parts, says where it comes from, and its limits fit each other."""
    profile = load_profile(name)
    spec = profile.spec
    count = f"-x{spec.accelerator.count}" if spec.accelerator.count > 1 else ""
    plain = f"{spec.engine}_{spec.model.name}_{spec.accelerator.name}{count}"
    variant = name.removeprefix(plain)
    assert profile.name == name
    assert name.startswith(plain)
    assert re.fullmatch(r"(_[a-z][a-z-]*)?", variant)
    assert spec.provenance.source
    assert spec.price.source
    assert spec.price.per_hour > 0
    assert spec.startup.model_load_seconds > 0


OF_VLLM = [name for name in profile_names() if name.startswith("vllm_")]


@pytest.mark.parametrize("name", OF_VLLM)
def test_limits_follow_from_memory(name: str) -> None:
    """Limits of vLLM fit each other; its KV room is what the memory leaves, within one block."""
    profile = load_profile(name)
    limits = profile.limits_as(VllmProfileLimits)
    room = kv_room_tokens(
        profile.spec.memory,
        profile.spec.accelerator,
        utilization=limits.gpu_memory_utilization,
        step_tokens=limits.max_num_batched_tokens,
        block_size=limits.block_size,
    )
    assert abs(room - limits.kv_tokens) <= limits.block_size
    assert limits.kv_tokens % limits.block_size == 0
    assert limits.max_model_len <= min(limits.kv_tokens, profile.spec.model.max_context)
    assert limits.max_num_batched_tokens >= limits.max_num_seqs


def test_more_memory_leaves_more_room() -> None:
    """KV room grows with utilization and shrinks with the step's budget; none is an error."""
    profile = load_profile("vllm_llama-2-7b_l4")

    def room(utilization: float, tokens: int) -> int:
        return kv_room_tokens(
            profile.spec.memory,
            profile.spec.accelerator,
            utilization=utilization,
            step_tokens=tokens,
            block_size=16,
        )

    assert room(0.95, 2048) > room(0.90, 2048) > room(0.90, 8192)
    with pytest.raises(UsageError, match=r"12\.6 GiB of weights leave no room"):
        room(0.5, 2048)


def test_the_measured_shape_has_the_measured_bytes() -> None:
    """Weights 12.55 GiB and 524,288 bytes of keys and values per token, as the server logged."""
    model = load_profile(MEASURED).spec.model
    assert model.weight_bytes / 2**30 == pytest.approx(12.55, abs=0.005)
    assert model.kv_bytes_per_token == 524288


def test_grouped_heads_and_tied_embeddings_shrink_a_model() -> None:
    """Llama-3.2-1B: 1.24 billion weights, keys and values of 8 heads of width 64."""
    model = {shape.name: shape for shape in models()}["llama-3.2-1b"]
    assert model.weight_bytes / model.bytes_per_weight == pytest.approx(1.236e9, rel=1e-3)
    assert model.kv_bytes_per_token == 2 * 16 * 8 * 64 * 2


@pytest.mark.parametrize("name", profile_names())
def test_text_gives_the_profile_back(name: str, tmp_path: Path) -> None:
    """A written profile is read as the same value."""
    profile = load_profile(name)
    path = tmp_path / "mine.yaml"
    path.write_text(profile_text(profile))
    assert load_profile(str(path)) == profile


def test_an_unknown_name_gets_the_nearest() -> None:
    """A word that is nearly right is suggested."""
    with pytest.raises(UsageError, match="did you mean vllm_llama-2-7b_l4"):
        load_profile("vllm_llama2-7b_l4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("kvTokens: 229904", "kvTokens: 0"),
            r"spec\.limits\.kvTokens: found 0",
        ),
        (("weightsSeconds: ", "weightsSeconds: -"), r"spec\.costs\.weightsSeconds: found -"),
        (("contextSeconds: ", "contextSecond: "), "contextSecond"),
        (("kind: EngineProfile", "kind: EngineProfil"), "did you mean EngineProfile"),
        (("basis: assumed", "basis: guessed"), "guessed"),
        (("relative: 0.30", "relative: 30"), r"errors\.startup\.relative: found 30.*0\.3 is 30 %"),
        (("relative: 0.30", "relative: 1.0"), r"errors\.startup\.relative: found 1\.0, expected"),
        (("relative: 0.30", "relative: -0.1"), r"errors\.startup\.relative: found -0\.1"),
    ],
)
def test_a_wrong_profile_gets_one_line(
    change: tuple[str, str], message: str, tmp_path: Path
) -> None:
    """The error names the file and the field."""
    text = bundled("fixtures", "profiles", f"{MEASURED}.yaml").read_text()
    assert change[0] in text
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(*change, 1))
    with pytest.raises(UsageError, match=message) as caught:
        load_profile(str(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_the_schema_can_be_described() -> None:
    """Editors complete profiles by a JSON Schema."""
    schema = msgspec.json.schema(EngineProfile)
    assert "EngineProfile" in str(schema)


@pytest.mark.parametrize(
    ("label", "accelerator"),
    [
        ("nvidia-l4", "l4"),
        ("nvidia-a100-80gb", "a100-80g"),
        ("nvidia-h100-80gb", "h100"),
        ("nvidia-h200-141gb", "h200"),
        ("NVIDIA-A10G", "a10g"),
        ("nvidia-tesla-a100", None),
        ("tpu-v5-lite-podslice", "v5e"),
        ("tpu-v5-lite-device", "v5e"),
        ("tpu-v6e-slice", None),
    ],
)
def test_node_labels_name_accelerators(label: str, accelerator: str | None) -> None:
    """GKE's and NVIDIA's labels lead to an accelerator; the 40 GB A100 is not the 80 GB one."""
    assert accelerator_of_label(label) == accelerator


def test_labels_are_unique() -> None:
    """No label means two accelerators."""
    labels = [label for accelerator in accelerators() for label in accelerator.node_labels]
    assert len(labels) == len(set(labels))
