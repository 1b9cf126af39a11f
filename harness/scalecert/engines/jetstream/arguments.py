"""The arguments of JetStream's servers: the limits that they set, and those that change costs.

MaxText's server takes `key=value` words (MaxText/configs/base.yml has the keys), PyTorch's takes
flags (jetstream_pt/config.py, cli.py). Where a server is given any of them, those that it is not
given have the server's own defaults, not the profile's: MaxText's longest prompt is of 64 tokens.
No environment variable sets a limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert.engines.flags import Flag, Value, counted, flags_among

_NEUTRAL = frozenset({"", "false", "0", "none", "bfloat16", "dot_product", "int8_per_channel"})
"""Values that leave costs as they are: no quantization, and weights as a profile has them."""

COSTLY = frozenset({
    "quantization", "quantize-kvcache", "kv-quant-dtype", "weight-dtype", "dtype", "attention",
    "use-chunked-prefill", "enable-prefix-caching", "lora-input-adapters-path", "multi-sampling",
    "--quantize-weights", "--quantize-kv-cache", "--quantize-type", "--quantize-activation",
    "--enable-lora",
})  # fmt: skip
"""Arguments that change what a step or a prefill costs; limits are modelled, these are not."""

_QUANTIZING = frozenset({"quantization", "--quantize_weights", "--quantize-weights"})


def _positive(text: str) -> float:
    """Return a number over 0; ValueError for anything else."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


_PER_DEVICE = Flag("per_device_batch_size", _positive, "a number over 0")
_PROMPT = counted("max_prefill_predict_length")
_ANSWER = counted("max_answer_length")
_BATCH = counted("max_concurrent_decodes")

MAXTEXT: Mapping[str, Flag] = {
    "per_device_batch_size": _PER_DEVICE,
    "max_prefill_predict_length": _PROMPT,
    "max_target_length": counted("max_target_length"),
}
MAXTEXT_DEFAULTS: Mapping[str, Value] = {
    "per_device_batch_size": 12.0,
    "max_prefill_predict_length": 64,
    "max_target_length": 2048,
}
"""MaxText/configs/base.yml."""
_MAXTEXT_KEYS = frozenset({
    *MAXTEXT, "model_name", "tokenizer_path", "load_parameters_path", "prometheus_port",
})  # fmt: skip

PYTORCH: Mapping[str, Flag] = {
    "--batch-size": _BATCH,
    "--override-batch-size": _BATCH,
    "--context-length": _PROMPT,
    "--max-input-length": _PROMPT,
    "--max-decode-length": _ANSWER,
    "--max-output-length": _ANSWER,
    "--max-cache-length": counted("max_target_length"),
}
PYTORCH_DEFAULTS: Mapping[str, Value] = {
    "max_concurrent_decodes": 32,
    "max_prefill_predict_length": 1024,
    "max_answer_length": 1024,
}
"""jetstream_pt/config.py and cli.py. `--max-cache-length` is of prompt and answer together."""
_PYTORCH_FLAGS = frozenset({*PYTORCH, "--model-id", "--model-name", "--size", "--prometheus-port"})

PARALLELISM = ("ici_tensor_parallelism", "ici_autoregressive_parallelism", "ici_fsdp_parallelism")
"""MaxText's axes of one slice; their product is the number of accelerators, -1 is the rest."""


def as_written(words: Sequence[str], limit: str) -> str:
    """Return the flag of PyTorch's server that sets a limit among words, else MaxText's key."""
    flags = {flag for flag, one in PYTORCH.items() if one.limit == limit}
    given = (word.partition("=")[0] for word in words)
    return next((word for word in given if word.replace("_", "-") in flags), limit)


def is_of_maxtext(words: Sequence[str]) -> bool:
    """Tell whether words are arguments of MaxText's server."""
    return any(word.partition("=")[0] in _MAXTEXT_KEYS for word in words if "=" in word)


def is_of_pytorch(words: Sequence[str]) -> bool:
    """Tell whether words are flags of PyTorch's server."""
    return bool(flags_among(words, _PYTORCH_FLAGS))


def quantizes(words: Sequence[str]) -> bool:
    """Tell whether words make the server quantize its weights, or say that they are quantized."""
    return not _QUANTIZING.isdisjoint(costly_arguments(words))


def costly_arguments(words: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments among `words` that change costs, without values."""
    given = [
        word
        for word in words
        if not ("=" in word and word.partition("=")[2].lower().strip("'\"") in _NEUTRAL)
    ]
    return flags_among(given, COSTLY)
