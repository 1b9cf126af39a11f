"""Answers of `/v1/chat/completions` (vllm/entrypoints/openai/chat_completion/)."""

from __future__ import annotations

from mock_servers.vllm.chat_request import ROLE
from mock_servers.vllm.logprobs import chat_logprobs, prompt_logprobs
from mock_servers.vllm.wire import Usage, Wire, event, shown_tokens


class ChatWire(Wire):
    """How the answer to a chat is said."""

    id_prefix = "chatcmpl"
    kind = "chat.completion"
    chunk_kind = "chat.completion.chunk"

    def opening(self) -> bytes:
        """Return who speaks, and what is echoed, for each choice."""
        asked, places = self._asked, range(len(self._answers))
        shown = {
            "prompt_token_ids": asked.prompts[0].ids if asked.manner.return_token_ids else None,
            "prompt_text": asked.prompts[0].text if asked.return_prompt_text else None,
        }
        roles = [
            self._chunk(place, {"role": ROLE, "content": ""}, tokens=0) | shown for place in places
        ]
        if asked.echoed:
            roles += [self._chunk(place, {"content": asked.echoed}, tokens=0) for place in places]
        return b"".join(map(event, roles))

    def refused(self, choice: int) -> bytes:
        """Return the event of a choice that a server which ends has not begun."""
        end = {"finish_reason": "abort", "stop_reason": None, "token_ids": None}
        return event(self._ended(self._chunk(choice, {}, tokens=0, **end)))

    def _shown_of_prompt(self) -> dict[str, object]:
        asked, prompt = self._asked, self._asked.prompts[0]
        return {
            "prompt_logprobs": prompt_logprobs(prompt) if asked.prompt_logprobs else None,
            "prompt_token_ids": prompt.ids if asked.manner.return_token_ids else None,
            "prompt_text": prompt.text if asked.return_prompt_text else None,
        }

    def _shaped(self, choice: int, index: int, text: str) -> dict[str, object]:
        """Return the chunk of a token."""
        asked, answer = self._asked, self._answers[choice]
        is_last = index == answer.tokens - 1
        ids = [answer.ids[index]] if asked.manner.return_token_ids else None
        ending: dict[str, object] = {"finish_reason": None, "token_ids": ids}
        if is_last:
            ending = {
                "finish_reason": answer.finish_reason,
                "stop_reason": answer.stop_reason,
                "token_ids": ids,
                "weight_versions": None,
            }
        chunk = self._chunk(
            choice,
            {"content": text},
            tokens=index + 1,
            logprobs=self._logprobs(choice, index, index + 1),
            **ending,
        )
        return self._ended(chunk) if is_last else chunk | {"kv_transfer_params": None}

    def _ended(self, chunk: dict[str, object]) -> dict[str, object]:
        """Return the last chunk of a choice."""
        if not self._asked.manner.include_usage:
            chunk["system_fingerprint"] = self._head.fingerprint
        return chunk | {"kv_transfer_params": None}

    def _chunk(
        self,
        choice: int,
        delta: dict[str, object],
        *,
        tokens: int,
        logprobs: object = None,
        **ending: object,
    ) -> dict[str, object]:
        """Return a chunk; `tokens` is what its choice has by then."""
        shown = {"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": None}
        said = self._said([shown | ending], self.chunk_kind)
        if self._asked.manner.continuous_usage:
            used = Usage(self._asked.prompts[0].tokens, tokens).brief()
            said["usage"] = used | {"completion_tokens_details": None}
        return said

    def _choice(self, choice: int, *, refused: bool) -> dict[str, object]:
        """Return a choice as whole answers have it."""
        asked, answer = self._asked, self._answers[choice]
        end = 0 if refused else answer.tokens
        ids = [answer.ids[index] for index in range(end)]
        return {
            "index": choice,
            "message": {
                "role": ROLE,
                "content": asked.echoed + (answer.text(0, end) if end else ""),
                "refusal": None,
                "annotations": None,
                "audio": None,
                "function_call": None,
                "reasoning": None,
            },
            "logprobs": self._logprobs(choice, 0, end),
            "finish_reason": "abort" if refused else answer.finish_reason,
            "stop_reason": None if refused else answer.stop_reason,
            "token_ids": ids if asked.manner.return_token_ids else None,
            "routed_experts": None,
            "weight_versions": None,
        }

    def _logprobs(self, choice: int, begin: int, end: int) -> dict[str, object] | None:
        candidates = self._asked.sampling.logprobs
        if candidates is None:
            return None
        answer = self._answers[choice]
        ids = [answer.ids[index] for index in range(begin, end)]
        return chat_logprobs(shown_tokens(self._asked, answer.words(begin, end), ids), candidates)
