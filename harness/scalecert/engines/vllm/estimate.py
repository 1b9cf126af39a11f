"""An estimated profile of vLLM: the roofline's costs with `vllm serve`'s defaults."""

from __future__ import annotations

from msgspec.structs import replace

from scalecert.engines.catalog import Accelerator
from scalecert.engines.profiles import (
    AcceleratorCount,
    EngineProfile,
    Memory,
    ModelShape,
    kv_room_tokens,
)
from scalecert.engines.roofline import (
    check_count,
    estimate_costs,
    estimate_memory,
    estimated_profile,
    require_kind,
)
from scalecert.engines.vllm.identity import LATEST
from scalecert.engines.vllm.profile_limits import VllmProfileLimits


def estimate(model: ModelShape, accelerator: Accelerator, *, count: int) -> EngineProfile:
    """Return the estimated profile of a shape on `count` accelerators.

    Raises:
        UsageError: if the accelerator is no GPU, the model does not divide by `count` or its
            weights leave no room for a KV cache.
    """
    require_kind(accelerator, "gpu", "vllm")
    check_count(model, count)
    memory = estimate_memory(model, accelerator, count=count)
    return estimated_profile(
        "vllm",
        LATEST,
        model,
        accelerator,
        count=count,
        costs=estimate_costs(model, accelerator, count=count),
        memory=memory,
        limits=_limits(model, accelerator, memory, AcceleratorCount(accelerator.name, count)),
    )


def _limits(
    model: ModelShape, accelerator: Accelerator, memory: Memory, count: AcceleratorCount
) -> VllmProfileLimits:
    """Return `vllm serve`'s defaults by accelerator (`vllm/engine/arg_utils.py`).

    The context is cut to the KV cache that the memory leaves: vLLM refuses to start with more.
    """
    gib = accelerator.memory_bytes / 2**30
    tokens, sequences = 2048, 256
    if gib >= 160:
        tokens, sequences = 16384, 1024
    elif gib >= 70 and not accelerator.name.startswith("a100"):
        tokens, sequences = 8192, 1024
    limits = VllmProfileLimits(
        max_num_seqs=sequences,
        max_num_batched_tokens=tokens,
        max_model_len=model.max_context,
        kv_tokens=1,
    )
    room = kv_room_tokens(
        memory,
        count,
        utilization=limits.gpu_memory_utilization,
        step_tokens=tokens,
        block_size=limits.block_size,
    )
    return replace(limits, kv_tokens=room, max_model_len=min(model.max_context, room))
