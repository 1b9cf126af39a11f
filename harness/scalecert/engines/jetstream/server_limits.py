"""The limits of one JetStream server: profile, arguments, and what follows from both.

A server whose lengths don't go together, or whose decode state does not fit into the memory, ends
when it starts or at its first request, so they are refused here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from scalecert.engines.base import Limits
from scalecert.engines.flags import Value, last_value, parse_flags
from scalecert.engines.jetstream.arguments import (
    MAXTEXT,
    MAXTEXT_DEFAULTS,
    PARALLELISM,
    PYTORCH,
    PYTORCH_DEFAULTS,
    as_written,
    is_of_maxtext,
    is_of_pytorch,
    quantizes,
)
from scalecert.engines.jetstream.memory import slots_that_fit
from scalecert.engines.jetstream.pipeline_limits import BUCKETS
from scalecert.engines.jetstream.profile_limits import JetStreamProfileLimits
from scalecert.engines.profile_ranges import MOST_SEQUENCES, MOST_TOKENS
from scalecert.engines.profiles import EngineProfile
from scalecert.errors import UsageError


def server_limits(profile: EngineProfile, words: Sequence[str]) -> Limits:
    """Return the limits of a server with the arguments `words`.

    Raises:
        UsageError: for an argument that the server would not take or start with; it names it.
    """
    given = profile.limits_as(JetStreamProfileLimits)
    values: dict[str, Value] = {
        "max_prefill_predict_length": given.max_prefill_predict_length,
        "max_target_length": given.max_target_length,
        "per_device_batch_size": given.per_device_batch_size,
    }
    sources = dict.fromkeys(values, "profile")
    found, defaults = _arguments(words)
    for layer, source in ((defaults, "default"), (found, "args")):
        values |= layer
        sources |= dict.fromkeys(layer, source)
    _check_accelerators(profile, words)
    _check_weights(profile, words)
    _count_slots(profile, values, sources)
    _fit_lengths(words, values, sources, found)
    _fit_memory(profile, words, values, found)
    values["kv_tokens"] = int(values["max_concurrent_decodes"]) * int(values["max_target_length"])
    sources["kv_tokens"] = sources["max_concurrent_decodes"]
    return Limits(values, sources)


def _arguments(words: Sequence[str]) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return what the words say, and the defaults of the server that they are for."""
    if is_of_maxtext(words):
        return parse_flags(words, MAXTEXT), dict(MAXTEXT_DEFAULTS)
    if is_of_pytorch(words):
        return parse_flags(words, PYTORCH), dict(PYTORCH_DEFAULTS)
    return {}, {}


def _check_accelerators(profile: EngineProfile, words: Sequence[str]) -> None:
    """Refuse a mesh of another number of accelerators than the profile's."""
    count = profile.spec.accelerator.count
    written = {name: last_value(words, (name,)) for name in PARALLELISM}
    sizes = [int(text) for text in written.values() if text is not None and text.isdecimal()]
    mesh = prod(sizes)
    if mesh < 1 or count % mesh:
        raise UsageError(
            f"found a mesh of {mesh}, but profile {profile.name} is of {count}",
            field=max(PARALLELISM, key=lambda name: _size(written[name])),
            hint=f"the axes have to come to {count}; for other replicas than of {count} say"
            " --profile with one of their size (scalecert profile estimate makes it)",
        )


def _size(written: str | None) -> int:
    """Return the size of an axis as far as it is the cause of a mesh that does not fit."""
    if written is None or not written.isdecimal():
        return 0
    return int(written) or MOST_SEQUENCES


def _check_weights(profile: EngineProfile, words: Sequence[str]) -> None:
    """Refuse a profile of int8 weights for a server that is not told to quantize.

    The other way round the argument is among those that no profile knows.
    """
    given = is_of_maxtext(words) or is_of_pytorch(words)
    if profile.spec.model.dtype == "int8" and given and not quantizes(words):
        argument = "quantization" if is_of_maxtext(words) else "--quantize_weights"
        raise UsageError(
            f"found none, but profile {profile.name} is of weights in int8",
            field=argument,
            hint="quantize, or take more accelerators: wider weights have no room on these",
        )


def _count_slots(profile: EngineProfile, values: dict[str, Value], sources: dict[str, str]) -> None:
    """Set `max_concurrent_decodes`, and `per_device_batch_size` where PyTorch's flags set that."""
    count = profile.spec.accelerator.count
    if "max_concurrent_decodes" in values:
        values["per_device_batch_size"] = int(values["max_concurrent_decodes"]) / count
        sources["per_device_batch_size"] = sources["max_concurrent_decodes"]
    else:
        values["max_concurrent_decodes"] = int(float(values["per_device_batch_size"]) * count)
        sources["max_concurrent_decodes"] = sources["per_device_batch_size"]
    slots = int(values["max_concurrent_decodes"])
    if not 1 <= slots <= MOST_SEQUENCES:
        raise UsageError(
            f"found {slots} decode slots, expected 1 to {MOST_SEQUENCES}",
            field="per_device_batch_size",
        )


def _fit_lengths(
    words: Sequence[str],
    values: dict[str, Value],
    sources: dict[str, str],
    found: dict[str, Value],
) -> None:
    """Set `max_target_length`; refuse lengths that the server ends on."""
    prompt = int(values["max_prefill_predict_length"])
    answer = values.pop("max_answer_length", None)
    source = sources.pop("max_answer_length", None)
    if answer is not None and "max_target_length" not in found:
        values["max_target_length"] = prompt + int(answer)
        sources["max_target_length"] = source or "default"
    if prompt not in BUCKETS:
        raise UsageError(
            f"found {prompt}, expected one of {', '.join(map(str, BUCKETS))}: prompts are padded"
            " to these, and the server ends at its first request with any other",
            field=as_written(words, "max_prefill_predict_length"),
        )
    target, longest = int(values["max_target_length"]), "max_prefill_predict_length"
    if not prompt < target <= MOST_TOKENS:
        raise UsageError(
            f"found {target}, expected more than {as_written(words, longest)}, which is {prompt}:"
            " the rest is for the answer",
            field=as_written(words, "max_target_length"),
        )


def _fit_memory(
    profile: EngineProfile,
    words: Sequence[str],
    values: dict[str, Value],
    found: dict[str, Value],
) -> None:
    """Refuse a decode state that the memory can't hold."""
    slots = int(values["max_concurrent_decodes"])
    target = int(values["max_target_length"])
    room = slots_that_fit(
        profile.spec.memory,
        profile.spec.accelerator,
        longest_prompt=int(values["max_prefill_predict_length"]),
        max_target_length=target,
    )
    if slots > room:
        size = "max_concurrent_decodes" if is_of_pytorch(words) else "per_device_batch_size"
        field = as_written(words, size) if found else "limits.perDeviceBatchSize"
        raise UsageError(
            f"found {slots} slots of {target} tokens, but the memory is for {room}",
            field=field,
            hint="JetStream does not start so; lower the batch size or max_target_length, or"
            " quantize",
        )
