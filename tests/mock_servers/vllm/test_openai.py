"""OpenAI's own client against the mock of vLLM, as a process of its own."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import openai
import pytest
from mock_processes import MockServer, mock_server
from prometheus_client.parser import text_string_to_metric_families

CHAT = [{"role": "user", "content": "What is the weather like?"}]


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    """A server that runs fifty times as fast as its model."""
    flags = ("--max-model-len", "512", "--served-model-name", "llama")
    with mock_server(
        "vllm", "--profile", "vllm_llama-2-7b_l4", "--speed", "50", "--answer-tokens", "7", *flags
    ) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: MockServer) -> Iterator[openai.OpenAI]:
    """A client that asks once."""
    with openai.OpenAI(base_url=f"{server.api}/v1", api_key="none", max_retries=0) as asking:
        yield asking


def test_a_completion_has_as_many_tokens_as_were_asked_for(client: openai.OpenAI) -> None:
    """Text, reason and usage agree."""
    answer = client.completions.create(model="llama", prompt="one two three", max_tokens=9)
    (choice,) = answer.choices
    assert choice.finish_reason == "length"
    assert len(choice.text.split()) == 9
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 9)
    assert answer.id.startswith("cmpl-")
    assert answer.model == "llama"


def test_a_streamed_completion_is_the_one_that_is_not(client: openai.OpenAI) -> None:
    """A chunk for each token, the usage in one of its own, and the same words."""
    asked = {"model": "llama", "prompt": "one two three", "max_tokens": 9}
    whole = client.completions.create(**asked)
    chunks = list(
        client.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    assert "".join(c.choices[0].text for c in chunks[:-1]) == whole.choices[0].text
    assert [c.choices[0].finish_reason for c in chunks[:-1]] == [None] * 8 + ["length"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert {chunk.id for chunk in chunks} == {chunks[0].id}


def test_a_chat_ends_by_itself(client: openai.OpenAI) -> None:
    """Without a bound it has the tokens that the server was started with."""
    answer = client.chat.completions.create(model="llama", messages=CHAT)
    (choice,) = answer.choices
    assert choice.finish_reason == "stop"
    assert choice.message.role == "assistant"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 7


def test_a_streamed_chat_begins_with_its_role(client: openai.OpenAI) -> None:
    """Then its words come, then why it ended, then what it used."""
    chunks = list(
        client.chat.completions.create(
            model="llama",
            messages=CHAT,
            max_completion_tokens=4,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks[:-1]]
    assert (deltas[0].role, deltas[0].content) == ("assistant", "")
    assert len(deltas) == 1 + 4
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4


def test_choices_differ_and_are_told_apart(client: openai.OpenAI) -> None:
    """Each chunk says whose it is, streamed or not."""
    asked = {"model": "llama", "prompt": "tell me", "max_tokens": 6, "n": 3}
    whole = client.completions.create(**asked)
    assert len({choice.text for choice in whole.choices}) == 3
    texts = ["", "", ""]
    for chunk in client.completions.create(**asked, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == [choice.text for choice in whole.choices]


def test_vllms_own_fields_are_taken(client: openai.OpenAI) -> None:
    """`ignore_eos`, `min_tokens` and `return_token_ids`, as `extra_body`."""
    answer = client.chat.completions.create(
        model="llama",
        messages=CHAT,
        max_tokens=30,
        extra_body={"ignore_eos": True, "min_tokens": 30, "return_token_ids": True},
    )
    assert answer.choices[0].finish_reason == "length"
    assert len(answer.choices[0].model_extra["token_ids"]) == 30  # type: ignore[index]


def test_logprobs_are_those_of_a_certain_answer(client: openai.OpenAI) -> None:
    """One for each token, of its own text."""
    answer = client.chat.completions.create(
        model="llama", messages=CHAT, max_tokens=3, logprobs=True, top_logprobs=2
    )
    told = answer.choices[0].logprobs
    assert told is not None
    assert told.content is not None
    assert "".join(one.token for one in told.content) == answer.choices[0].message.content
    assert {one.logprob for one in told.content} == {0.0}


def test_what_is_refused_is_the_error_that_clients_know(client: openai.OpenAI) -> None:
    """By class: bad requests, what there is not."""
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.completions.create(model="other", prompt="a")
    with pytest.raises(openai.BadRequestError, match="max_tokens must be at least 1"):
        client.completions.create(model="llama", prompt="a", max_tokens=-1)
    with pytest.raises(openai.BadRequestError, match="maximum context length is 512 tokens"):
        client.chat.completions.create(
            model="llama", messages=[{"role": "user", "content": "a " * 600}]
        )


def test_models_are_listed(client: openai.OpenAI) -> None:
    """By the name that the model is served by."""
    (model,) = client.models.list().data
    assert model.id == "llama"
    assert model.model_extra is not None
    assert model.model_extra["max_model_len"] == 512


def test_a_client_that_leaves_frees_its_place(server: MockServer, client: openai.OpenAI) -> None:
    """Nothing runs any more soon after it has closed its stream."""
    stream = client.completions.create(model="llama", prompt="a", max_tokens=500, stream=True)
    next(iter(stream))
    stream.close()
    answer = client.completions.create(model="llama", prompt="a", max_tokens=1)
    assert answer.choices[0].finish_reason == "length"
    assert _gauge(server, "vllm:num_requests_running") == 0.0


def _gauge(server: MockServer, name: str) -> float:
    with urllib.request.urlopen(f"{server.api}/metrics") as page:  # noqa: S310 - our own server
        families = text_string_to_metric_families(page.read().decode())
    (value,) = [one.value for family in families for one in family.samples if one.name == name]
    return float(value)


def test_a_full_queue_refuses_with_503() -> None:
    """With `--max-num-queued-reqs`, streamed or not, and it is counted."""
    flags = ("--profile", "vllm_llama-2-7b_l4", "--max-num-queued-reqs", "2")
    with (
        mock_server("vllm", *flags) as full,
        openai.OpenAI(base_url=f"{full.api}/v1", api_key="none", max_retries=0) as client,
    ):
        asked = {"model": "llama-2-7b", "prompt": "a", "max_tokens": 1000}
        streams = [client.completions.create(**asked, stream=True) for _ in range(2)]
        for stream in (False, True):
            with pytest.raises(openai.InternalServerError) as refused:
                client.completions.create(**asked, stream=stream)
            assert refused.value.status_code == 503
            assert "currently busy" in refused.value.message
        for stream in streams:
            stream.close()
        status, _, page = full.get("/metrics")
        assert status == 200
        kept_out = 'vllm:admission_rejections_total{model_name="llama-2-7b",reason="max_num_queued'
        assert f'{kept_out}_reqs"}} 2.0' in page.decode()
