"""Streams that the real router's recorded answers do not show: long, silent or cut off."""

from __future__ import annotations

import json

import pytest
import tgi_backend
from mock_apps import Answer, ask
from virtual_loop import run_in_virtual_time

from mock_servers.tgi.app import tgi_app
from mock_servers.tgi.refusals import overloaded


def posted(
    path: str, body: object, *, speed: float = 1e6, leave_after: int | None = None
) -> Answer:
    """Send a request to a server of its own and return what was answered."""
    app = tgi_app(tgi_backend.backend(speed=speed))
    return run_in_virtual_time(ask(app, "POST", path, body, leave_after=leave_after))


def test_a_stream_without_events_says_that_it_is_alive() -> None:
    """A comment after 15 seconds, which clients of server-sent events pass over."""
    body = {"inputs": "a", "parameters": {"max_new_tokens": 5}}
    answer = posted("/generate_stream", body, speed=1e-3, leave_after=1)
    assert answer.pieces == [b":\n\n"]


def test_an_answer_of_several_segments_is_one_stream() -> None:
    """1,025 tokens are asked for, so the router sends two segments of 1,024, numbered on."""
    parameters = {"max_new_tokens": 1025, "details": True}
    answer = posted("/generate_stream", {"inputs": "a b", "parameters": parameters})
    events = [json.loads(line[6:]) for line in answer.body.decode().splitlines() if line]
    assert [event["index"] for event in events] == list(range(1, 2049))
    assert [event["generated_text"] is None for event in events] == [True] * 2047 + [False]
    assert events[-1]["details"] == {
        "finish_reason": "length",
        "generated_tokens": 2048,
        "seed": None,
        "input_length": 2,
    }


def test_events_of_several_prompts_take_turns() -> None:
    """One of each prompt after the other, as long as it has any."""
    body = {"prompt": ["a", ""], "max_tokens": 3, "stream": True}
    answer = posted("/v1/completions", body)
    lines = [line[6:] for line in answer.body.decode().splitlines() if line]
    assert json.loads(lines[1])["error"]["http_status_code"] == 422
    assert [json.loads(line)["choices"][0]["index"] for line in (lines[0], *lines[2:4])] == [0] * 3
    assert lines[4:] == ["[DONE]"]


@pytest.mark.parametrize("path", ["/generate", "/generate_stream"])
def test_a_server_that_ends_cuts_its_answers_off(path: str) -> None:
    """Killed in the middle, it says nothing more: no event of an error, no end."""
    backend = tgi_backend.backend(speed=1e-3)
    app = tgi_app(backend)

    async def cut() -> Answer:
        import asyncio

        body = {"inputs": "a", "parameters": {"max_new_tokens": 5}}
        asking = asyncio.create_task(ask(app, "POST", path, body))
        while not backend.pacer.outstanding():
            await asyncio.sleep(0)
        backend.pacer.abort()
        return await asking

    answer = run_in_virtual_time(cut())
    assert not answer.complete
    assert answer.pieces == []


def test_a_refusal_reads_alike_in_both_dialects() -> None:
    """On /v1 an event has no type, and always the same status code."""
    refused = overloaded()
    assert json.loads(refused.body) == {"error": "Model is overloaded", "error_type": "overloaded"}
    assert json.loads(refused.openai_body) == {
        "error": {"message": "Model is overloaded", "http_status_code": 422}
    }
