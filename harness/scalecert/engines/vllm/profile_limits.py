"""The limits that a profile of vLLM states: what a server has whose flags say nothing else."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from scalecert.documents import DocumentPart
from scalecert.engines.profile_ranges import MOST_SEQUENCES, MOST_TOKENS


class VllmProfileLimits(DocumentPart, frozen=True, kw_only=True):
    """vLLM's flag names."""

    max_num_seqs: Annotated[int, Meta(ge=1, le=MOST_SEQUENCES)]
    max_num_batched_tokens: Annotated[int, Meta(ge=1, le=MOST_TOKENS)]
    max_model_len: Annotated[int, Meta(ge=1, le=MOST_TOKENS)]
    kv_tokens: Annotated[int, Meta(ge=1, le=10**12)]
    """Tokens that the KV cache holds."""
    block_size: Annotated[int, Meta(ge=1, le=1024)] = 16
    gpu_memory_utilization: Annotated[float, Meta(ge=0.01, le=1.0)] = 0.92
