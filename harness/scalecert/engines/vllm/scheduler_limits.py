"""The limits that the vLLM scheduler works under, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.engines.base import Limits
from scalecert.request_limits import RequestLimits


@dataclass(frozen=True, slots=True)
class SchedulerLimits:
    """Limits in vLLM's words."""

    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len: int
    num_gpu_blocks: int
    block_size: int = 16
    long_prefill_token_threshold: int = 0
    """Longest prompt chunk of one step, 0 if only the step's budget bounds it."""
    max_num_queued_reqs: int = -1
    """Requests in the server, running or not, from which on more are refused; -1 for no limit."""
    max_num_queued_tokens: int = -1
    """Prompt tokens without a first token from which on requests are refused; -1 for no limit."""
    async_scheduling: bool = True
    """Whether a step is composed when its predecessor starts instead of when that ends."""
    shared_prefix_tokens: int = 0
    """Prompt tokens that all longer prompts share and the prefix cache finds; 0 if it is off."""

    @property
    def longest_chunk(self) -> int:
        """Return the most prompt tokens of one request in one step."""
        budget = self.max_num_batched_tokens
        return min(self.long_prefill_token_threshold or budget, budget)

    @property
    def requests(self) -> RequestLimits:
        """Return the longest requests that are taken: the context, and no more than all blocks."""
        room = (self.num_gpu_blocks - 1) * self.block_size
        longest = min(self.max_model_len, room)
        return RequestLimits(longest, longest, longest, "--max-model-len")

    @property
    def queue_is_limited(self) -> bool:
        """Tell whether requests may be refused."""
        return self.max_num_queued_reqs >= 0 or self.max_num_queued_tokens >= 0

    @classmethod
    def of(cls, limits: Limits) -> SchedulerLimits:
        """Return the scheduler's part of a server's limits."""
        values = limits.values
        caching = bool(values.get("enable_prefix_caching", False))
        return cls(
            max_num_seqs=limits.integer("max_num_seqs"),
            max_num_batched_tokens=limits.integer("max_num_batched_tokens"),
            max_model_len=limits.integer("max_model_len"),
            num_gpu_blocks=limits.integer("num_gpu_blocks"),
            block_size=limits.integer("block_size"),
            long_prefill_token_threshold=int(values.get("long_prefill_token_threshold", 0)),
            max_num_queued_reqs=int(values.get("max_num_queued_reqs", -1)),
            max_num_queued_tokens=int(values.get("max_num_queued_tokens", -1)),
            async_scheduling=bool(values.get("async_scheduling", True)),
            shared_prefix_tokens=int(values.get("shared_prefix_tokens", 0)) if caching else 0,
        )
