"""The limits of one TGI server: profile, variables, flags, and what TGI derives from them.

A server whose flags don't go together does not start, so they are refused here, as its launcher and
router do (launcher/src/main.rs, backends/v3/src/main.rs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from scalecert.engines.accelerator_count import require_count
from scalecert.engines.base import Limits
from scalecert.engines.flags import Value
from scalecert.engines.profile_ranges import MOST_SEQUENCES, MOST_TOKENS
from scalecert.engines.profiles import EngineProfile
from scalecert.engines.tgi.flags import (
    BLOCK_SIZES,
    attention,
    forbids_chunking,
    memory_share,
    parse,
)
from scalecert.engines.tgi.identity import CHUNKING, FLASHINFER
from scalecert.engines.tgi.profile_limits import TgiProfileLimits
from scalecert.engines.tgi.scheduler_limits import LARGEST_GRAPH
from scalecert.engines.tgi.warmup import MEMORY_SHARE, WarmUp, kv_tokens
from scalecert.errors import UsageError

GRACE_SECONDS = 90.0
"""`--graceful-termination-timeout` by default."""

_GIVEN = {"args", "env"}
_ROOM = (
    "max_total_tokens",
    "max_batch_prefill_tokens",
    "max_input_tokens",
    "cuda_memory_fraction",
    "memory_share",
    "block_size",
)
"""What makes the largest prefill not fit, the likeliest first."""

Values = dict[str, Value]
Sources = dict[str, str]


def server_limits(
    profile: EngineProfile, args: Sequence[str], env: Mapping[str, str], version: str | None
) -> Limits:
    """Return the limits of a server of `version` with the flags `args` and variables `env`.

    Raises:
        UsageError: for a flag or variable that TGI would not take or start with; it names it.
    """
    flags, given_by = parse(args, env)
    given = profile.limits_as(TgiProfileLimits)
    values: Values = msgspec.structs.asdict(given)
    values["num_shard"] = profile.spec.accelerator.count
    sources = dict.fromkeys(values, "profile")
    defaults: Values = {
        "largest_graph": LARGEST_GRAPH,
        "cuda_memory_fraction": 1.0,
        "graceful_termination_timeout": GRACE_SECONDS,
        "memory_share": MEMORY_SHARE,
    }
    values |= defaults
    sources |= dict.fromkeys(defaults, "default")
    if (share := memory_share(env)) is not None:
        values["memory_share"], sources["memory_share"] = share, "env"
    _set_attention(values, sources, env, version or profile.spec.engine_version)
    _set_input_tokens(flags, given_by)
    values |= flags
    sources |= given_by
    _check_ranges(values, sources)
    _check_shards(profile, flags, sources)
    _size_kv_cache(profile, values, sources)
    _fit_context(profile, values, sources)
    return Limits(values, sources)


def flag_of(name: str, sources: Mapping[str, str]) -> str:
    """Return how a limit was written: a flag, a variable, or the profile's field."""
    source = sources.get(name)
    if source == "env":
        return f"env {name.upper()}"
    return f"--{name.replace('_', '-')}" if source == "args" else f"limits.{name}"


def _set_attention(values: Values, sources: Sources, env: Mapping[str, str], version: str) -> None:
    """Set `chunking` and `block_size` as the kernels and the version have them."""
    if version not in CHUNKING:
        values["chunking"], sources["chunking"] = False, "default"
    if version not in FLASHINFER:
        values["block_size"], sources["block_size"] = BLOCK_SIZES["paged"], "default"
    if (named := attention(env)) is not None:
        name, chunks = named
        values["block_size"] = BLOCK_SIZES[name]
        values["chunking"] = chunks and version in CHUNKING
        sources |= dict.fromkeys(("block_size", "chunking"), "env")
    if forbids_chunking(env):
        values["chunking"], sources["chunking"] = False, "env"


def _set_input_tokens(flags: Values, sources: Sources) -> None:
    """Take `--max-input-length`, the flag's former name, for `--max-input-tokens`."""
    if "max_input_length" not in flags:
        return
    if "max_input_tokens" in flags:
        field = flag_of("max_input_length", sources)
        raise UsageError("found both this and max_input_tokens, expected one", field=field)
    flags["max_input_tokens"] = flags.pop("max_input_length")
    sources["max_input_tokens"] = sources.pop("max_input_length")


def _check_ranges(values: Values, sources: Sources) -> None:
    """Refuse sizes that no server has; the flags' ranges are those of a profile."""
    for name, most in (
        ("max_concurrent_requests", MOST_SEQUENCES),
        ("max_batch_prefill_tokens", MOST_TOKENS),
        ("max_total_tokens", MOST_TOKENS),
    ):
        if int(values[name]) > most:
            problem = f"found {values[name]}, expected at most {most}"
            raise UsageError(problem, field=flag_of(name, sources))


def _check_shards(profile: EngineProfile, flags: Values, sources: Sources) -> None:
    """Refuse another number of accelerators than the profile's."""
    asked = int(flags.get("num_shard", profile.spec.accelerator.count))
    require_count(profile, asked, flag_of("num_shard", sources))


def _size_kv_cache(profile: EngineProfile, values: Values, sources: Sources) -> None:
    """Set `max_batch_total_tokens`, in whole blocks.

    The flag of this name is not looked at: the router ignores it for models with flash attention
    (backends/v3/src/lib.rs, connect_backend). Other flags change the profile's figure by the
    calculated difference, so that a measured figure stays what everything is relative to.
    """
    given = profile.limits_as(TgiProfileLimits)
    usual = WarmUp(given.max_batch_prefill_tokens, block_size=given.block_size)
    asked = WarmUp(
        int(values["max_batch_prefill_tokens"]),
        _flagged("max_input_tokens", values, sources),
        _flagged("max_total_tokens", values, sources),
        float(values["cuda_memory_fraction"]),
        float(values["memory_share"]),
        int(values["block_size"]),
    )
    tokens = given.max_batch_total_tokens
    if asked != usual:
        spec = profile.spec
        try:
            tokens += kv_tokens(spec.memory, spec.accelerator, asked)
        except UsageError as refused:
            field = next(flag_of(name, sources) for name in _ROOM if sources[name] in _GIVEN)
            raise UsageError(refused.problem, field=field, hint=refused.hint) from None
        tokens -= kv_tokens(spec.memory, spec.accelerator, usual)
        sources["max_batch_total_tokens"] = "args"
    block = int(values["block_size"])
    values["max_batch_total_tokens"] = values["kv_tokens"] = max(tokens // block, 2) * block
    sources["kv_tokens"] = sources["max_batch_total_tokens"]


def _flagged(name: str, values: Values, sources: Sources) -> int | None:
    return int(values[name]) if sources[name] in _GIVEN else None


def _fit_context(profile: EngineProfile, values: Values, sources: Sources) -> None:
    """Set what the longest prompt and request are where no flag says, as the warm-up does."""
    pool, budget = int(values["kv_tokens"]), int(values["max_batch_prefill_tokens"])
    if budget > pool:
        problem = f"found {budget}, expected at most the {pool} tokens of the KV cache"
        raise UsageError(problem, field=flag_of("max_batch_prefill_tokens", sources))
    total = _flagged("max_total_tokens", values, sources)
    if total is None:
        longest = pool if values["chunking"] else min(pool, budget)
        values["max_total_tokens"] = total = min(longest, profile.spec.model.max_context)
    elif total > pool:
        problem = f"found {total}, but the KV cache holds {pool} tokens"
        raise UsageError(
            problem,
            field=flag_of("max_total_tokens", sources),
            hint="TGI does not start so; lower it or take more memory",
        )
    prompt = _flagged("max_input_tokens", values, sources)
    if prompt is None:
        values["max_input_tokens"] = prompt = total - 1
    elif prompt >= total:
        problem = f"found {prompt}, expected less than the {total} of max_total_tokens"
        raise UsageError(problem, field=flag_of("max_input_tokens", sources))
    if not values["chunking"] and prompt > budget:
        problem = f"found {budget}, expected at least the {prompt} of max_input_tokens"
        raise UsageError(problem, field=flag_of("max_batch_prefill_tokens", sources))
