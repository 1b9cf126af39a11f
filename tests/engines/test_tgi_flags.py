"""TGI's command line and variables: what a server is known by, its limits, what it refuses."""

from __future__ import annotations

import msgspec
import pytest

from scalecert.engines.base import Limits
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.errors import UsageError

TGI = engine_kind("tgi")
L4 = load_profile("tgi_llama-2-7b_l4")
GOOGLE = (
    "us-docker.pkg.dev/deeplearning-platform-release/gcr.io/"
    "huggingface-text-generation-inference-cu124.2-3.ubuntu2204.py311"
)


def limits(*args: str, version: str | None = None, **env: str) -> Limits:
    """Return the limits of an L4 server with a command line and variables."""
    return TGI.limits(L4, args, env, version=version)


@pytest.mark.parametrize(
    ("image", "known", "version"),
    [
        ("ghcr.io/huggingface/text-generation-inference:3.3.4", True, "3.3.4"),
        ("ghcr.io/huggingface/text-generation-inference:latest", True, None),
        (GOOGLE, True, "2.3"),
        (f"{GOOGLE}@sha256:0123", True, "2.3"),
        ("registry.example/llm/tgi:1.4", True, "1.4"),
        ("ghcr.io/huggingface/text-embeddings-inference:1.7", False, "1.7"),
        ("vllm/vllm-openai:v0.9.1", False, "0.9.1"),
    ],
)
def test_images_are_recognised(image: str, known: bool, version: str | None) -> None:
    """By a word of the path; Google's images have the version in their name."""
    assert TGI.recognises(image) is known
    assert TGI.version_of(image) == version


def test_a_command_is_recognised_by_the_launcher() -> None:
    """An image of a team's own starts the launcher, or a path to it."""
    assert TGI.is_started_by(["text-generation-launcher", "--port", "80"])
    assert TGI.is_started_by(["/usr/local/bin/text-generation-launcher"])
    assert not TGI.is_started_by(["text-generation-server", "serve"])


def test_a_profile_and_the_launchers_defaults_are_the_start() -> None:
    """Without flags: what the profile says, 128 permits, graphs up to 32, 90 s to end."""
    found = limits()
    assert found.values["max_concurrent_requests"] == 128
    assert found.values["kv_tokens"] == found.values["max_batch_total_tokens"] == 13859
    assert found.values["largest_graph"] == 32
    assert found.sources["max_batch_prefill_tokens"] == "profile"
    assert TGI.drain_seconds(found) == 90.0
    assert TGI.request_limits(found).total_tokens == 4096


@pytest.mark.parametrize(
    ("args", "env", "name", "value", "source"),
    [
        (["--max-concurrent-requests=40"], {}, "max_concurrent_requests", 40, "args"),
        ([], {"MAX_CONCURRENT_REQUESTS": "50"}, "max_concurrent_requests", 50, "env"),
        (["--max-concurrent-requests", "40"], {"MAX_CONCURRENT_REQUESTS": "50"},
         "max_concurrent_requests", 40, "args"),
        ([], {"MAX_CONCURRENT_REQUESTS": ""}, "max_concurrent_requests", 128, "profile"),
        (["--max-input-length=1000"], {}, "max_input_tokens", 1000, "args"),
        ([], {"MAX_TOTAL_TOKENS": "2048"}, "max_total_tokens", 2048, "env"),
        (["--cuda-graphs=1,8,64"], {}, "largest_graph", 64, "args"),
        ([], {"CUDA_GRAPHS": "0"}, "largest_graph", 0, "env"),
        (["-g", "30"], {}, "graceful_termination_timeout", 30.0, "args"),
        ([], {"ATTENTION": "paged"}, "block_size", 16, "env"),
        ([], {"ATTENTION": "paged"}, "chunking", False, "env"),
        ([], {"ATTENTION": "flashdecoding"}, "block_size", 256, "env"),
        ([], {"ATTENTION": "flashdecoding"}, "chunking", True, "env"),
        ([], {"PREFILL_CHUNKING": "0"}, "chunking", False, "env"),
        (["--num-shard=1"], {}, "num_shard", 1, "args"),
    ],
)  # fmt: skip
def test_flags_and_variables_set_limits(
    args: list[str], env: dict[str, str], name: str, value: object, source: str
) -> None:
    """Every flag has a variable; the command line goes before it; an empty one is none."""
    found = limits(*args, **env)
    assert found.values[name] == value
    assert found.sources[name] == source


def test_older_versions_neither_chunk_nor_have_blocks_of_one_token() -> None:
    """Chunked prefill came with 3.0, FlashInfer's blocks with 2.3."""
    old, older = limits(version="2.3"), limits(version="2.0.1")
    assert (old.values["chunking"], old.values["block_size"]) == (False, 1)
    assert (older.values["chunking"], older.values["block_size"]) == (False, 16)
    spec = msgspec.structs.replace(L4.spec, engine_version="2.4.0")
    measured = msgspec.structs.replace(L4, spec=spec)
    assert TGI.limits(measured, [], {}).values["chunking"] is False
    assert TGI.limits(measured, [], {}, version="3.3.4").values["chunking"] is True


def test_the_pool_is_what_the_warm_up_finds_not_what_a_flag_says() -> None:
    """`--max-batch-total-tokens` is ignored; a smaller prefill leaves room."""
    usual = limits().integer("kv_tokens")
    assert limits("--max-batch-total-tokens=1000").integer("kv_tokens") == usual
    more = limits("--max-batch-prefill-tokens=2048")
    assert 300 <= more.integer("kv_tokens") - usual <= 400
    less = limits(CUDA_MEMORY_FRACTION="0.9", TGI_WIGGLE_ROOM="0.95")
    assert less.integer("kv_tokens") < usual < limits(TGI_WIGGLE_ROOM="0.95").integer("kv_tokens")


def test_without_chunking_prompts_are_bounded_by_the_prefill() -> None:
    """The longest request is as long as the largest prefill where no flag says."""
    found = limits("--max-batch-prefill-tokens=2048", ATTENTION="paged")
    assert found.values["max_total_tokens"] == 2048
    assert found.values["max_input_tokens"] == 2047


@pytest.mark.parametrize(
    ("args", "env", "message"),
    [
        (["--max-concurrent-requests=0"], {}, "--max-concurrent-requests: found '0'"),
        ([], {"MAX_CONCURRENT_REQUESTS": "many"}, "env MAX_CONCURRENT_REQUESTS: found 'many'"),
        (["--num-shard", "2"], {}, "--num-shard: found 2 accelerators.*is of 1"),
        ([], {"NUM_SHARD": "2"}, "env NUM_SHARD: found 2 accelerators"),
        ([], {"ATTENTION": "sdpa"}, "env ATTENTION: found 'sdpa', expected one of flashdecoding"),
        ([], {"TGI_WIGGLE_ROOM": "2"}, "env TGI_WIGGLE_ROOM: found '2'"),
        (["--max-total-tokens=20000"], {}, "--max-total-tokens: 12.6 GiB of weights and"),
        (["--max-batch-prefill-tokens=20000"], {}, "--max-batch-prefill-tokens: .*of 20000 tokens"),
        (["--max-total-tokens=5000"], {"CUDA_MEMORY_FRACTION": "0.70"}, "max-total-tokens: "),
        (["--max-input-tokens=2048", "--max-total-tokens=2048"], {}, "--max-input-tokens: found"),
        (["--max-input-tokens=9", "--max-input-length=9"], {}, "--max-input-length: found both"),
        (["--max-input-tokens=3000", "--max-batch-prefill-tokens=2048"],
         {"PREFILL_CHUNKING": "0", "MAX_TOTAL_TOKENS": "4000"}, "at least the 3000"),
        (["--cuda-graphs=one"], {}, "--cuda-graphs: found 'one'"),
    ],
)  # fmt: skip
def test_what_does_not_start_is_refused(args: list[str], env: dict[str, str], message: str) -> None:
    """One line names the flag or the variable."""
    with pytest.raises(UsageError, match=message) as caught:
        limits(*args, **env)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("args", "env", "port"),
    [
        ([], {}, 80),
        ([], {"PORT": "8080"}, 8080),
        (["--port", "3000"], {"PORT": "8080"}, 3000),
        (["-p", "3001"], {}, 3001),
        (["--prometheus-port=9100"], {}, 80),
    ],
)
def test_metrics_are_on_the_servers_own_port(
    args: list[str], env: dict[str, str], port: int
) -> None:
    """The image's is 80; `--prometheus-port` has nobody listening."""
    endpoint = TGI.metrics_endpoint(args, env)
    assert (endpoint.port, endpoint.path) == (port, "/metrics")


def test_the_model_is_a_flag_or_a_variable() -> None:
    """`--model-id` goes before `MODEL_ID`."""
    assert TGI.model_of(["--model-id=org/a"], {"MODEL_ID": "org/b"}) == ("org/a", "args")
    assert TGI.model_of([], {"MODEL_ID": "org/b"}) == ("org/b", "env MODEL_ID")
    assert TGI.served_name([], {"MODEL_ID": "org/b"}) == "org/b"
    assert TGI.model_of([], {}) is None
    assert TGI.served_name([], {}) is None


def test_flags_that_change_what_a_step_costs_are_told() -> None:
    """Quantization is not modelled; a limit is."""
    words = ["--quantize", "awq", "--max-batch-prefill-tokens", "2048", "--speculate=2"]
    assert TGI.costly_flags(words) == ("--quantize", "--speculate")
