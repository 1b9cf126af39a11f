"""The limits that a profile of TGI states: what a server has whose flags say nothing else."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from scalecert.documents import DocumentPart
from scalecert.engines.profile_ranges import MOST_SEQUENCES, MOST_TOKENS


class TgiProfileLimits(DocumentPart, frozen=True, kw_only=True):
    """TGI's flag names, and what its warm-up finds."""

    max_batch_prefill_tokens: Annotated[int, Meta(ge=1, le=MOST_TOKENS)]
    max_batch_total_tokens: Annotated[int, Meta(ge=1, le=10**12)]
    """Tokens that the KV cache holds, as the server's warm-up finds them."""
    max_input_tokens: Annotated[int, Meta(ge=1, le=MOST_TOKENS)]
    max_total_tokens: Annotated[int, Meta(ge=2, le=MOST_TOKENS)]
    max_concurrent_requests: Annotated[int, Meta(ge=1, le=MOST_SEQUENCES)] = 128
    max_waiting_tokens: Annotated[int, Meta(ge=0, le=MOST_TOKENS)] = 20
    waiting_served_ratio: Annotated[float, Meta(ge=0.0, le=1000.0)] = 0.3
    max_batch_size: Annotated[int, Meta(ge=0, le=MOST_SEQUENCES)] = 0
    """0 is no bound."""
    block_size: Annotated[int, Meta(ge=1, le=1024)] = 1
    chunking: bool = True
    """Whether prompts are computed in chunks, beside requests that decode."""
