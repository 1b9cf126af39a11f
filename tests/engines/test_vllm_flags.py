"""vLLM's command line: which limits it sets, and what it refuses."""

from __future__ import annotations

import msgspec
import pytest

from scalecert.engines.base import Limits
from scalecert.engines.flags import parse_flags, readable_integer
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.engines.vllm.flags import FLAGS
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits
from scalecert.errors import UsageError

H200 = load_profile("vllm_llama-2-7b_h200")


def limits(*args: str, version: str | None = None) -> Limits:
    """Return the limits of an H200 server with a command line."""
    return engine_kind("vllm").limits(H200, args, {}, version=version)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--max-num-seqs", "32"], {"max_num_seqs": 32}),
        (["--max-num-seqs=32"], {"max_num_seqs": 32}),
        (["--max_num_seqs=32"], {"max_num_seqs": 32}),
        (["--max-num-seqs=32", "--max-num-seqs=64"], {"max_num_seqs": 64}),
        (["--max-model-len", "4k"], {"max_model_len": 4000}),
        (["--max-model-len", "32K"], {"max_model_len": 32768}),
        (["--max-model-len", "auto"], {"max_model_len": "auto"}),
        (["-tp", "2"], {"tensor_parallel_size": 2}),
        (["--no-enable-prefix-caching"], {"enable_prefix_caching": False}),
        (["--enable-prefix-caching"], {"enable_prefix_caching": True}),
        (["--no-async-scheduling"], {"async_scheduling": False}),
        (["--max-num-queued-tokens", "2.5k"], {"max_num_queued_tokens": 2500}),
        (["--num-gpu-blocks-override", "850"], {"num_gpu_blocks": 850}),
        (["vllm", "serve", "org/model", "--port", "8000"], {}),
    ],
)
def test_flags_set_limits(words: list[str], expected: dict[str, object]) -> None:
    """Both ways to give a value, underscores, sizes and switches; other words are passed over."""
    assert parse_flags(words, FLAGS) == expected


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (["--max-num-seqs", "many"], "--max-num-seqs"),
        (["--max-num-seqs"], "--max-num-seqs"),
        (["--max-num-seqs", "0"], "--max-num-seqs"),
        (["--max_model_len=1.5K"], "--max_model_len"),
        (["--gpu-memory-utilization", "90"], "--gpu-memory-utilization"),
        (["--block-size", "-16"], "--block-size"),
        (["--shutdown-timeout", "nan"], "--shutdown-timeout"),
    ],
)
def test_a_bad_value_names_the_flag_as_it_was_written(words: list[str], flag: str) -> None:
    """What vLLM would not take is refused in one line, with what was expected."""
    with pytest.raises(UsageError, match="expected") as refused:
        parse_flags(words, FLAGS)
    assert refused.value.field == flag


@pytest.mark.parametrize(
    ("text", "number"),
    [("4096", 4096), ("4k", 4000), ("4K", 4096), ("2.5k", 2500), ("1m", 10**6), ("1M", 2**20)],
)
def test_sizes_read_as_vllm_reads_them(text: str, number: int) -> None:
    """Lower-case units are decimal, upper-case ones binary."""
    assert readable_integer(text) == number


@pytest.mark.parametrize("text", ["", "k", "1x", "1.5K", "0.0001k", "-4"])
def test_other_sizes_are_refused(text: str) -> None:
    """Neither fractions of a token nor other units."""
    with pytest.raises(ValueError, match="is not a"):
        readable_integer(text)


def test_flags_go_over_the_profile_and_say_so() -> None:
    """Sources tell flags from the profile's values and vLLM's defaults."""
    found = limits("--max-num-seqs", "32")
    assert found.integer("max_num_seqs") == 32
    assert found.integer("kv_tokens") == H200.spec.limits["kvTokens"]
    assert found.sources["max_num_seqs"] == "args"
    assert found.sources["kv_tokens"] == "profile"
    assert found.sources["async_scheduling"] == "default"


@pytest.mark.parametrize(("version", "ahead"), [("0.13.0", False), ("0.14.0", True), (None, True)])
def test_scheduling_is_asynchronous_since_0_14(version: str | None, ahead: bool) -> None:
    """The default follows the version; the profile's version stands in for an unknown one."""
    assert limits(version=version).values["async_scheduling"] is ahead


def test_blocks_are_what_the_override_says() -> None:
    """`--num-gpu-blocks-override` decides the KV room, whatever the memory flags say."""
    found = limits("--num-gpu-blocks-override", "850", "--gpu-memory-utilization=0.5")
    assert (found.integer("num_gpu_blocks"), found.integer("kv_tokens")) == (850, 13600)


def test_memory_flags_change_the_kv_room_by_what_they_free() -> None:
    """A tenth of the accelerator's memory more or less is as many tokens more or less."""
    per_token = H200.spec.memory.kv_bytes_per_token
    tenth = 0.1 * H200.spec.memory.accelerator_bytes / per_token
    fewer = limits("--gpu-memory-utilization", "0.8")
    lost = H200.spec.limits["kvTokens"] - fewer.integer("kv_tokens")
    assert lost == pytest.approx(tenth, abs=2 * 16)
    assert fewer.sources["kv_tokens"] == "args"


@pytest.mark.parametrize(
    ("args", "flag"),
    [
        (["--max-model-len", "8192"], "--max-model-len"),
        (["--max-model-len", "4096", "--num-gpu-blocks-override", "100"], "--max-model-len"),
        (["--max-num-seqs", "512", "--max-num-batched-tokens", "256"], "--max-num-seqs"),
        (["--num-gpu-blocks-override", "100"], "--num-gpu-blocks-override"),
        (["--gpu-memory-utilization", "0.1"], "--gpu-memory-utilization"),
        (["--gpu-memory-utilization", "0.01"], "--gpu-memory-utilization"),
        (["--tensor-parallel-size", "2"], "--tensor-parallel-size"),
    ],
)
def test_a_server_that_would_not_start_is_refused(args: list[str], flag: str) -> None:
    """Flags that don't go together are the user's error, named by the flag."""
    with pytest.raises(UsageError) as refused:
        limits(*args)
    assert refused.value.field == flag


def of_profile(kv_tokens: int, context: int, *args: str, block_size: int = 16) -> Limits:
    """Return the limits of a server whose profile has another KV cache and context."""
    changed = H200.spec.limits | {
        "kvTokens": kv_tokens,
        "maxModelLen": context,
        "blockSize": block_size,
    }
    spec = msgspec.structs.replace(H200.spec, limits=changed)
    profile = msgspec.structs.replace(H200, spec=spec)
    return engine_kind("vllm").limits(profile, args, {}, version=None)


@pytest.mark.parametrize("args", [(), ("--max-num-seqs=8",)])
@pytest.mark.parametrize(("kv_tokens", "block_size"), [(1024, 16), (15, 16), (4100, 1024)])
def test_a_profile_of_a_server_that_would_not_start_is_refused(
    args: tuple[str, ...], kv_tokens: int, block_size: int
) -> None:
    """The KV cache, in whole blocks, holds at least one request of the whole context."""
    context = 4097
    with pytest.raises(UsageError, match="a context of 4097 tokens does not fit") as refused:
        of_profile(kv_tokens, context, *args, block_size=block_size)
    assert refused.value.field == "limits.maxModelLen"


@pytest.mark.parametrize(("kv_tokens", "context"), [(31, 10), (16, 16)])
@pytest.mark.parametrize("args", [(), ("--max-model-len=auto",), ("--max-model-len=8",)])
def test_a_kv_cache_without_a_block_to_give_is_refused(
    args: tuple[str, ...], kv_tokens: int, context: int
) -> None:
    """One block is the null block: with no other no request ever runs."""
    with pytest.raises(UsageError, match="does not fit in a KV cache for 0"):
        of_profile(kv_tokens, context, *args)


@pytest.mark.parametrize(
    "args", [(), ("--max-num-batched-tokens=8192",), ("--max-model-len=4096",)]
)
def test_a_context_of_the_whole_kv_cache_starts(args: tuple[str, ...]) -> None:
    """vLLM compares with all blocks, the null block included, which no request ever gets."""
    assert of_profile(4096, 4096, *args).integer("max_model_len") == 4080


def test_an_automatic_context_is_what_fits() -> None:
    """`auto` takes the model's longest context, or the KV cache's room if that is less."""
    assert limits("--max-model-len", "auto").integer("max_model_len") == 4096
    small = limits("--max-model-len", "auto", "--num-gpu-blocks-override", "101")
    assert small.integer("max_model_len") == 1600


def test_fewer_seats_follow_a_smaller_budget() -> None:
    """The profile's seats give way to a budget that the user set."""
    found = limits("--max-num-batched-tokens", "512")
    assert found.integer("max_num_seqs") == 512
    assert found.sources["max_num_seqs"] == "args"


def test_the_scheduler_takes_what_the_limits_say() -> None:
    """A shared prefix counts only with the prefix cache on, queue limits only if given."""
    found = limits("--max-num-queued-reqs", "7")
    values = {**found.values, "shared_prefix_tokens": 128}
    on = SchedulerLimits.of(Limits(values))
    off = SchedulerLimits.of(Limits({**values, "enable_prefix_caching": False}))
    assert (on.shared_prefix_tokens, off.shared_prefix_tokens) == (128, 0)
    assert (on.max_num_queued_reqs, on.max_num_queued_tokens) == (7, -1)
