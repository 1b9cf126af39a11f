"""vLLM's command line: the limits that its flags set, over those of the profile.

Takes words as a shell has split them. Where a flag is given twice the last one counts, and
underscores stand for dashes, as in vLLM's parser (vllm/utils/argparse_utils.py). No environment
variable of vLLM sets a limit; variables that images pass on as flags are in the words already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from scalecert.errors import UsageError

Value = float | int | bool | str

_READABLE = re.compile(r"(\d+(?:\.\d+)?)([kKmMgGtT]?)")
_DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True, slots=True)
class _Flag:
    """One flag: the limit that it sets, how its value reads, what may be written."""

    limit: str
    parse: Callable[[str], Value] | None
    """None for a flag without a value."""
    expected: str = ""
    value: Value = True
    """What a flag without a value sets."""


def parse_flags(words: Sequence[str]) -> dict[str, Value]:
    """Return the limits that the flags among `words` set; other words are passed over.

    Raises:
        UsageError: for a value that vLLM would not take; it names the flag.
    """
    found: dict[str, Value] = {}
    for index, word in enumerate(words):
        name, equals, written = word.partition("=")
        flag = _FLAGS.get("--" + name[2:].replace("_", "-") if name.startswith("--") else name)
        if flag is None:
            continue
        if flag.parse is None:
            found[flag.limit] = flag.value
            continue
        if not equals:
            written = words[index + 1] if index + 1 < len(words) else ""
        found[flag.limit] = _parsed(flag, flag.parse, name, written)
    return found


_COSTLY = frozenset({
    "--quantization", "-q", "--dtype", "--kv-cache-dtype", "--enforce-eager", "--enable-lora",
    "--speculative-config", "--attention-backend", "--compilation-config", "--cpu-offload-gb",
    "--enable-expert-parallel", "--enable-dbo", "--load-format", "--kv-transfer-config",
})  # fmt: skip
"""Flags that change what a step or a start costs; limits are modelled, these are not."""


def costly_flags(words: Sequence[str]) -> tuple[str, ...]:
    """Return the flags among `words` that change costs, as they are written, without values."""
    names = (word.partition("=")[0] for word in words)
    return tuple(dict.fromkeys(one for one in names if one.replace("_", "-") in _COSTLY))


def readable_integer(text: str) -> int:
    """Return an integer as vLLM's size flags take it: `4096`, `4k` = 4,000, `4K` = 4,096.

    Raises:
        ValueError: if the text is no such number, or no whole one.
    """
    match = _READABLE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size")
    number, unit = match.groups()
    size = Decimal(number) * (_BINARY.get(unit) or _DECIMAL[unit])
    if size != int(size) or (unit in _BINARY and "." in number):
        raise ValueError(f"{text!r} is not a whole number")
    return int(size)


def _parsed(flag: _Flag, parse: Callable[[str], Value], name: str, written: str) -> Value:
    try:
        return parse(written)
    except ValueError:
        raise UsageError(f"found {written!r}, expected {flag.expected}", field=name) from None


def _at_least(least: int, parse: Callable[[str], int]) -> Callable[[str], int]:
    def parsed(text: str) -> int:
        number = parse(text)
        if number < least:
            raise ValueError(text)
        return number

    return parsed


def _context(text: str) -> Value:
    """Return a context length, `auto` for the longest that fits."""
    return "auto" if text in {"auto", "-1"} else _at_least(1, readable_integer)(text)


def _fraction(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1:
        raise ValueError(text)
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(text)
    return number


def _counted(limit: str, least: int = 1) -> _Flag:
    return _Flag(limit, _at_least(least, int), f"a whole number of at least {least}")


def _sized(limit: str, least: int = 1) -> _Flag:
    parse = _at_least(least, readable_integer)
    return _Flag(limit, parse, f"a whole number of at least {least}, such as 4096, 4k or 4K")


_TENSOR_PARALLEL = _counted("tensor_parallel_size")
_PIPELINE_PARALLEL = _counted("pipeline_parallel_size")

_FLAGS: Mapping[str, _Flag] = {
    "--max-num-seqs": _counted("max_num_seqs"),
    "--max-num-batched-tokens": _sized("max_num_batched_tokens"),
    "--max-model-len": _Flag(
        "max_model_len", _context, "a number of tokens such as 4096, 4k or 4K, or auto"
    ),
    "--block-size": _counted("block_size"),
    "--gpu-memory-utilization": _Flag(
        "gpu_memory_utilization", _fraction, "a fraction over 0, at most 1"
    ),
    "--num-gpu-blocks-override": _counted("num_gpu_blocks", 2),
    "--tensor-parallel-size": _TENSOR_PARALLEL,
    "-tp": _TENSOR_PARALLEL,
    "--pipeline-parallel-size": _PIPELINE_PARALLEL,
    "-pp": _PIPELINE_PARALLEL,
    "--long-prefill-token-threshold": _counted("long_prefill_token_threshold", 0),
    "--max-num-queued-reqs": _counted("max_num_queued_reqs", 0),
    "--max-num-queued-tokens": _sized("max_num_queued_tokens", 0),
    "--enable-prefix-caching": _Flag("enable_prefix_caching", None),
    "--no-enable-prefix-caching": _Flag("enable_prefix_caching", None, value=False),
    "--async-scheduling": _Flag("async_scheduling", None),
    "--no-async-scheduling": _Flag("async_scheduling", None, value=False),
    "--shutdown-timeout": _Flag("shutdown_timeout", _seconds, "seconds, 0 or more"),
}
