"""How engines are asked: plain data, of which every server makes so many tokens."""

from __future__ import annotations

import json

import msgspec
import pytest

from scalecert.engines.api_client import ApiClient, Call
from scalecert.engines.registry import engine_kind, engine_names


@pytest.mark.parametrize("name", engine_names())
def test_a_client_can_be_sent_to_another_process(name: str) -> None:
    """It comes back the same from JSON, endless idle time included."""
    client = engine_kind(name).client((), {})
    assert msgspec.json.decode(msgspec.json.encode(client), type=ApiClient) == client


@pytest.mark.parametrize("name", engine_names())
@pytest.mark.parametrize("tokens", [(1, 1), (2, 7), (4000, 1500)])
def test_bodies_are_json(name: str, tokens: tuple[int, int]) -> None:
    """Shortest and longest prompts alike."""
    client = engine_kind(name).client((), {})
    for call in (client.streamed, client.whole):
        assert json.loads(call.body(*tokens))


@pytest.mark.parametrize(
    ("name", "words", "env", "port"),
    [
        ("vllm", (), {}, 8000),
        ("vllm", ("serve", "m/m", "--port", "8100"), {}, 8100),
        ("tgi", (), {}, 80),
        ("tgi", ("--port=8080",), {}, 8080),
        ("tgi", (), {"PORT": "8081"}, 8081),
        ("jetstream", ("model_name=gemma-7b",), {}, 8080),
        ("jetstream", ("-m", "jetstream.entrypoints.http.api_server", "--port=8090"), {}, 8090),
    ],
)
def test_requests_go_to_the_port_that_the_command_line_says(name, words, env, port) -> None:
    """Else to the engine's default."""
    assert engine_kind(name).client(words, env).port == port


@pytest.mark.parametrize(
    ("name", "words", "env"),
    [
        ("vllm", ("--api-key", "secret"), {}),
        ("vllm", (), {"VLLM_API_KEY": "secret"}),
        ("tgi", ("--api-key=secret",), {}),
    ],
)
def test_a_key_that_the_manifest_says_is_sent(name, words, env) -> None:
    """A server that asks for one answers nobody else."""
    assert engine_kind(name).client(words, env).headers == {"authorization": "Bearer secret"}
    assert engine_kind(name).client((), {}).headers == {}


def test_vllm_is_asked_by_the_name_that_it_serves() -> None:
    """It refuses another one; where nothing says, none is sent."""
    kind = engine_kind("vllm")
    named = json.loads(kind.client(("serve", "org/model"), {}).streamed.body(3, 4))
    assert named["model"] == "org/model"
    assert "model" not in json.loads(kind.client((), {}).streamed.body(3, 4))


def test_jetstream_of_pytorch_gives_as_many_tokens_as_it_is_asked_for() -> None:
    """MaxText's gives one more (docs/mock-servers.md)."""
    kind = engine_kind("jetstream")
    asked = {
        words: json.loads(kind.client(words, {}).streamed.body(3, 9))["max_tokens"]
        for words in ((), ("jpt", "serve", "--model_id", "m", "--override_batch_size=4"))
    }
    assert list(asked.values()) == [8, 9]


CALL = Call(path="/", before=b"", word=b"w", between=b"|", after=b"", token=b"tok")


@pytest.mark.parametrize(
    ("call", "headers", "body", "tokens"),
    [
        ({"tokens_header": "x-n"}, {"x-n": "12"}, b"", 12),
        ({"tokens_header": "x-n"}, {}, b"tok", 0),
        ({"tokens_mark": b'"n":'}, {}, b'{"n":1,"usage":{"n": 34}}', 34),
        ({"tokens_mark": b'"n":'}, {}, b'{"n":null}', 0),
        ({}, {}, b"tok tok tok", 3),
    ],
)
def test_an_answer_in_one_piece_tells_its_tokens(call, headers, body, tokens) -> None:
    """In a header, as a number in its body, or by having them."""
    assert msgspec.structs.replace(CALL, **call).tokens_of(headers, body) == tokens


def test_queueing_is_told_in_milliseconds_or_not_at_all() -> None:
    """Several headers add up; one that is missing makes it unknown."""
    call = msgspec.structs.replace(CALL, queue_headers=("x-a", "x-b"))
    assert call.queue_seconds({"x-a": "1", "x-b": "250"}) == 0.251
    assert call.queue_seconds({"x-a": "1"}) is None
    assert CALL.queue_seconds({"x-a": "1"}) is None


@pytest.mark.parametrize(
    ("status", "said", "refused"),
    [
        (429, b"", True),
        (503, b"", True),
        (422, b"", True),
        (500, b"", False),
        (200, b"", False),
        (200, b'data: {"error":"full"}', True),
    ],
)
def test_servers_at_their_limits_refuse(status, said, refused) -> None:
    """By status, or in a stream that has begun; an internal error is no refusal."""
    call = msgspec.structs.replace(CALL, refusals=(b'"error":"full"',))
    assert call.is_refusal(status, said) == refused
