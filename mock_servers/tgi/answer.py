"""An answer: its tokens, as the model server would have made them up, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from mock_servers.serving.tokenizer import VOCABULARY, WORDS, AnswerIds

LENGTH, END_OF_ANSWER, STOP_SEQUENCE = "length", "eos_token", "stop_sequence"
"""Why an answer ends: TGI's own words."""

_END_ID = VOCABULARY
_END_TEXT = "</s>"
_STEPS = 8
"""Of log probabilities: eighths, which are the same number in any precision."""


def _logprob(ident: int) -> float:
    return -(ident % _STEPS + 1) / _STEPS


def _token(ident: int, text: str, *, special: bool = False, less: int = 0) -> dict[str, object]:
    logprob = _logprob(ident) - less
    return {"id": ident, "text": text, "logprob": logprob, "special": special}


_TOKENS = tuple(msgspec.json.encode(_token(ident, text)) for ident, text in enumerate(WORDS))
_TEXTS = tuple(msgspec.json.encode(text) for text in WORDS)
_END_PIECE = msgspec.json.encode(_END_TEXT)
_END_TOKEN = msgspec.json.encode(_token(_END_ID, _END_TEXT, special=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        ids: of its tokens.
        tokens: that it has, one that only says that it ends included.
        reason: why it ends, in TGI's words.
        seed: of its sampling, None if there was none.
        candidates: shown with each token.
    """

    ids: AnswerIds
    tokens: int
    reason: str
    seed: int | None = None
    candidates: int = 0

    @classmethod
    def to(
        cls,
        ids: AnswerIds,
        *,
        longest: int,
        ends_at: int | None,
        stops: Sequence[str] = (),
        seed: int | None = None,
        candidates: int = 0,
    ) -> Answer:
        """Return an answer of so many tokens, unless something ends it before.

        Args:
            ids: of its tokens.
            longest: tokens at which it ends in any case.
            ends_at: tokens after which the model ends it; None if it does not.
            stops: texts that end it.
            seed: of its sampling.
            candidates: shown with each token.
        """
        tokens, reason = longest, LENGTH
        if ends_at is not None and ends_at < tokens:
            tokens, reason = ends_at, END_OF_ANSWER
        if stops and (stopped := _stop(ids, tokens - 1, stops)) is not None:
            tokens, reason = stopped, STOP_SEQUENCE
        return cls(ids, tokens, reason, seed, candidates)

    @property
    def openai_reason(self) -> str:
        """Why it ends, as /v1 has it but for streamed completions."""
        return "stop" if self.reason == END_OF_ANSWER else self.reason

    @property
    def text(self) -> str:
        """What it says; the token that ends it says nothing."""
        words = self.tokens - (self.reason == END_OF_ANSWER)
        return "".join(WORDS[self.ids[index]] for index in range(words))

    @property
    def mean_logprob(self) -> float:
        """How likely its tokens are on average; of several answers the likeliest is the best."""
        return sum(_logprob(self.ids[index]) for index in range(self.tokens)) / self.tokens

    def is_end(self, index: int) -> bool:
        """Tell whether token `index` only says that the answer ends."""
        return self.reason == END_OF_ANSWER and index == self.tokens - 1

    def token(self, index: int) -> bytes:
        """Return token `index` as JSON."""
        return _END_TOKEN if self.is_end(index) else _TOKENS[self.ids[index]]

    def piece(self, index: int) -> bytes:
        """Return the text of token `index` as JSON."""
        return _END_PIECE if self.is_end(index) else _TEXTS[self.ids[index]]

    def top_tokens(self, index: int) -> list[dict[str, object]]:
        """Return the likeliest tokens in place of token `index`, which is the first of them."""
        if self.is_end(index):
            first = [_token(_END_ID, _END_TEXT, special=True)]
        else:
            first = [_token(self.ids[index], WORDS[self.ids[index]])]
        others = ((self.ids[index] + place) % len(WORDS) for place in range(1, self.candidates))
        return [
            *first,
            *(_token(ident, WORDS[ident], less=1 + place) for place, ident in enumerate(others)),
        ]


def _stop(ids: AnswerIds, most: int, stops: Iterable[str]) -> int | None:
    """Return the tokens after which a text ends with one of some others, None if none does.

    It is looked for at the end of each token only, not at the last one
    (server/text_generation_server/utils/tokens.py, StoppingCriteria).
    """
    ends = tuple(stops)
    width = max(map(len, ends))
    tail = ""
    for index in range(most):
        tail = (tail + WORDS[ids[index]])[-width - max(map(len, WORDS)) :]
        if tail.endswith(ends):
            return index + 1
    return None
