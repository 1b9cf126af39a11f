"""Answers of `/v1/completions` (vllm/entrypoints/openai/completion/{protocol,serving}.py)."""

from __future__ import annotations

import json

from mock_servers.vllm.asked import Prompt
from mock_servers.vllm.logprobs import completion_logprobs, prompt_logprobs
from mock_servers.vllm.refusals import RefusalError
from mock_servers.vllm.wire import Usage, Wire, event, shown_tokens


class CompletionWire(Wire):
    """How the answer to a request for completions is said."""

    id_prefix = "cmpl"
    kind = chunk_kind = "text_completion"

    def refused(self, choice: int) -> bytes:
        """Return the event of a choice that a server which ends has not begun."""
        return event(self._chunk(choice, "", finish_reason="abort"))

    def _error_body(self, refusal: RefusalError) -> bytes:
        """Return it as `json.dumps` writes it: with spaces."""
        return json.dumps({"error": refusal.error}).encode()

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
        }], self.chunk_kind)  # fmt: skip
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
