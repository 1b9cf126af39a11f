"""How long JetStream's answers are, and what their messages have."""

from __future__ import annotations

import pytest

from mock_servers.jetstream.answers import END, NOTHING, PIECES, Answer, Length
from mock_servers.serving.tokenizer import WORDS, AnswerIds

LONGEST = 100


def length(max_tokens: int, *, counts_first: bool = False) -> Length:
    """Return the length of an answer of a slot with room for LONGEST tokens."""
    return Length.of(max_tokens, counts_first=counts_first, longest=LONGEST, unbounded=20)


@pytest.mark.parametrize(
    ("max_tokens", "maxtext", "pytorch"),
    [(-1, 0, 0), (0, 1, 1), (1, 2, 1), (10, 11, 10), (LONGEST, LONGEST + 1, LONGEST)],
)
def test_an_answer_ends_at_its_length_with_an_empty_message(
    max_tokens: int, maxtext: int, pytorch: int
) -> None:
    """MaxText's server gives one token more than it is asked for, PyTorch's does not.

    A negative length is over before it begins, which the server notices twice.
    """
    for tokens, counts_first in ((maxtext, False), (pytorch, True)):
        found = length(max_tokens, counts_first=counts_first)
        assert found.tokens == tokens
        assert found.messages == (tokens + 1 if max_tokens >= 0 else 2)
        samples = list(Answer(found, AnswerIds("prompt")))
        assert NOTHING not in samples[:tokens]
        assert set(samples[tokens:]) == {NOTHING}


def test_an_answer_longer_than_a_slot_ends_by_itself() -> None:
    """With the end token's id, which has no text."""
    found = length(LONGEST + 1)
    samples = list(Answer(found, AnswerIds("prompt")))
    assert len(samples) == 21
    assert samples[-1] == END
    assert END not in samples[:-1]
    assert not PIECES[END]
    assert Length.of(1000, counts_first=False, longest=10, unbounded=20).messages == 10


def test_ids_and_texts_are_of_the_same_words() -> None:
    """An answer's pieces are its words; the ids before those of words have no text."""
    ids = AnswerIds("prompt")
    answer = list(Answer(length(5), ids))[:6]
    assert [PIECES[ident] for ident in answer] == [WORDS[ids[place]] for place in range(6)]
    assert not any(PIECES[: PIECES.index(WORDS[0])])
