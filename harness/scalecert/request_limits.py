"""The longest requests that a server takes: what workloads are cut to and servers refuse by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The most tokens of prompt, answer and both; `flag` is what sets them at the server."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    flag: str

    def takes(self, input_tokens: int, output_tokens: int) -> bool:
        """Tell whether a server takes a request."""
        return (
            input_tokens <= self.input_tokens
            and output_tokens <= self.output_tokens
            and input_tokens + output_tokens <= self.total_tokens
        )

    def __str__(self) -> str:
        """Return the limits in words, those that follow from the others left out."""
        parts = [f"{self.total_tokens} tokens"]
        if self.input_tokens < self.total_tokens - 1:
            parts.append(f"{self.input_tokens} of prompt")
        if self.output_tokens < self.total_tokens - 1:
            parts.append(f"{self.output_tokens} of answer")
        return ", ".join(parts)
