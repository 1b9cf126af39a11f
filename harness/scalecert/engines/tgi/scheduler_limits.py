"""The limits that TGI's router works under, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.engines.base import Limits
from scalecert.engines.decoding import Admitted, Request
from scalecert.request_limits import RequestLimits

SEGMENT_TOKENS = 1024
"""The most output tokens that a request reserves room for at once: longer answers run as several
segments (DEFAULT_GENERATION_LENGTH, router/src/validation.rs)."""
LARGEST_GRAPH = 32
"""Requests that the largest CUDA graph decodes, by default (launcher/src/main.rs)."""


@dataclass(frozen=True, slots=True)
class SchedulerLimits:
    """Limits in TGI's words."""

    max_concurrent_requests: int
    """Requests in the server, running or not, from which on more are refused."""
    max_batch_prefill_tokens: int
    max_batch_total_tokens: int
    max_input_tokens: int
    max_total_tokens: int
    block_size: int = 1
    chunking: bool = True
    max_waiting_tokens: int = 20
    """Decode steps after which waiting requests join a batch however few they are."""
    waiting_served_ratio: float = 0.3
    """Share of the running requests that have to wait before the batch stops for their prompts."""
    max_batch_size: int = 0
    """0 is no bound."""
    largest_graph: int = LARGEST_GRAPH
    """Requests up to which decode steps run as a CUDA graph; larger ones are launched kernel by
    kernel."""
    segment_tokens: int = SEGMENT_TOKENS

    @property
    def blocks(self) -> int:
        """Return the blocks that requests can have: block 0 is for health checks."""
        return self.max_batch_total_tokens // self.block_size - 1

    @property
    def prefill_budget(self) -> int:
        """Return the prompt tokens of a step, in whole blocks."""
        return self.in_blocks(self.max_batch_prefill_tokens) * self.block_size

    @property
    def longest_input(self) -> int:
        """Return the longest prompt that is taken."""
        if self.chunking:
            return self.max_input_tokens
        return min(self.max_input_tokens, self.prefill_budget)

    @property
    def requests(self) -> RequestLimits:
        """Return the longest requests that are taken: the router's validation."""
        longest = self.longest_request
        return RequestLimits(
            self.longest_input, longest, longest, "--max-input-tokens, --max-total-tokens"
        )

    @property
    def longest_request(self) -> int:
        """Return the longest request that is taken, answer included, and can ever run."""
        return min(self.max_total_tokens, self.blocks * self.block_size + 1)

    def in_blocks(self, tokens: int) -> int:
        """Return the blocks that hold so many tokens."""
        return -(-tokens // self.block_size)

    def reserved_blocks(self, request: Request | Admitted, *, long: bool) -> int:
        """Return the blocks for prompt and answer; nothing is kept of the answer's last token.

        A segment of a `long` request has the room of a whole one, as far as there is any.
        """
        inputs, outputs = request[2], request[3]
        if long:
            outputs = min(self.segment_tokens, self.longest_request - inputs)
        return -((1 - inputs - outputs) // self.block_size)

    @classmethod
    def of(cls, limits: Limits) -> SchedulerLimits:
        """Return the scheduler's part of a server's limits."""
        values = limits.values
        return cls(
            max_concurrent_requests=limits.integer("max_concurrent_requests"),
            max_batch_prefill_tokens=limits.integer("max_batch_prefill_tokens"),
            max_batch_total_tokens=limits.integer("max_batch_total_tokens"),
            max_input_tokens=limits.integer("max_input_tokens"),
            max_total_tokens=limits.integer("max_total_tokens"),
            block_size=limits.integer("block_size"),
            chunking=bool(values["chunking"]),
            max_waiting_tokens=limits.integer("max_waiting_tokens"),
            waiting_served_ratio=float(values["waiting_served_ratio"]),
            max_batch_size=limits.integer("max_batch_size"),
            largest_graph=limits.integer("largest_graph"),
        )
