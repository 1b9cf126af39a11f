"""How long answers are: segments of 1,024, and what ends an answer before its bound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_servers.serving.tokenizer import WORDS, AnswerIds
from mock_servers.tgi.answer import Answer
from mock_servers.tgi.lengths import longest_answer
from scalecert.engines.tgi.scheduler_limits import SchedulerLimits

LIMITS = SchedulerLimits(
    max_concurrent_requests=128,
    max_batch_prefill_tokens=4096,
    max_batch_total_tokens=20000,
    max_input_tokens=4095,
    max_total_tokens=4096,
)
IDS = AnswerIds("a")


@pytest.mark.parametrize(
    ("prompt", "asked", "given_tokens"),
    [
        (1, 5, 5),
        (1, 1024, 1024),
        (1, 1025, 2048),
        (1, 5000, 3072),
        (2000, 4000, 2048),
        (3000, 1100, 1024),
        (3000, None, 1096),
        (1, None, 4095),
    ],
)
def test_answers_are_as_long_as_the_router_makes_them(
    prompt: int, asked: int | None, given_tokens: int
) -> None:
    """Measured at the real router, with a model that ends no answer itself."""
    assert longest_answer(prompt, asked, LIMITS) == given_tokens


@settings(max_examples=100, derandomize=True)
@given(st.integers(1, 4095), st.none() | st.integers(1, 10**9))
def test_an_answer_fits_beside_its_prompt(prompt: int, asked: int | None) -> None:
    """Whatever is asked for; and one that is taken has a token at least."""
    tokens = longest_answer(prompt, asked, LIMITS)
    assert prompt + tokens <= LIMITS.max_total_tokens
    taken = prompt + min(LIMITS.max_total_tokens - prompt if asked is None else asked, 1024)
    assert (tokens > 0) == (taken <= LIMITS.max_total_tokens)
    if asked is not None and tokens > 0:
        assert tokens == asked or tokens % 1024 == 0


def test_an_answer_ends_at_its_bound_even_where_the_model_would_end_it() -> None:
    """The length is looked at first (StoppingCriteria)."""
    assert Answer.to(IDS, longest=5, ends_at=5).reason == "length"
    ended = Answer.to(IDS, longest=6, ends_at=5)
    assert (ended.tokens, ended.reason, ended.openai_reason) == (5, "eos_token", "stop")
    assert ended.text == "".join(WORDS[IDS[index]] for index in range(4))
    assert [ended.is_end(index) for index in range(5)] == [False] * 4 + [True]


def test_a_stop_sequence_is_seen_at_the_end_of_a_token_only() -> None:
    """In the middle of a word it is none, over the border of two it is."""
    first, second = WORDS[IDS[0]], WORDS[IDS[1]]
    over = first[-1] + second
    assert Answer.to(IDS, longest=9, ends_at=None, stops=[over]).tokens == 2
    assert Answer.to(IDS, longest=9, ends_at=None, stops=[over]).reason == "stop_sequence"
    inside = second[:-1]
    stopped = Answer.to(IDS, longest=2, ends_at=None, stops=[inside])
    assert (stopped.tokens, stopped.reason) == (2, "length")


def test_the_likeliest_tokens_begin_with_the_one_that_was_taken() -> None:
    """As many as asked for, less likely one after the other."""
    answer = Answer.to(IDS, longest=3, ends_at=None, candidates=4)
    top = answer.top_tokens(1)
    assert top[0]["text"] == WORDS[IDS[1]]
    assert len({str(token["id"]) for token in top}) == 4
    assert top[0]["logprob"] == max(float(str(token["logprob"])) for token in top)
