"""How a JetStream server is recognised, what its arguments set, and its estimated profiles."""

from __future__ import annotations

import math

import msgspec
import pytest

from scalecert.engines.catalog import load_accelerator, load_model
from scalecert.engines.jetstream.estimate import estimate, with_load
from scalecert.engines.jetstream.memory import slots_that_fit
from scalecert.engines.jetstream.profile_limits import JetStreamProfileLimits
from scalecert.engines.profiles import load_profile, profile_names
from scalecert.engines.registry import engine_kind
from scalecert.errors import UsageError

JETSTREAM = engine_kind("jetstream")
EIGHT = load_profile("jetstream_gemma-7b_v5e-x8")
V5E = load_accelerator("v5e")
TUTORIAL = (
    "model_name=gemma-7b", "tokenizer_path=assets/tokenizer.gemma", "per_device_batch_size=4",
    "max_prefill_predict_length=1024", "max_target_length=2048", "async_checkpointing=false",
    "ici_fsdp_parallelism=1", "ici_autoregressive_parallelism=-1", "ici_tensor_parallelism=1",
    "scan_layers=false", "weight_dtype=bfloat16", "attention=dot_product", "prometheus_port=9100",
)  # fmt: skip


@pytest.mark.parametrize(
    ("image", "is_jetstream"),
    [
        ("us-docker.pkg.dev/cloud-tpu-images/inference/maxengine-server:v0.2.2", True),
        ("us-docker.pkg.dev/cloud-tpu-images/inference/jetstream-pytorch-server:v0.2.3", True),
        ("gcr.io/mine/jetstream/maxtext/maxengine-server:latest", True),
        ("us-docker.pkg.dev/mine/jetstream-maxtext-stable-stack@sha256:0123", True),
        ("us-docker.pkg.dev/cloud-tpu-images/inference/jetstream-http:v0.2.2", False),
        ("gcr.io/mine/jetstream/maxtext/jetstream-http:latest", False),
        ("us-docker.pkg.dev/mine/jetstream/inference-checkpoint:v0.2.2", False),
        ("natsio/jetstream-controller:0.14.0", False),
        ("vllm/vllm-tpu:latest", False),
    ],
)
def test_images(image: str, *, is_jetstream: bool) -> None:
    """A server's image is known wherever it lies; the HTTP server in front is no engine."""
    assert JETSTREAM.recognises(image) == is_jetstream


@pytest.mark.parametrize(
    "command",
    [
        "python3 MaxText/maxengine_server.py MaxText/configs/base.yml model_name=gemma-7b",
        "python -m MaxText.maxengine_server MaxText/configs/base.yml",
        "python3 -m maxtext.inference.maxengine.maxengine_server maxtext/configs/base.yml",
        "jpt serve --model_id google/gemma-7b",
        "python -m jetstream.entrypoints.http.api_server",
    ],
)
def test_commands(command: str) -> None:
    """Servers in images of a team's own are known by what starts them."""
    assert JETSTREAM.is_started_by(command.split())
    assert not JETSTREAM.is_started_by(["python", "-m", "vllm.entrypoints.openai.api_server"])


def test_the_arguments_of_the_tutorial() -> None:
    """Four slots on each of eight chips; every limit comes from the arguments."""
    limits = JETSTREAM.limits(EIGHT, TUTORIAL, {})
    assert limits.integer("max_concurrent_decodes") == 32
    assert limits.integer("kv_tokens") == 32 * 2048
    assert set(limits.sources.values()) == {"args"}
    assert JETSTREAM.request_limits(limits).total_tokens == 2048
    assert JETSTREAM.costly_flags(TUTORIAL) == ()


def test_what_maxtext_is_not_told_has_its_defaults() -> None:
    """Not the profile's: a server that is told of a model only takes prompts of 64 tokens."""
    limits = JETSTREAM.limits(EIGHT, ("model_name=gemma-7b",), {})
    assert limits.integer("max_prefill_predict_length") == 64
    assert limits.integer("max_concurrent_decodes") == 96
    assert limits.sources["max_prefill_predict_length"] == "default"
    assert JETSTREAM.limits(EIGHT, (), {}).sources["max_prefill_predict_length"] == "profile"


def test_the_flags_of_pytorch() -> None:
    """Its batch is of the whole server; a cache length holds prompt and answer."""
    words = ("--size=7b", "--model_name=gemma", "--batch_size=80", "--max_cache_length=2048")
    limits = JETSTREAM.limits(EIGHT, words, {})
    assert limits.integer("max_concurrent_decodes") == 80
    assert limits.values["per_device_batch_size"] == 10.0
    assert limits.integer("max_target_length") == 2048
    words = ("--model_id", "google/gemma-7b", "--max_input_length=512", "--max_output_length=256")
    limits = JETSTREAM.limits(EIGHT, words, {})
    assert limits.integer("max_target_length") == 768
    assert limits.integer("max_concurrent_decodes") == 32


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("per_device_batch_size=0", "per_device_batch_size: found '0', expected a number over 0"),
        ("per_device_batch_size=0.1", "found 0 decode slots"),
        (
            "per_device_batch_size=64",
            r"found 512 slots of 2048 tokens, but the memory is for 1\d\d",
        ),
        ("max_prefill_predict_length=1000", "found 1000, expected one of 16, 32, 64"),
        ("max_target_length=1024", "found 1024, expected more than max_prefill_predict_length"),
        ("ici_tensor_parallelism=16", "found a mesh of 16, but profile .* is of 8"),
        ("ici_tensor_parallelism=0", "found a mesh of 0, but profile .* is of 8"),
    ],
)
def test_what_a_server_ends_on_is_refused(word: str, message: str) -> None:
    """One line that names the argument."""
    words = [*(one for one in TUTORIAL if one.partition("=")[0] != word.partition("=")[0]), word]
    with pytest.raises(UsageError, match=message) as refused:
        JETSTREAM.limits(EIGHT, words, {})
    assert refused.value.field == word.partition("=")[0]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("--batch_size=32", "--max_input_length=1000"), "--max_input_length"),
        (("--batch-size=32", "--max-cache-length", "512"), "--max-cache-length"),
        (("--override_batch_size=9999",), "--override_batch_size"),
    ],
)
def test_a_flag_of_pytorchs_server_is_named_as_it_is_written(words, field) -> None:
    """Not by the key that MaxText has for the same limit."""
    with pytest.raises(UsageError) as refused:
        JETSTREAM.limits(EIGHT, words, {})
    assert refused.value.field == field


def test_metrics_are_off_unless_a_port_is_set() -> None:
    """On a port of their own, on any path; what turns them on is said as the server takes it."""
    on = JETSTREAM.metrics_endpoint(TUTORIAL, {})
    assert (on.port, on.path) == (9100, None)
    off = JETSTREAM.metrics_endpoint(TUTORIAL[:-1], {})
    assert (off.port, off.switch) == (None, "prometheus_port=9100")
    assert JETSTREAM.metrics_endpoint((*TUTORIAL[:-1], "prometheus_port=0"), {}).port is None
    pytorch = JETSTREAM.metrics_endpoint(("--batch_size=8", "--prometheus_port", "9090"), {})
    assert (pytorch.port, pytorch.switch) == (9090, "--prometheus_port=9100")
    http = JETSTREAM.metrics_endpoint(("-m", "jetstream.entrypoints.http.api_server"), {})
    assert http.port == 9988


@pytest.mark.parametrize(
    ("words", "model"),
    [
        (("model_name=gemma-7b",), "gemma-7b"),
        (("model_name=llama2-7b",), "llama-2-7b"),
        (("model_name=llama3.1-8b",), "llama-3.1-8b"),
        (("--model_name=llama-2", "--size=7b"), "llama-2-7b"),
        (("--model_id", "meta-llama/Llama-2-7b-chat-hf"), "meta-llama/Llama-2-7b-chat-hf"),
    ],
)
def test_models_are_named_as_the_catalogue_names_them(words: tuple[str, ...], model: str) -> None:
    """MaxText leaves out a dash, PyTorch says the size elsewhere."""
    assert JETSTREAM.model_of(words, {}) == (model, "args")
    assert JETSTREAM.served_name(words, {}) is None
    assert JETSTREAM.model_of(("per_device_batch_size=4",), {}) is None


def test_quantization_is_costly() -> None:
    """Unless it says that there is none."""
    words = ("quantization=int8", "quantize_kvcache=true", "--quantize_weights=False")
    assert JETSTREAM.costly_flags(words) == ("quantization", "quantize_kvcache")
    assert JETSTREAM.costly_flags(("--quantize_kv_cache", "quantization=")) == (
        "--quantize_kv_cache",
    )


def test_nothing_ends_a_server_but_its_kill() -> None:
    """SIGTERM is not handled, and a container's first process ignores what it does not handle."""
    assert JETSTREAM.drain_seconds(JETSTREAM.limits(EIGHT, TUTORIAL, {})) == math.inf


OF_JETSTREAM = [name for name in profile_names() if name.startswith("jetstream_")]


@pytest.mark.parametrize("name", OF_JETSTREAM)
def test_the_decode_state_fits(name: str) -> None:
    """Slots follow from memory: no more than fit, and MaxText's default at most."""
    profile = load_profile(name)
    limits = profile.limits_as(JetStreamProfileLimits)
    count = profile.spec.accelerator.count
    room = slots_that_fit(
        profile.spec.memory,
        profile.spec.accelerator,
        longest_prompt=limits.max_prefill_predict_length,
        max_target_length=limits.max_target_length,
    )
    slots = limits.per_device_batch_size * count
    assert slots <= room
    assert limits.per_device_batch_size == 12 or slots + count > room


def test_one_chip_needs_int8() -> None:
    """14 GB of weights and their slots do not fit into 16 GB; on eight chips nothing is cut."""
    one, eight = (load_profile(f"jetstream_llama-2-7b_v5e{count}") for count in ("", "-x8"))
    assert (one.spec.model.dtype, one.spec.model.bytes_per_kv) == ("int8", 1.0)
    assert (eight.spec.model.dtype, eight.spec.model.bytes_per_kv) == ("bfloat16", 2.0)
    assert one.spec.provenance.what.endswith("quantization=int8 quantize_kvcache=true")
    assert "quantize" not in eight.spec.provenance.what


def test_a_profile_of_int8_is_for_servers_that_quantize() -> None:
    """Another would not start on the accelerators that such a profile is of."""
    one = load_profile("jetstream_gemma-7b_v5e")
    words = tuple(word for word in TUTORIAL if not word.startswith("ici_"))
    assert JETSTREAM.limits(one, (*words, "quantization=int8"), {}).integer("kv_tokens") == 8192
    for unquantized in (words, (*words, "quantization="), ("--batch_size=4", "--size=7b")):
        with pytest.raises(UsageError, match=r"found none, but profile .* is of weights in int8"):
            JETSTREAM.limits(one, unquantized, {})


def test_variants_differ_in_what_memory_metrics_show_only() -> None:
    """The shipped variants are the profiles with another allocation, and say so."""
    for name in OF_JETSTREAM:
        plain, _, variant = name.partition("_hbm-")
        if variant:
            profile = load_profile(name)
            assert profile == with_load(load_profile(plain))
            assert profile.spec.memory.kv_allocation == "with-load"
            assert "GKE" in profile.spec.provenance.source
        else:
            assert load_profile(name).spec.memory.kv_allocation == "at-start"
    assert sum("_hbm-" in name for name in OF_JETSTREAM) == 4


def test_a_model_that_fits_in_no_form_is_refused() -> None:
    """70 billion weights are too many for four chips, in int8 too; a third of 32 heads is none."""
    large = load_model("llama-3.1-70b")
    with pytest.raises(UsageError, match="leave no room for a decode slot"):
        estimate(large, V5E, count=4)
    int8 = msgspec.structs.replace(large, dtype="int8")
    with pytest.raises(UsageError, match="leave no room for a decode slot"):
        estimate(int8, V5E, count=4)
    with pytest.raises(UsageError, match="divisor of the model's 32"):
        estimate(load_model("llama-2-7b"), V5E, count=3)


def test_a_step_is_bound_by_reading_all_slots() -> None:
    """More slots make longer steps, whoever is in them; the launch of a step costs nothing."""
    costs = EIGHT.spec.costs
    few, many = (costs.decode_seconds(slots, slots * 2048) for slots in (32, 96))
    assert many > 1.8 * few
    assert costs.step_floor_seconds == costs.prefill_floor_seconds == 0.0
    assert costs.mixed_seconds(1024, 2**19, 1, 0, 0) < 0.05
