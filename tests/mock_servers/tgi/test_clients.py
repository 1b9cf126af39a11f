"""Real clients against the mock: Hugging Face's and OpenAI's, over real connections."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import OverloadedError, ValidationError
from mock_processes import MockServer, mock_server
from prometheus_client.parser import text_string_to_metric_families

from mock_servers.serving.tokenizer import AnswerIds, word

PROMPT = "What is deep learning"
MESSAGES = [{"role": "user", "content": "hello world"}]


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    """Return a server for two requests at once."""
    flags = ("--max-concurrent-requests", "2")
    with mock_server("tgi", "--profile", "tgi_llama-2-7b_l4", "--speed", "200", *flags) as running:
        yield running


@pytest.fixture(scope="module")
def hugging_face(server: MockServer) -> InferenceClient:
    """Return Hugging Face's client."""
    return InferenceClient(model=server.api, timeout=30)


@pytest.fixture(scope="module")
def open_ai(server: MockServer) -> Iterator[openai.OpenAI]:
    """Return OpenAI's client."""
    with openai.OpenAI(base_url=f"{server.api}/v1", api_key="-", max_retries=0) as client:
        yield client


def text_of(prompt: str, tokens: int) -> str:
    """Return the answer to a prompt."""
    ids = AnswerIds(prompt)
    return "".join(word(ids[index]) for index in range(tokens))


def test_a_text_is_generated(hugging_face: InferenceClient) -> None:
    """Without details the client returns the text alone: by default after its prompt, as / does."""
    assert hugging_face.text_generation(PROMPT, max_new_tokens=5) == PROMPT + text_of(PROMPT, 5)
    alone = hugging_face.text_generation(PROMPT, max_new_tokens=5, return_full_text=False)
    assert alone == text_of(PROMPT, 5)


def test_details_tell_every_token(hugging_face: InferenceClient) -> None:
    """The client reads reason, seed, prefill and tokens into its own types."""
    output = hugging_face.text_generation(
        PROMPT, max_new_tokens=4, details=True, do_sample=True, seed=7, return_full_text=False
    )
    details = output.details
    assert details is not None
    assert (details.finish_reason, details.generated_tokens, details.seed) == ("length", 4, 7)
    assert "".join(token.text for token in details.tokens) == output.generated_text
    assert all(token.logprob < 0.0 for token in details.tokens)


def test_an_answer_without_a_bound_ends_by_itself(hugging_face: InferenceClient) -> None:
    """The last token is the one that says so, and is no part of the text."""
    output = hugging_face.text_generation(PROMPT, details=True)
    assert output.details is not None
    assert output.details.finish_reason == "eos_token"
    assert output.details.generated_tokens == 128
    assert output.details.tokens[-1].special
    assert output.generated_text == PROMPT + text_of(PROMPT, 127)


def test_tokens_are_streamed_with_their_places(hugging_face: InferenceClient) -> None:
    """Indices begin at 1; the last event has the text and the details."""
    events = list(hugging_face.text_generation(PROMPT, max_new_tokens=6, stream=True, details=True))
    assert [event.index for event in events] == [1, 2, 3, 4, 5, 6]
    assert all(event.details is None and event.generated_text is None for event in events[:-1])
    last = events[-1]
    assert last.generated_text == PROMPT + text_of(PROMPT, 6)
    assert last.details is not None
    assert last.details.finish_reason == "length"
    assert last.details.input_length == 4


def test_plain_tokens_are_streamed(hugging_face: InferenceClient) -> None:
    """Without details the client yields texts."""
    pieces = list(hugging_face.text_generation(PROMPT, max_new_tokens=3, stream=True))
    assert "".join(pieces) == text_of(PROMPT, 3)


def test_a_stop_sequence_ends_an_answer(hugging_face: InferenceClient) -> None:
    """The text ends with it."""
    stop = text_of(PROMPT, 3).rpartition(" ")[2]
    output = hugging_face.text_generation(PROMPT, max_new_tokens=20, stop=[stop], details=True)
    assert output.details is not None
    assert output.details.finish_reason == "stop_sequence"
    assert output.generated_text.endswith(stop)
    assert output.details.generated_tokens <= 3


@pytest.mark.parametrize("stream", [False, True])
def test_invalid_parameters_are_a_validation_error(
    hugging_face: InferenceClient, *, stream: bool
) -> None:
    """The status, or the event of a stream, becomes the client's own exception."""
    with pytest.raises(ValidationError, match="`max_new_tokens` must be strictly positive"):
        list(hugging_face.text_generation(PROMPT, max_new_tokens=0, stream=stream))


@pytest.mark.parametrize("stream", [False, True])
def test_a_full_server_is_an_overloaded_error(
    hugging_face: InferenceClient, *, stream: bool
) -> None:
    """429, or an event at status 200, while both permits are held."""
    held = [hugging_face.text_generation(PROMPT, max_new_tokens=800, stream=True) for _ in range(2)]
    for one in held:
        next(iter(one))
    with pytest.raises(OverloadedError, match="Model is overloaded"):
        list(hugging_face.text_generation(PROMPT, max_new_tokens=1, stream=stream))
    for one in held:
        assert len(list(one)) == 799


def test_a_chat_is_completed(open_ai: openai.OpenAI) -> None:
    """Message, reason and usage."""
    answer = open_ai.chat.completions.create(model="tgi", messages=MESSAGES, max_tokens=5)
    (choice,) = answer.choices
    assert choice.finish_reason == "length"
    assert choice.message.content == text_of("user: hello world\nassistant:", 5)
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 5)


def test_a_chat_is_streamed_with_its_usage(open_ai: openai.OpenAI) -> None:
    """A chunk for each token, then one with the usage and no choice."""
    stream = open_ai.chat.completions.create(
        model="tgi",
        messages=MESSAGES,
        max_tokens=5,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = list(stream)
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 4 + ["length"]
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 5


def test_completions_of_several_prompts(open_ai: openai.OpenAI) -> None:
    """A choice for each, usage summed."""
    answer = open_ai.completions.create(model="tgi", prompt=["a", "b c"], max_tokens=2)
    assert [choice.text for choice in answer.choices] == [text_of("a", 2), text_of("b c", 2)]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 4)


def test_a_completion_is_streamed(open_ai: openai.OpenAI) -> None:
    """The last chunk has the reason and the usage; before it reasons are empty."""
    chunks = list(open_ai.completions.create(model="tgi", prompt="a", max_tokens=3, stream=True))
    assert [chunk.choices[0].finish_reason for chunk in chunks] == ["", "", "length"]
    assert "".join(chunk.choices[0].text for chunk in chunks) == text_of("a", 3)
    assert chunks[-1].usage is not None


def test_open_ai_sees_refusals(open_ai: openai.OpenAI) -> None:
    """422 is its own exception, with the router's words as its body."""
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        open_ai.completions.create(model="tgi", prompt="a", max_tokens=0)
    assert refused.value.body == (
        "Input validation error: `max_new_tokens` must be strictly positive"
    )


def test_the_models_are_listed(open_ai: openai.OpenAI) -> None:
    """One: the model that is served."""
    assert [model.id for model in open_ai.models.list()] == ["llama-2-7b"]


def test_the_metrics_page_is_read(server: MockServer, hugging_face: InferenceClient) -> None:
    """The official parser finds the requests of this server."""
    hugging_face.text_generation(PROMPT, max_new_tokens=1)
    _, _, page = server.get("/metrics")
    counted = {family.name: family for family in text_string_to_metric_families(page.decode())}
    assert counted["tgi_request_success"].samples[0].value >= 1.0
