"""A tokenizer and answers for servers without a model: cheap, deterministic, and they agree.

A token is a run of up to twelve letters with the space before it, a run of up to three digits, a
run of white space, or any other single character. So a plain English word is one token, and an
answer of N tokens, which is N such words, counts N when it comes back as part of a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from zlib import crc32

TOKEN = re.compile(r" ?[^\W\d_]{1,12}|\d{1,3}|\s+|.", re.DOTALL)

_TEXT = (
    "a all and answer as at back be best by can case come cost day do end even fair far few "
    "find first for form from full get give go good great half hand have here high hold how "
    "if in is it just keep kind know last less let like line long look low make many may more "
    "most near need new next no not of off on once one open or other out over own part place "
    "plan point put rate rest right run same say see set short show side simple since small so "
    "some still such sure take than that the then there thing this time to turn two under up "
    "use very way well when where which while whole will with word work year yes yet"
)

WORDS = tuple(f" {word}" for word in _TEXT.split())
"""What answers are made of; the id of an output token is its word's place here."""


def split(text: str) -> list[str]:
    """Return the tokens of a text; together they are the text."""
    return TOKEN.findall(text)


def count(text: str) -> int:
    """Return how many tokens a text has."""
    return len(TOKEN.findall(text))


def conversation(turns: Iterable[tuple[str, str]]) -> str:
    """Return the prompt that a conversation is made into, of roles and what they said.

    A line for each, and whose turn it is: a chat template for models without one.
    """
    lines = [f"{role}: {content}\n" for role, content in turns]
    return f"{''.join(lines)}assistant:"


def token_id(token: str) -> int:
    """Return the id of a token: a word's place among `WORDS`, else one beyond them."""
    return _IDS.get(token, len(WORDS) + crc32(token.encode()) % (VOCABULARY - len(WORDS)))


def token_ids(text: str) -> list[int]:
    """Return the ids of a text's tokens, each token's looked up once."""
    tokens = split(text)
    ids = {token: token_id(token) for token in set(tokens)}
    return [ids[token] for token in tokens]


VOCABULARY = 32_000
"""Ids that there are."""

_IDS = {word: place for place, word in enumerate(WORDS)}


def word(ident: int) -> str:
    """Return a word of the given id, one token; other ids than the words' share them."""
    return WORDS[ident % len(WORDS)]


class AnswerIds:
    """The endless sequence of an answer's token ids, the same for the same prompt and choice.

    Args:
        prompt: the text, or anything that stands for it.
        choice: the number of the answer among several to one prompt.
    """

    __slots__ = ("_first", "_stride")

    def __init__(self, prompt: str, choice: int = 0) -> None:
        seed = crc32(prompt.encode(), choice)
        self._first = seed % len(WORDS)
        self._stride = 1 + (seed >> 16) % (len(WORDS) - 1)

    def __getitem__(self, index: int) -> int:
        """Return the id of output token `index`."""
        return (self._first + index * self._stride) % len(WORDS)
