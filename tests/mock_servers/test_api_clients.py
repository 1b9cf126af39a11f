"""What the harness's clients send is what the servers count: so many tokens, in and out."""

from __future__ import annotations

import asyncio

import pytest
from mock_apps import ask
from mock_backends import idle_backend

from mock_servers.jetstream.http_entry import http_entry
from mock_servers.jetstream.orchestrator import Orchestrator
from mock_servers.serving.backend import Backend
from mock_servers.tgi.app import tgi_app
from mock_servers.vllm.app import vllm_app
from scalecert.engines.api_client import ApiClient, Call
from scalecert.engines.registry import engine_kind

SIZES = [(1, 1), (2, 2), (500, 30), (1000, 3)]
PROFILES = {
    "vllm": "vllm_llama-2-7b_l4",
    "tgi": "tgi_llama-2-7b_l4",
    "jetstream": "jetstream_gemma-7b_v5e-x8",
}


def app_of(backend: Backend, engine: str):
    """Return the application that a client asks."""
    if engine == "jetstream":
        return http_entry(Orchestrator(backend), 2**20)
    return {"vllm": vllm_app, "tgi": tgi_app}[engine](backend)


def served(engine: str, call: Call, tokens: tuple[int, int]):
    """Return the answer to a request, and the prompt and answer that the engine was given."""

    async def run():
        backend = idle_backend(PROFILES[engine], speed=1e6)
        given, submit = [], backend.pacer.submit
        backend.pacer.submit = lambda pairs: given.extend(pairs) or submit(pairs)
        answer = await ask(app_of(backend, engine), "POST", call.path, call.body(*tokens))
        return answer, given

    return asyncio.run(run())


@pytest.mark.parametrize("engine", PROFILES)
@pytest.mark.parametrize("tokens", SIZES, ids=str)
@pytest.mark.parametrize("way", ["streamed", "whole"])
def test_so_many_tokens_are_computed_and_read(engine, tokens, way) -> None:
    """The engine gets the prompt's tokens, and the client counts the answer's."""
    client: ApiClient = engine_kind(engine).client((), {})
    call = getattr(client, way)
    answer, given = served(engine, call, tokens)
    assert answer.status == 200
    # JetStream says that an answer has ended by a message of its own, a step later.
    assert given == [(tokens[0], tokens[1] + (engine == "jetstream"))]
    if way == "whole":
        assert call.tokens_of(answer.headers, answer.body) == tokens[1]
    else:
        pieces = answer.body.split(call.piece_end)
        marked = sum(call.token in piece + call.piece_end for piece in pieces[:-1])
        assert marked == tokens[1]


def test_tgi_tells_its_queueing_in_answers_of_one_piece() -> None:
    """In whole milliseconds of the model's time; the head of a stream comes too early for it."""
    client = engine_kind("tgi").client((), {})
    whole, _ = served("tgi", client.whole, (100, 5))
    assert client.whole.queue_seconds(whole.headers) is not None
    streamed, _ = served("tgi", client.streamed, (100, 5))
    assert client.streamed.queue_seconds(streamed.headers) is None


@pytest.mark.parametrize("engine", ["vllm", "tgi"])
@pytest.mark.parametrize("way", ["streamed", "whole"])
def test_a_server_whose_model_loads_is_told_from_one_at_its_limits(engine, way) -> None:
    """Its port is open, which the real one's is not: a client counts it as closed."""
    call = getattr(engine_kind(engine).client((), {}), way)

    async def run():
        app = app_of(idle_backend(PROFILES[engine], ready=False), engine)
        return await ask(app, "POST", call.path, call.body(5, 5))

    answer = asyncio.run(run())
    assert call.is_unready(answer.status, answer.body)


@pytest.mark.parametrize("way", ["streamed", "whole"])
def test_tgi_without_a_permit_refuses(way) -> None:
    """By status 429, in a stream by an event."""
    call = getattr(engine_kind("tgi").client((), {}), way)

    async def run():
        backend = idle_backend(PROFILES["tgi"], "--max-concurrent-requests=1", speed=1.0)
        backend.pacer.submit([(10, 10_0)])
        return await ask(app_of(backend, "tgi"), "POST", call.path, call.body(5, 5))

    answer = asyncio.run(run())
    assert call.is_refusal(answer.status, answer.body)
    assert not call.is_unready(answer.status, answer.body)
