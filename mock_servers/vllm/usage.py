"""What a request has used, as answers say it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of prompts and answers."""

    prompt_tokens: int
    completion_tokens: int

    def brief(self) -> dict[str, object]:
        """Return it as streams show it."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "completion_tokens": self.completion_tokens,
        }

    def whole(self) -> dict[str, object]:
        """Return it as whole answers show it."""
        return self.brief() | {"prompt_tokens_details": None, "completion_tokens_details": None}
