"""How long an answer is, and the samples of its messages.

A stream has one message a step (jetstream/core/orchestrator.py, Driver._detokenize_thread). What
ends an answer is a message too: at its length it is an empty sample, one step after the last
token; at the end token it has that token's id and no text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mock_servers.serving.tokenizer import WORDS, AnswerIds

NOTHING = 0
"""In place of an id: an empty sample. SentencePiece's first ids are not of words, so this is no
word's either."""
END = 2
"""The id of the end token."""
PIECES = ("", "", "", *WORDS)
"""The text of a token, by its id."""
_FIRST_WORD = PIECES.index(WORDS[0])


@dataclass(frozen=True, slots=True)
class Length:
    """How an answer goes.

    Attributes:
        tokens: with a text.
        messages: with and without; the engine has as many output tokens.
        last: what the messages after the tokens have, NOTHING or END.
    """

    tokens: int
    messages: int
    last: int = NOTHING

    @classmethod
    def of(cls, max_tokens: int, *, counts_first: bool, longest: int, unbounded: int) -> Length:
        """Return the length of the answer to a request.

        The server compares the steps that a slot has had with `max_tokens` after each of them,
        and once, before it has a slot, after the prefill
        (jetstream/engine/token_utils.py, process_result_tokens).

        Args:
            max_tokens: as the client says, which may be 0 or negative.
            counts_first: whether the prefill's token counts as a step, as with PyTorch's server
                (jetstream_pt/engine.py, insert); MaxText's gives one token more than it is asked
                for (maxengine.py, prefill and generate).
            longest: tokens of an answer that a slot has room for.
            unbounded: tokens of an answer that is asked to be longer: the model would end it.
        """
        if max_tokens > longest:
            messages = min(unbounded + 1, longest)
            return cls(messages - 1, messages, END)
        if max_tokens < 0:
            return cls(0, 2)
        tokens = max(max_tokens, 1) if counts_first else max_tokens + 1
        return cls(tokens, tokens + 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: what its messages have."""

    length: Length
    ids: AnswerIds

    def __iter__(self) -> Iterator[int]:
        """Yield what every message has."""
        return map(self.sample, range(self.length.messages))

    def sample(self, place: int) -> int:
        """Return the id of the token in the message `place`, NOTHING if it has none."""
        if place >= self.length.tokens:
            return self.length.last
        return _FIRST_WORD + self.ids[place]
