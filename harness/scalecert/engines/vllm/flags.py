"""vLLM's command line: the limits that its flags set, and those that change what steps cost.

Underscores stand for dashes, as in vLLM's parser (vllm/utils/argparse_utils.py). No environment
variable of vLLM sets a limit; variables that images pass on as flags are in the words already.
"""

from __future__ import annotations

from collections.abc import Mapping

from scalecert.engines.flags import (
    Flag,
    Value,
    at_least,
    counted,
    fraction,
    readable_integer,
    seconds,
    sized,
)

COSTLY_FLAGS = frozenset({
    "--quantization", "-q", "--dtype", "--kv-cache-dtype", "--enforce-eager", "--enable-lora",
    "--speculative-config", "--attention-backend", "--compilation-config", "--cpu-offload-gb",
    "--enable-expert-parallel", "--enable-dbo", "--load-format", "--kv-transfer-config",
})  # fmt: skip
"""Flags that change what a step or a start costs; limits are modelled, these are not."""


def _context(text: str) -> Value:
    """Return a context length, `auto` for the longest that fits."""
    return "auto" if text in {"auto", "-1"} else at_least(1, readable_integer)(text)


_TENSOR_PARALLEL = counted("tensor_parallel_size")
_PIPELINE_PARALLEL = counted("pipeline_parallel_size")

FLAGS: Mapping[str, Flag] = {
    "--max-num-seqs": counted("max_num_seqs"),
    "--max-num-batched-tokens": sized("max_num_batched_tokens"),
    "--max-model-len": Flag(
        "max_model_len", _context, "a number of tokens such as 4096, 4k or 4K, or auto"
    ),
    "--block-size": counted("block_size"),
    "--gpu-memory-utilization": Flag(
        "gpu_memory_utilization", fraction, "a fraction over 0, at most 1"
    ),
    "--num-gpu-blocks-override": counted("num_gpu_blocks", 2),
    "--tensor-parallel-size": _TENSOR_PARALLEL,
    "-tp": _TENSOR_PARALLEL,
    "--pipeline-parallel-size": _PIPELINE_PARALLEL,
    "-pp": _PIPELINE_PARALLEL,
    "--long-prefill-token-threshold": counted("long_prefill_token_threshold", 0),
    "--max-num-queued-reqs": counted("max_num_queued_reqs", 0),
    "--max-num-queued-tokens": sized("max_num_queued_tokens", 0),
    "--enable-prefix-caching": Flag("enable_prefix_caching", None),
    "--no-enable-prefix-caching": Flag("enable_prefix_caching", None, value=False),
    "--async-scheduling": Flag("async_scheduling", None),
    "--no-async-scheduling": Flag("async_scheduling", None, value=False),
    "--shutdown-timeout": Flag("shutdown_timeout", seconds, "seconds, 0 or more"),
}
