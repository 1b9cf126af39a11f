"""Answers as bytes: what is common to both endpoints for text.

Chunks have what the server set, null or not; whole answers have every field.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import msgspec

from mock_servers.serving.tokenizer import WORDS
from mock_servers.vllm.answer import Answer
from mock_servers.vllm.asked import Asked
from mock_servers.vllm.refusals import RefusalError

DONE = b"data: [DONE]\n\n"
_WORDS = tuple(word.encode() for word in WORDS)
_MARK = "\x00"
_WRITTEN_MARK = b"\\u0000"


@dataclass(frozen=True, slots=True)
class Head:
    """What all that is said to one request begins with.

    Attributes:
        id: of the answer.
        created: when it was begun, in whole seconds since 1970.
        model: that answers.
        fingerprint: of the server.
    """

    id: str
    created: int
    model: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request has used: tokens of prompts and answers."""

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


def event(value: object) -> bytes:
    """Return a server-sent event."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


class Opening:
    """What is said once, by whoever comes first.

    Args:
        said: makes it.
    """

    __slots__ = ("_said",)

    def __init__(self, said: Callable[[], bytes]) -> None:
        self._said: Callable[[], bytes] | None = said

    def take(self) -> bytes:
        """Return it the first time, and nothing from then on."""
        said, self._said = self._said, None
        return said() if said is not None else b""


class ChoiceEvents:
    """The events of one choice's tokens.

    Those between the first and the last mostly differ in one word alone, and are made quickly.

    Args:
        answer: that the choice is.
        shaped: makes the event of a token from its place and its text.
        opening: comes before the first token's.
        first: the token from which on events are alike; None if none are.
    """

    __slots__ = ("_after", "_answer", "_before", "_first", "_last", "_opening", "_shaped")

    def __init__(
        self,
        answer: Answer,
        shaped: Callable[[int, str], dict[str, object]],
        opening: Opening,
        *,
        first: int | None,
    ) -> None:
        self._answer = answer
        self._shaped = shaped
        self._opening = opening
        self._last = answer.tokens - 1
        self._first = self._last if first is None else first
        self._before = self._after = b""
        if self._first < self._last:
            # The last one, whatever a client has put into its id.
            shape = event(shaped(self._first, _MARK))
            self._before, _, self._after = shape.rpartition(_WRITTEN_MARK)

    def of(self, begin: int, end: int) -> bytes:
        """Return the events of the tokens from `begin` up to `end`."""
        if begin < self._first or end > self._last:
            first, last = max(begin, min(self._first, end)), max(begin, min(self._last, end))
            events = [self._event(index) for index in range(begin, first)]
            events += [self.of(first, last)] if first < last else []
            events += [self._event(index) for index in range(max(first, last), end)]
            return b"".join(events)
        before, after, ids = self._before, self._after, self._answer.ids
        if end - begin == 1:
            return before + _WORDS[ids[begin]] + after
        return b"".join([before + _WORDS[ids[index]] + after for index in range(begin, end)])

    def _event(self, index: int) -> bytes:
        opening = b"" if index else self._opening.take()
        return opening + event(self._shaped(index, self._answer.text(index, index + 1)))


class Wire(ABC):
    """How the answer to one request is said.

    Args:
        head: what it begins with.
        asked: the request.
        answers: its choices, those of each prompt after one another.
    """

    id_prefix: ClassVar[str]
    kind: ClassVar[str]
    """What a whole answer calls itself."""
    chunk_kind: ClassVar[str]
    """What a piece of a stream does."""

    def __init__(self, head: Head, asked: Asked, answers: Sequence[Answer]) -> None:
        self._head = head
        self._asked = asked
        self._answers = answers
        opening = Opening(self.opening)
        self._choices = [
            ChoiceEvents(
                answer, partial(self._shaped, place), opening, first=first_alike(asked, answer)
            )
            for place, answer in enumerate(answers)
        ]

    def opening(self) -> bytes:
        """Return what comes before the first token: nothing, that one opens."""
        return b""

    def events(self, choice: int) -> Callable[[int, int], bytes]:
        """Return what makes the events of a choice's tokens, from a place up to another."""
        return self._choices[choice].of

    def closing(self, used: Usage) -> bytes:
        """Return the events that come after all tokens."""
        if not self._asked.manner.include_usage:
            return DONE
        said = self._said([], self.chunk_kind) | {"usage": used.brief()}
        return event(said | {"system_fingerprint": self._head.fingerprint}) + DONE

    @abstractmethod
    def refused(self, choice: int) -> bytes:
        """Return the event of a choice that a server which ends has not begun."""

    def error(self, refusal: RefusalError) -> bytes:
        """Return the events of a stream that ends with an error."""
        return b"data: " + self._error_body(refusal) + b"\n\n" + DONE

    def whole(self, used: Usage, *, refused: bool = False) -> bytes:
        """Return the answer in one piece."""
        choices = [self._choice(place, refused=refused) for place in range(len(self._answers))]
        return msgspec.json.encode(
            self._said(choices, self.kind)
            | {"service_tier": None, "system_fingerprint": self._head.fingerprint}
            | {"usage": used.whole()}
            | self._shown_of_prompt()
            | {"kv_transfer_params": None, "ec_transfer_params": None, "metrics": None}
        )

    @abstractmethod
    def _shaped(self, choice: int, index: int, text: str) -> dict[str, object]:
        """Return the chunk of a token."""

    @abstractmethod
    def _choice(self, choice: int, *, refused: bool) -> dict[str, object]:
        """Return a choice as whole answers have it."""

    def _error_body(self, refusal: RefusalError) -> bytes:
        return refusal.body()

    def _shown_of_prompt(self) -> dict[str, object]:
        """Return what a whole answer shows of the prompt beside its choices."""
        return {}

    def _said(self, choices: list[dict[str, object]], kind: str) -> dict[str, object]:
        head = self._head
        return {
            "id": head.id,
            "object": kind,
            "created": head.created,
            "model": head.model,
            "choices": choices,
        }


def first_alike(asked: Asked, answer: Answer) -> int | None:
    """Return the token from which on a choice's events are alike, None if none are."""
    manner = asked.manner
    if manner.continuous_usage or manner.return_token_ids or asked.sampling.logprobs is not None:
        return None
    return 1 if answer.is_plain else None


def shown_tokens(asked: Asked, texts: Sequence[str], ids: Sequence[int]) -> list[str]:
    """Return what stands for tokens where their log probabilities are told."""
    if asked.manner.tokens_as_ids:
        return [f"token_id:{ident}" for ident in ids]
    return list(texts)
