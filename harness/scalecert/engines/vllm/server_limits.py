"""The limits of one vLLM server: profile, flags, and what vLLM derives from both.

vLLM sizes its KV cache when it starts, from the memory that flags leave; a server whose flags
don't go together does not start, so they are refused here.
"""

from __future__ import annotations

from collections.abc import Sequence

from scalecert.engines.accelerator_count import require_count
from scalecert.engines.base import Limits
from scalecert.engines.flags import Value, parse_flags
from scalecert.engines.profile_ranges import MOST_SEQUENCES, MOST_TOKENS
from scalecert.engines.profiles import EngineProfile, kv_room_tokens
from scalecert.engines.versions import Versions
from scalecert.engines.vllm.flags import FLAGS
from scalecert.engines.vllm.profile_limits import VllmProfileLimits
from scalecert.errors import UsageError

_ASYNCHRONOUS = Versions(since="0.14.0")
"""Those that schedule asynchronously by default."""


def server_limits(profile: EngineProfile, args: Sequence[str], version: str | None) -> Limits:
    """Return the limits of a server of `version` with the flags `args`.

    Raises:
        UsageError: for a flag that vLLM would not take or start with; it names the flag.
    """
    flags = parse_flags(args, FLAGS)
    given = profile.limits_as(VllmProfileLimits)
    values: dict[str, Value] = {
        "max_num_seqs": given.max_num_seqs,
        "max_num_batched_tokens": given.max_num_batched_tokens,
        "max_model_len": given.max_model_len,
        "block_size": given.block_size,
        "gpu_memory_utilization": given.gpu_memory_utilization,
        "tensor_parallel_size": profile.spec.accelerator.count,
        "enable_prefix_caching": True,
        "shared_prefix_tokens": 0,
        "long_prefill_token_threshold": 0,
        "async_scheduling": (version or profile.spec.engine_version) in _ASYNCHRONOUS,
    }
    sources = dict.fromkeys(values, "profile")
    for name in values.keys() & _DEFAULTS:
        sources[name] = "default"
    values |= flags
    sources |= dict.fromkeys(flags, "args")
    _check_ranges(values)
    _check_accelerators(profile, flags)
    _size_kv_cache(profile, values, sources)
    _fit_context(profile, values, flags)
    _check_budget(values, sources)
    return Limits(values, sources)


_ROOM_FLAGS = {
    "max_model_len": "--max-model-len",
    "num_gpu_blocks": "--num-gpu-blocks-override",
    "gpu_memory_utilization": "--gpu-memory-utilization",
    "max_num_batched_tokens": "--max-num-batched-tokens",
}
"""What makes a context not fit, the likeliest first."""

_DEFAULTS = {
    "enable_prefix_caching",
    "shared_prefix_tokens",
    "long_prefill_token_threshold",
    "async_scheduling",
}


def _check_ranges(values: dict[str, Value]) -> None:
    """Refuse sizes that no server has; the flags' ranges are those of a profile."""
    for name, most in (("max_num_seqs", MOST_SEQUENCES), ("max_num_batched_tokens", MOST_TOKENS)):
        if int(values[name]) > most:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"found {values[name]}, expected at most {most}", field=flag)


def _check_accelerators(profile: EngineProfile, flags: dict[str, Value]) -> None:
    """Refuse another number of accelerators than the profile's: tensor x pipeline parallel."""
    if not {"tensor_parallel_size", "pipeline_parallel_size"} & flags.keys():
        return
    asked = int(flags.get("tensor_parallel_size", 1)) * int(flags.get("pipeline_parallel_size", 1))
    require_count(profile, asked, "--tensor-parallel-size")


def _size_kv_cache(
    profile: EngineProfile, values: dict[str, Value], sources: dict[str, str]
) -> None:
    """Set `num_gpu_blocks` and `kv_tokens`."""
    block = int(values["block_size"])
    if "num_gpu_blocks" in values:
        sources["kv_tokens"] = sources["num_gpu_blocks"]
    else:
        tokens, sources["kv_tokens"] = _kv_tokens(profile, values)
        values["num_gpu_blocks"] = tokens // block
        sources["num_gpu_blocks"] = sources["kv_tokens"]
    values["kv_tokens"] = int(values["num_gpu_blocks"]) * block


def _kv_tokens(profile: EngineProfile, values: dict[str, Value]) -> tuple[int, str]:
    """Return the KV cache's tokens and their source.

    Other memory flags than the profile's change its figure by the calculated difference, so that
    a measured figure stays what everything is relative to.
    """
    given = profile.limits_as(VllmProfileLimits)
    utilization = float(values["gpu_memory_utilization"])
    budget = int(values["max_num_batched_tokens"])
    if (utilization, budget) == (given.gpu_memory_utilization, given.max_num_batched_tokens):
        return given.kv_tokens, "profile"
    try:
        asked = _kv_room(profile, utilization, budget)
    except UsageError as refused:
        raise UsageError(
            refused.problem, field="--gpu-memory-utilization", hint=refused.hint
        ) from None
    usual = _kv_room(profile, given.gpu_memory_utilization, given.max_num_batched_tokens)
    tokens = max(given.kv_tokens + asked - usual, 2 * int(values["block_size"]))
    return tokens, "args"


def _kv_room(profile: EngineProfile, utilization: float, budget: int) -> int:
    """Return the KV cache's tokens as vLLM sizes it (its worker's determine_available_memory)."""
    return kv_room_tokens(
        profile.spec.memory,
        profile.spec.accelerator,
        utilization=utilization,
        step_tokens=budget,
        block_size=profile.limits_as(VllmProfileLimits).block_size,
    )


def _fit_context(profile: EngineProfile, values: dict[str, Value], flags: dict[str, Value]) -> None:
    """Refuse a context that model or KV cache can't hold, as vLLM does when it starts.

    vLLM compares with all blocks (vllm/v1/core/kv_cache_utils.py, check_enough_kv_cache_memory),
    but never gives a request the null block: one as long as all of them is not taken here.
    """
    longest = profile.spec.model.max_context
    whole = int(values["kv_tokens"])
    room = whole - int(values["block_size"])
    asked = values["max_model_len"]
    context = min(longest, room) if asked == "auto" else int(asked)
    if context > longest and "max_model_len" in flags:
        raise UsageError(
            f"found {context}, but {profile.spec.model.name} has positions for {longest} tokens",
            field="--max-model-len",
        )
    if context > whole or room < 1:
        field = next((flag for name, flag in _ROOM_FLAGS.items() if name in flags), None)
        raise UsageError(
            f"a context of {asked} tokens does not fit in a KV cache for {max(room, 0)}",
            field=field or "limits.maxModelLen",
            hint="vLLM does not start so; lower --max-model-len or leave more memory",
        )
    values["max_model_len"] = min(context, room)


def _check_budget(values: dict[str, Value], sources: dict[str, str]) -> None:
    """Hold `max_num_seqs` under the step's budget, as vLLM's SchedulerConfig does."""
    budget, seats = int(values["max_num_batched_tokens"]), int(values["max_num_seqs"])
    if budget >= seats:
        return
    if sources["max_num_seqs"] == "profile":
        values["max_num_seqs"], sources["max_num_seqs"] = budget, sources["max_num_batched_tokens"]
        return
    raise UsageError(
        f"found {seats}, but a step computes at most {budget} tokens (--max-num-batched-tokens)",
        field="--max-num-seqs",
    )
