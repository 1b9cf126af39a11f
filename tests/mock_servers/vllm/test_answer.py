"""What a choice of the vLLM mock says, and where it ends."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mock_apps import ask
from vllm_backend import backend

from mock_servers.serving.pydantic_fields import Fields
from mock_servers.serving.tokenizer import count
from mock_servers.vllm.answer import LENGTH, STOP, Answer, plan_answer
from mock_servers.vllm.app import vllm_app
from mock_servers.vllm.asked import Prompt
from mock_servers.vllm.sampling import Sampling, read_sampling

PROMPT = Prompt("tell me of the sea")


def _sampling(**given: object) -> Sampling:
    return read_sampling(Fields(given), n=1, logprobs=None)


def _planned(most: int, usual: int | None, **given: object) -> Answer:
    return plan_answer(PROMPT, 0, _sampling(**given), most_tokens=most, usual_tokens=usual)


@pytest.mark.parametrize(
    ("most", "usual", "given", "tokens", "reason"),
    [
        (50, None, {}, 50, LENGTH),
        (50, 20, {}, 20, STOP),
        (10, 20, {}, 10, LENGTH),
        (50, 20, {"ignore_eos": True}, 50, LENGTH),
        (50, 20, {"min_tokens": 30}, 30, STOP),
        (50, 20, {"min_tokens": 50}, 50, LENGTH),
    ],
)
def test_lengths_are_the_clients_or_the_servers(
    most: int, usual: int | None, given: dict[str, object], tokens: int, reason: str
) -> None:
    """A bound is reached exactly; without one an answer ends by itself."""
    answer = _planned(most, usual, **given)
    assert (answer.tokens, answer.finish_reason) == (tokens, reason)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(0, 59),
    st.lists(st.integers(0, 60), max_size=4),
    st.integers(0, 20),
    st.booleans(),
)
def test_a_streamed_answer_adds_up(
    most: int, place: int, cuts: list[int], least: int, shown: bool
) -> None:
    """However it is cut, the pieces are the whole; it ends at the first stop after its least."""
    whole = _planned(most, None)
    stop = whole.words(0, most)[min(place, most - 1)]
    answer = _planned(most, None, stop=[stop], min_tokens=least, include_stop_str_in_output=shown)
    ends = sorted({min(cut, answer.tokens) for cut in cuts} | {0, answer.tokens})
    pieces = [answer.text(a, b) for a, b in pairwise(ends)]
    text = "".join(pieces)
    assert text == answer.text(0, answer.tokens)
    assert whole.text(0, answer.tokens).startswith(text)
    if answer.finish_reason == STOP:
        assert answer.stop_reason == stop
        assert answer.tokens > least
        assert text.endswith(stop) is shown
    else:
        assert answer.tokens == most
        assert stop not in "".join(whole.words(least, most))


def test_a_token_can_end_an_answer() -> None:
    """It is counted and told, but its text is not shown."""
    whole = _planned(30, None)
    ident = whole.ids[7]
    answer = _planned(30, None, stop_token_ids=[ident])
    first = [whole.ids[index] for index in range(30)].index(ident)
    assert answer.tokens == first + 1
    assert answer.stop_reason == ident
    assert answer.text(0, answer.tokens) == whole.text(0, first)


def test_answers_count_as_many_tokens_as_they_have() -> None:
    """An answer that comes back in a prompt has the length that it was told to have."""
    answer = _planned(40, None)
    assert count(answer.text(0, 40)) == 40


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_string_ends_the_answer_on_the_wire(stream: bool) -> None:
    """The text before it, the reason and the string, streamed or not."""

    async def run() -> tuple[list[dict[str, object]], str]:
        app = vllm_app(backend())
        body = {"prompt": "a", "max_tokens": 30}
        whole = (await ask(app, "POST", "/v1/completions", body)).json()["choices"][0]["text"]
        stop = whole.split()[9]
        body |= {"stop": [stop], "stream": stream}
        answer = (await ask(app, "POST", "/v1/completions", body)).body.decode()
        if not stream:
            return json.loads(answer)["choices"], whole[: whole.index(stop)]
        events = [line.removeprefix("data: ") for line in answer.splitlines() if line]
        chunks = [json.loads(event)["choices"][0] for event in events[:-1]]
        return chunks, whole[: whole.index(stop)]

    choices, expected = asyncio.run(run())
    assert "".join(str(choice["text"]) for choice in choices) == expected
    assert choices[-1]["finish_reason"] == "stop"
    assert choices[-1]["stop_reason"]
    assert {choice["finish_reason"] for choice in choices[:-1]} <= {None}


def test_an_id_may_hold_anything() -> None:
    """Each event has it, the first, those that are made quickly, and the last."""
    odd = 'a\x00"\n\u2028'

    async def run() -> list[str]:
        body = {"prompt": "a", "max_tokens": 5, "stream": True, "request_id": odd}
        answer = await ask(vllm_app(backend()), "POST", "/v1/completions", body)
        events = answer.body.decode().split("\n\n")[:-2]
        return [json.loads(event.removeprefix("data: "))["id"] for event in events]

    assert asyncio.run(run()) == [f"cmpl-{odd}"] * 5
