"""What TGI finds out when it starts: its prompts' budget, and the tokens of its KV cache.

The launcher weighs the accelerator's FLOP/s against the model's FLOP a token to choose
`max_batch_prefill_tokens`: at so many tokens a step would take a second at its peak
(launcher/src/main.rs: compute_optimal, vram_maximum). The model server then runs the largest
prefill that there can be, and gives what memory is left to the KV cache
(server/text_generation_server/models/flash_causal_lm.py, warmup).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from scalecert.engines.catalog import Accelerator
from scalecert.engines.profiles import GIB, AcceleratorCount, Memory, ModelShape
from scalecert.errors import UsageError

MEMORY_SHARE = 0.90
"""Share of the memory that the model server fills (TGI_WIGGLE_ROOM in models/globals.py)."""
LAUNCHER_MEMORY_SHARE = 0.95
"""The launcher's own default for the same variable (launcher/src/main.rs, ComputeType::vram)."""
FALLBACK_PREFILL_TOKENS = 4096
LEAST_OPTIMUM = 100
"""Optima up to it are taken for an error by the launcher."""
PEAK_TERAFLOPS = {"l4": 121, "a10g": 125, "a100-80g": 312, "h100": 900, "h200": 989}
"""What the launcher takes for an accelerator's FLOP/s, of those that it knows."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What the largest prefill is like."""

    prefill_tokens: int
    input_tokens: int | None = None
    """The longest prompt, if a flag says so."""
    total_tokens: int | None = None
    """Likewise the longest request."""
    memory_fraction: float = 1.0
    """Of `--cuda-memory-fraction`."""
    memory_share: float = MEMORY_SHARE
    """Of that, what the server fills."""
    block_size: int = 1

    @property
    def blocks(self) -> int:
        """Return the blocks of its requests, each with room for its answer if a flag says so."""
        blocks, left = 0, self.prefill_tokens
        while left > 0:
            prompt = min(left, self.input_tokens or left)
            tokens = max(self.total_tokens or prompt, prompt)
            blocks += ceil(tokens / self.block_size)
            left -= prompt
        return blocks


def default_prefill_tokens(model: ModelShape, accelerator: Accelerator, count: int) -> int:
    """Return the launcher's `max_batch_prefill_tokens` of a model on `count` accelerators."""
    tokens = FALLBACK_PREFILL_TOKENS
    known = PEAK_TERAFLOPS.get(accelerator.name)
    optimum = int(known * 10**12 * count / _flop_per_token(model)) if known else 0
    if optimum > LEAST_OPTIMUM:
        tokens = optimum
    memory = accelerator.memory_bytes * count * LAUNCHER_MEMORY_SHARE
    left = max(memory - _launcher_weights_bytes(model), 0.0)
    token = model.layers * 4 * model.kv_heads * model.head_width
    token += 6 * (model.intermediate + model.intermediate // 2)
    return max(1, min(tokens, model.max_context, int(left / token)))


def _flop_per_token(model: ModelShape) -> int:
    """Return the launcher's count: five projections of attention, and the gated MLP."""
    width = model.head_width * model.hidden
    attention = 2 * width * (3 * model.heads + 2 * model.kv_heads)
    return model.layers * (attention + 6 * model.hidden * model.intermediate)


def _launcher_weights_bytes(model: ModelShape) -> int:
    """Return the launcher's count, which leaves out most of the attention's weights."""
    attention = (model.heads + 2 * model.kv_heads) * model.head_width
    attention += model.heads * model.head_width * model.hidden
    mlp = 3 * model.intermediate * model.hidden
    return 2 * (model.layers * (attention + mlp) + 2 * model.hidden * model.vocabulary)


def kv_tokens(memory: Memory, accelerator: AcceleratorCount, warm_up: WarmUp) -> int:
    """Return the tokens of the KV cache as the warm-up finds them, in whole blocks.

    The blocks of the largest prefill, and what else fits in 90 % of the memory beside weights and
    the peak of activations. On an L4 with Llama-2-7B and a prefill of 4,096 tokens these are 13,859
    tokens, of which requests of 256 + 128 tokens take 383 each: 36 of them run at once. GKE's
    published measurement had 35, as 13,600 tokens would give: its server had 0.14 GB less, such as
    a larger CUDA context; that is within what `FIXED_BYTES` of the roofline is known to.

    Raises:
        UsageError: if the largest prefill does not fit in the memory.
    """
    count = accelerator.count
    beside = memory.weights_bytes / count + memory.fixed_bytes
    beside += memory.activation_bytes_per_token * warm_up.prefill_tokens
    block = memory.kv_bytes_per_token / count * warm_up.block_size
    beside += warm_up.blocks * block
    available = memory.accelerator_bytes * warm_up.memory_fraction
    if beside > available:
        raise UsageError(
            f"{memory.weights_bytes / GIB:.1f} GiB of weights and a prefill of"
            f" {warm_up.prefill_tokens} tokens do not fit on {count} x {accelerator.name}",
            field="accelerator",
            hint="take a larger accelerator, more of them, or fewer --max-batch-prefill-tokens",
        )
    more = max(available * warm_up.memory_share - beside, 0.0)
    return (warm_up.blocks + int(more / block)) * warm_up.block_size
