"""The limits that JetStream's pipeline works under, as plain numbers."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from scalecert.engines.base import Limits
from scalecert.request_limits import RequestLimits

BUCKETS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Lengths that prompts are padded to (jetstream/engine/token_utils.py, DEFAULT_PREFILL_BUCKETS)."""

PARKED = 4
"""Prefilled requests that fit behind full slots: one in the generate backlog, one in the hands of
the transfer thread, one in the transfer backlog, one in the hands of the prefill thread
(jetstream/core/orchestrator.py: both backlogs have one place where prefill and decode interleave,
and both threads block on a full one)."""


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """Limits of one server whose prefill and decode interleave on the same accelerators."""

    slots: int
    """Requests that decode at once."""
    longest_prompt: int
    """Tokens; the largest bucket."""
    max_target_length: int
    """Tokens of prompt and answer that a slot has room for."""

    @property
    def longest_answer(self) -> int:
        """Return the tokens that a slot keeps of an answer: what prompts leave of it."""
        return self.max_target_length - self.longest_prompt

    @property
    def requests(self) -> RequestLimits:
        """Return the longest requests that a slot has room for, prompt and answer each."""
        return RequestLimits(
            self.longest_prompt,
            self.longest_answer,
            self.max_target_length,
            "max_prefill_predict_length, max_target_length",
        )

    def bucket(self, input_tokens: int) -> int:
        """Return the tokens that a prompt is padded to."""
        return BUCKETS[bisect_left(BUCKETS, input_tokens)]

    @classmethod
    def of(cls, limits: Limits) -> PipelineLimits:
        """Return the pipeline's part of a server's limits."""
        return cls(
            slots=limits.integer("max_concurrent_decodes"),
            longest_prompt=limits.integer("max_prefill_predict_length"),
            max_target_length=limits.integer("max_target_length"),
        )
