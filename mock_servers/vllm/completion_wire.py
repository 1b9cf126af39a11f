"""Answers of `/v1/completions` (vllm/entrypoints/openai/completion/{protocol,serving}.py).

Chunks have what the server set, null or not; whole answers have every field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from mock_servers.vllm.answer import Answer
from mock_servers.vllm.asked import Asked, Prompt
from mock_servers.vllm.logprobs import completion_logprobs, prompt_logprobs
from mock_servers.vllm.usage import Usage
from mock_servers.vllm.wire import (
    DONE,
    ChoiceEvents,
    Head,
    Opening,
    event,
    first_alike,
    shown_tokens,
)


class CompletionWire:
    """How the answer to one request is said.

    Args:
        head: what it begins with.
        asked: the request.
        answers: of each prompt its choices.
    """

    def __init__(self, head: Head, asked: Asked, answers: Sequence[Answer]) -> None:
        self._head = head
        self._asked = asked
        self._answers = answers
        self._opening = Opening(self.opening)

    def opening(self) -> bytes:
        """Return nothing: the first token opens."""
        return b""

    def events(self, choice: int) -> Callable[[int, int], bytes]:
        """Return what makes the events of a choice's tokens, from a place up to another."""
        answer, shaped = self._answers[choice], partial(self._shaped, choice)
        first = first_alike(self._asked, answer)
        return ChoiceEvents(answer, shaped, self._opening, first=first).of

    def closing(self, used: Usage) -> bytes:
        """Return the events that come after all tokens."""
        if not self._asked.manner.include_usage:
            return DONE
        said = self._said([]) | {"usage": used.brief()}
        return event(said | {"system_fingerprint": self._head.fingerprint}) + DONE

    def refused(self, choice: int) -> bytes:
        """Return the event of a choice that a server which ends has not begun."""
        return event(self._chunk(choice, "", finish_reason="abort"))

    def whole(self, used: Usage, *, refused: bool = False) -> bytes:
        """Return the answer in one piece."""
        choices = [self._choice(place, refused=refused) for place in range(len(self._answers))]
        return msgspec.json.encode(
            self._said(choices)
            | {"service_tier": None, "system_fingerprint": self._head.fingerprint}
            | {"usage": used.whole(), "kv_transfer_params": None}
            | {"ec_transfer_params": None, "metrics": None}
        )

    def _said(self, choices: list[dict[str, object]]) -> dict[str, object]:
        head = self._head
        return {
            "id": head.id,
            "object": "text_completion",
            "created": head.created,
            "model": head.model,
            "choices": choices,
        }

    def _prompt(self, choice: int) -> Prompt:
        return self._asked.prompts[choice // self._asked.sampling.n]

    def _shaped(self, choice: int, index: int, text: str) -> dict[str, object]:
        """Return the chunk of a token."""
        asked, answer, prompt = self._asked, self._answers[choice], self._prompt(choice)
        is_last = index == answer.tokens - 1
        return self._chunk(
            choice,
            self._echoed(prompt, text) if not index else text,
            logprobs=self._logprobs(choice, index, index + 1),
            finish_reason=answer.finish_reason if is_last else None,
            stop_reason=answer.stop_reason if is_last else None,
            prompt_token_ids=(
                prompt.ids if not index and (asked.echo or asked.manner.return_token_ids) else None
            ),
            token_ids=[answer.ids[index]] if asked.manner.return_token_ids else None,
            tokens=index + 1,
        )

    def _chunk(
        self,
        choice: int,
        text: str,
        *,
        logprobs: object = None,
        finish_reason: str | None = None,
        stop_reason: str | int | None = None,
        prompt_token_ids: list[int] | None = None,
        token_ids: list[int] | None = None,
        tokens: int = 0,
    ) -> dict[str, object]:
        """Return a chunk; `tokens` is what its choice has by then."""
        said = self._said([{
            "index": choice,
            "text": text,
            "logprobs": logprobs,
            "finish_reason": finish_reason,
            "stop_reason": stop_reason,
            "prompt_token_ids": prompt_token_ids,
            "token_ids": token_ids,
            "weight_versions": None,
        }])  # fmt: skip
        if self._asked.manner.continuous_usage:
            said["usage"] = Usage(self._prompt(choice).tokens, tokens).brief()
        if finish_reason is not None and not self._asked.manner.include_usage:
            said["system_fingerprint"] = self._head.fingerprint
        return said | {"kv_transfer_params": None}

    def _choice(self, choice: int, *, refused: bool) -> dict[str, object]:
        """Return a choice as whole answers have it."""
        answer, prompt = self._answers[choice], self._prompt(choice)
        end = 0 if refused else answer.tokens
        ids = [answer.ids[index] for index in range(end)]
        shows_ids = self._asked.manner.return_token_ids
        return {
            "index": choice,
            "text": self._echoed(prompt, answer.text(0, end) if end else ""),
            "logprobs": self._logprobs(choice, 0, end),
            "finish_reason": "abort" if refused else answer.finish_reason,
            "stop_reason": None if refused else answer.stop_reason,
            "token_ids": ids if shows_ids else None,
            "prompt_logprobs": prompt_logprobs(prompt) if self._asked.prompt_logprobs else None,
            "prompt_token_ids": prompt.ids if shows_ids else None,
            "routed_experts": None,
            "weight_versions": None,
        }

    def _echoed(self, prompt: Prompt, text: str) -> str:
        """Return a text behind the prompt, if that is to be echoed."""
        asked = self._asked
        if not asked.echo:
            return text
        before = "" if asked.manner.return_token_ids else prompt.shown
        return before if asked.shows_only_the_prompt else before + text

    def _logprobs(self, choice: int, begin: int, end: int) -> dict[str, object] | None:
        """Return the log probabilities of tokens, those of an echoed prompt before the first."""
        asked, answer, prompt = self._asked, self._answers[choice], self._prompt(choice)
        if asked.sampling.logprobs is None:
            return None
        texts, ids = answer.words(begin, end), [answer.ids[index] for index in range(begin, end)]
        if asked.shows_only_the_prompt:
            texts, ids = [], []
        offset = sum(map(len, answer.words(0, begin)))
        if not asked.echo:
            return completion_logprobs(shown_tokens(asked, texts, ids), offset=offset)
        if begin:
            offset += sum(map(len, prompt.pieces))
            return completion_logprobs(shown_tokens(asked, texts, ids), offset=offset)
        shown = shown_tokens(asked, prompt.pieces + texts, prompt.ids + ids)
        return completion_logprobs(shown, prompt.tokens)
