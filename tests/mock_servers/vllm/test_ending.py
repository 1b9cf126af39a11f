"""How a mock of vLLM starts and ends: a load, SIGTERM with and without a time to drain, limits."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from mock_apps import ask
from mock_processes import LIMIT_SECONDS, MockServer, mock_server
from vllm_backend import backend

from mock_servers.vllm.app import vllm_app
from mock_servers.vllm.command import command
from scalecert.errors import UsageError

FLAGS = ("--profile", "vllm_llama-2-7b_l4")
LONG = {"prompt": "a", "max_tokens": 4000, "stream": True}
DONE = "data: [DONE]"


@contextmanager
def _request(server: MockServer, body: object) -> Iterator[http.client.HTTPResponse]:
    """Send a request, and give its answer when it has begun."""
    place = urlsplit(server.api)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=LIMIT_SECONDS)
    try:
        headers = {"content-type": "application/json"}
        connection.request("POST", "/v1/completions", json.dumps(body), headers)
        yield connection.getresponse()
    finally:
        connection.close()


def _events(answer: http.client.HTTPResponse) -> list[str]:
    return [line.decode().strip() for line in answer if line.strip()]


def _reason_now(server: MockServer) -> str:
    """Return how a request ends that comes now."""
    with _request(server, {"prompt": "b", "max_tokens": 1}) as answer:
        assert answer.status == 200
        return str(json.loads(answer.read())["choices"][0]["finish_reason"])


def test_sigterm_aborts_what_runs() -> None:
    """By default nothing is drained: streams are told of an error, and the process ends with 0."""
    with mock_server("vllm", *FLAGS) as server, _request(server, LONG) as answer:
        assert answer.readline().startswith(b"data: {")
        assert server.stop(signal.SIGTERM) == 0
        *_, error, done = _events(answer)
    assert done == DONE
    told = json.loads(error.removeprefix("data: "))["error"]
    assert (told["code"], told["type"]) == (500, "InternalServerError")


def test_a_time_to_drain_lets_what_runs_end() -> None:
    """With `--shutdown-timeout` the server listens on, and aborts what comes still."""
    asked = LONG | {"max_tokens": 60}
    flags = (*FLAGS, "--shutdown-timeout", "25", "--speed", "2")
    with mock_server("vllm", *flags) as server, _request(server, asked) as answer:
        assert answer.readline().startswith(b"data: {")
        server.process.send_signal(signal.SIGTERM)
        while (reason := _reason_now(server)) == "length":
            pass
        events = _events(answer)
        assert server.stop(signal.SIGTERM) == 0
    assert reason == "abort"
    assert json.loads(events[-2].removeprefix("data: "))["choices"][0]["finish_reason"] == "length"
    assert events[-1] == DONE


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_server_that_drains_aborts_what_comes(path: str, stream: bool) -> None:
    """HTTP 200, no token, `abort` as the reason; it counts as an end."""

    async def run() -> tuple[str, str]:
        made = backend()
        app = vllm_app(made)
        made.ending = True
        body = {"prompt": "a", "messages": [{"role": "user", "content": "a"}], "stream": stream}
        answer = await ask(app, "POST", path, body)
        assert answer.status == 200
        return answer.body.decode(), (await ask(app, "GET", "/metrics")).body.decode()

    body, page = asyncio.run(run())
    assert body.count('"finish_reason":"abort"') == 1
    assert body.endswith(f"{DONE}\n\n") is stream
    assert 'finished_reason="abort",model_name="llama-2-7b"} 1.0' in page


def test_nothing_is_answered_while_the_model_is_loaded() -> None:
    """Probes, scrapes and requests see 503."""

    async def run() -> set[int]:
        app = vllm_app(backend(ready=False))
        asked = [("GET", "/health"), ("GET", "/metrics"), ("POST", "/v1/completions")]
        return {(await ask(app, method, path)).status for method, path in asked}

    assert asyncio.run(run()) == {503}


def test_a_body_that_is_too_large_is_refused() -> None:
    """With 413 and an error that clients can read."""

    async def run() -> tuple[int, str]:
        app = vllm_app(backend())
        answer = await ask(app, "POST", "/v1/completions", {"prompt": "a" * (5 << 20)})
        return answer.status, answer.json()["error"]["message"]

    status, message = asyncio.run(run())
    assert status == 413
    assert "4194304 bytes" in message


def test_load_is_told_only_if_the_server_was_told_to_count_it() -> None:
    """`/load` is 0 without `--enable-server-load-tracking`."""

    async def load(*words: str) -> int:
        app = vllm_app(backend(*words, speed=1.0))
        task = asyncio.create_task(ask(app, "POST", "/v1/completions", LONG, leave_after=2))
        while not task.done():
            await asyncio.sleep(0)
            if (told := (await ask(app, "GET", "/load")).json()["server_load"]) or not words:
                break
        await task
        assert (await ask(app, "GET", "/load")).json() == {"server_load": 0}
        return int(told)

    assert asyncio.run(load()) == 0
    assert asyncio.run(load("--enable-server-load-tracking")) == 1


def test_queued_prompt_tokens_are_limited() -> None:
    """With `--max-num-queued-tokens`, those of requests without a first token."""

    async def run() -> tuple[int, str]:
        app = vllm_app(backend("--max-num-queued-tokens", "50", speed=1.0))
        first = asyncio.create_task(
            ask(app, "POST", "/v1/completions", LONG | {"prompt": [1] * 60}, leave_after=1)
        )
        await asyncio.sleep(0)
        answer = await ask(app, "POST", "/v1/completions", {"prompt": "a", "max_tokens": 1})
        first.cancel()
        return answer.status, answer.json()["error"]["message"]

    status, message = asyncio.run(run())
    assert status == 503
    assert "prefill token backlog" in message


@pytest.mark.parametrize("version", ["0.7", "0.34", "new", "0.8.5.1", ""])
def test_versions_that_were_not_read_are_refused(version: str) -> None:
    """`--metrics-version` names those that there are."""
    done = CliRunner().invoke(command, [*FLAGS, "--port", "0", "--metrics-version", version])
    assert isinstance(done.exception, UsageError)
    assert "0.8 to 0.33" in str(done.exception)
