"""TGI's command line: the limits that its flags set, and those that change what steps cost.

The launcher takes every flag as a variable, too: the flag's name in capitals with underscores, and
the command line goes before it (launcher/src/main.rs, clap's `env`). Three variables have no flag
(server/text_generation_server/models/globals.py): `ATTENTION` decides on the blocks' size and
whether prompts may be chunked, `PREFILL_CHUNKING` can say that they may not, and `TGI_WIGGLE_ROOM`
is the share of the memory that the server fills. A variable without a value counts as none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert.engines.flags import (
    Flag,
    Value,
    at_least,
    counted,
    flags_among,
    fraction,
    last_value,
    parse_flags,
    seconds,
)
from scalecert.errors import UsageError

COSTLY_FLAGS = frozenset({
    "--quantize", "--speculate", "--dtype", "--kv-cache-dtype", "--lora-adapters",
    "--disable-custom-kernels", "--enable-prefill-logprobs", "--rope-scaling",
})  # fmt: skip
"""Flags that change what a step or a start costs; limits are modelled, these are not."""

BLOCK_SIZES = {"flashinfer": 1, "flashdecoding": 256, "paged": 16}
"""Tokens in a block by the value of `ATTENTION`."""
CHUNKING_ATTENTION = frozenset({"flashinfer", "flashdecoding"})


def _largest_graph(text: str) -> int:
    """Return the largest of a comma separated list of batch sizes; 0 is no graph."""
    return max(at_least(0, int)(size) for size in text.split(","))


FLAGS: Mapping[str, Flag] = {
    "--max-concurrent-requests": counted("max_concurrent_requests"),
    "--max-input-tokens": counted("max_input_tokens"),
    "--max-input-length": counted("max_input_length"),
    "--max-total-tokens": counted("max_total_tokens", 2),
    "--waiting-served-ratio": Flag("waiting_served_ratio", seconds, "a ratio, 0 or more"),
    "--max-batch-prefill-tokens": counted("max_batch_prefill_tokens"),
    "--max-waiting-tokens": counted("max_waiting_tokens", 0),
    "--max-batch-size": counted("max_batch_size"),
    "--num-shard": counted("num_shard"),
    "--cuda-graphs": Flag("largest_graph", _largest_graph, "batch sizes such as 1,2,4"),
    "--cuda-memory-fraction": Flag(
        "cuda_memory_fraction", fraction, "a fraction over 0, at most 1"
    ),
    "--graceful-termination-timeout": Flag(
        "graceful_termination_timeout", seconds, "seconds, 0 or more"
    ),
}
_SHORT = {"-g": "--graceful-termination-timeout"}


def parse(words: Sequence[str], env: Mapping[str, str]) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the limits that variables and flags set, and which of the two each comes from.

    Raises:
        UsageError: for a value that the launcher would not take; it names the flag or variable.
    """
    spelled = [_SHORT.get(word, word) for word in words]
    given = parse_flags(spelled, FLAGS)
    values: dict[str, Value] = {}
    for flag, name in ((flag, variable(flag)) for flag in FLAGS):
        if env.get(name) and FLAGS[flag].limit not in given:
            values |= _from_variable(flag, name, env[name])
    sources = dict.fromkeys(values, "env") | dict.fromkeys(given, "args")
    return values | given, sources


def attention(env: Mapping[str, str]) -> tuple[str, bool] | None:
    """Return the kernels that `ATTENTION` names and whether they chunk; None if it is not set.

    Raises:
        UsageError: for kernels that there are not.
    """
    name = env.get("ATTENTION")
    if not name:
        return None
    if name not in BLOCK_SIZES:
        expected = ", ".join(sorted(BLOCK_SIZES))
        raise UsageError(f"found {name!r}, expected one of {expected}", field="env ATTENTION")
    return name, name in CHUNKING_ATTENTION


def memory_share(env: Mapping[str, str]) -> float | None:
    """Return the value of `TGI_WIGGLE_ROOM`, None if it is not set.

    Raises:
        UsageError: for one that the server does not start with.
    """
    text = env.get("TGI_WIGGLE_ROOM")
    if not text:
        return None
    try:
        return fraction(text)
    except ValueError:
        problem = f"found {text!r}, expected a fraction over 0, less than 1"
        raise UsageError(problem, field="env TGI_WIGGLE_ROOM") from None


def forbids_chunking(env: Mapping[str, str]) -> bool:
    """Tell whether `PREFILL_CHUNKING` says no."""
    return env.get("PREFILL_CHUNKING", "1").lower() not in {"1", "true"}


def costly_flags(words: Sequence[str]) -> tuple[str, ...]:
    """Return the flags among `words` that change what a step costs."""
    return flags_among(words, COSTLY_FLAGS)


def value_of(flag: str, words: Sequence[str], env: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the text that a flag or its variable has and where that is said."""
    given = last_value(words, (flag, "--" + flag[2:].replace("-", "_")))
    if given:
        return given, "args"
    name = variable(flag)
    return (env[name], f"env {name}") if env.get(name) else None


def variable(flag: str) -> str:
    """Return the variable that stands for a flag."""
    return flag[2:].replace("-", "_").upper()


def _from_variable(flag: str, name: str, text: str) -> dict[str, Value]:
    try:
        return parse_flags([f"{flag}={text}"], FLAGS)
    except UsageError as refused:
        raise UsageError(refused.problem, field=f"env {name}", hint=refused.hint) from None
