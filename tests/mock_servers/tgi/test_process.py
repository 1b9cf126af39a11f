"""How a mock of TGI starts and ends, and what it takes of connections."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from mock_processes import LIMIT_SECONDS, MockServer, mock_server

FLAGS = ("--profile", "tgi_llama-2-7b_l4")
PATH = "/generate_stream"


def place_of(server: MockServer) -> tuple[str, int]:
    """Return host and port of the API."""
    place = urlsplit(server.api)
    assert place.hostname is not None
    assert place.port is not None
    return place.hostname, place.port


@contextmanager
def streamed(server: MockServer, tokens: int) -> Iterator[http.client.HTTPResponse]:
    """Ask for a stream, and give it when it has begun."""
    connection = http.client.HTTPConnection(*place_of(server), timeout=LIMIT_SECONDS)
    try:
        body = json.dumps({"inputs": "a", "parameters": {"max_new_tokens": tokens}})
        connection.request("POST", PATH, body, {"content-type": "application/json"})
        yield connection.getresponse()
    finally:
        connection.close()


def refuses(server: MockServer) -> bool:
    """Tell whether connections are refused."""
    try:
        socket.create_connection(place_of(server), timeout=LIMIT_SECONDS).close()
    except ConnectionRefusedError:
        return True
    return False


def test_nothing_is_well_until_the_model_is_loaded() -> None:
    """A probe gets 503, and so does whoever asks for an answer."""
    unhealthy = {"error": "unhealthy", "error_type": "healthcheck"}
    with mock_server("tgi", *FLAGS, "--startup-delay", "1s", ready=False) as server:
        for method, path in (("GET", "/health"), ("GET", "/metrics"), ("POST", "/generate")):
            status, _, body = server.get(path, method=method)
            assert (status, json.loads(body)) == (503, unhealthy)
        server.wait_for_line("ready")
        status, headers, body = server.get("/health")
        assert (status, body) == (200, b"")
        assert "content-type" not in headers
        assert "server" not in headers


def test_variables_of_the_environment_set_limits_as_the_launchers_do() -> None:
    """The command line goes before them."""
    env = {"MAX_TOTAL_TOKENS": "512", "MAX_INPUT_TOKENS": "300"}
    with mock_server("tgi", *FLAGS, "--max-input-tokens", "200", env=env) as server:
        info = json.loads(server.get("/info")[2])
    assert (info["max_total_tokens"], info["max_input_tokens"]) == (512, 200)


def test_sigterm_lets_requests_end_and_nobody_in() -> None:
    """Running answers are complete; new and idle connections are closed; the end is orderly."""
    with (
        mock_server("tgi", *FLAGS, "--speed", "20") as server,
        socket.create_connection(place_of(server), timeout=LIMIT_SECONDS) as idle,
        streamed(server, 400) as answer,
    ):
        idle.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert idle.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
        assert answer.readline().startswith(b"data: ")
        server.process.send_signal(signal.SIGTERM)
        assert idle.recv(1 << 16) == b""
        assert refuses(server)
        events = [line for line in answer if line.startswith(b"data: ")]
        assert json.loads(events[-1][len(b"data: ") :])["index"] == 400
        assert server.process.wait(LIMIT_SECONDS) == 0


@pytest.mark.parametrize(
    "flags", [("--grace", "3s"), ("--graceful-termination-timeout", "1"), ("-g", "1")]
)
def test_what_lasts_longer_than_the_grace_is_cut_off(flags: tuple[str, str]) -> None:
    """The launcher kills the router after its timeout, the kubelet both after the pod's."""
    with mock_server("tgi", *FLAGS, *flags) as server, streamed(server, 4000) as answer:
        assert answer.readline().startswith(b"data: ")
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        assert server.process.wait(LIMIT_SECONDS) == 0
        assert time.monotonic() - begun < LIMIT_SECONDS


def test_an_answer_that_was_not_begun_is_no_answer() -> None:
    """The connection of a request whose answer is not streamed is closed without a status."""
    with mock_server("tgi", *FLAGS, "-g", "0") as server:
        connection = http.client.HTTPConnection(*place_of(server), timeout=LIMIT_SECONDS)
        body = json.dumps({"inputs": "a", "parameters": {"max_new_tokens": 4000}})
        connection.request("POST", "/generate", body, {"content-type": "application/json"})
        while b"tgi_batch_current_size 1" not in server.get("/metrics")[2]:
            pass
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()
        connection.close()


def test_a_pod_without_requests_ends_at_once() -> None:
    """Nobody is waited for."""
    with mock_server("tgi", *FLAGS) as server:
        assert server.stop(signal.SIGTERM) == 0


def test_bodies_beyond_the_payload_limit_are_refused() -> None:
    """413 in plain text, whether or not the length is said; the flag moves the limit."""
    with mock_server("tgi", *FLAGS, "--payload-limit", "100") as server:
        body = json.dumps({"inputs": "a" * 100}).encode()
        status, answer = server.post("/generate", body)
        assert (status, answer) == (
            413,
            b"Failed to buffer the request body: length limit exceeded",
        )
        connection = http.client.HTTPConnection(*place_of(server), timeout=LIMIT_SECONDS)
        headers = {"content-type": "application/json"}
        connection.request("POST", "/generate", iter([body]), headers, encode_chunked=True)
        assert connection.getresponse().status == 413
        connection.close()


def test_a_key_is_asked_for_where_the_router_asks() -> None:
    """Of POST requests alone, and without regard to case."""
    with mock_server("tgi", *FLAGS, "--api-key", "Secret") as server:
        body = b'{"inputs":"a","parameters":{"max_new_tokens":1}}'
        assert server.post("/generate", body) == (401, b"")
        assert server.get("/health")[0] == 200
        connection = http.client.HTTPConnection(*place_of(server), timeout=LIMIT_SECONDS)
        headers = {"content-type": "application/json", "authorization": "bearer SECRET"}
        connection.request("POST", "/generate", body, headers)
        assert connection.getresponse().status == 200
        connection.close()


def test_a_head_with_too_many_headers_is_refused() -> None:
    """431 without a body, as hyper has it at 101 headers."""
    with mock_server("tgi", *FLAGS) as server:
        lines = b"".join(b"x-%d: a\r\n" % number for number in range(101))
        with socket.create_connection(place_of(server), timeout=LIMIT_SECONDS) as client:
            client.sendall(b"GET /health HTTP/1.1\r\n" + lines + b"\r\n")
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 431 ")
