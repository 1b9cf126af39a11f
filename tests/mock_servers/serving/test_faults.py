"""Faults: each shows as the real one would, can be switched off again, and balances the books."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from mock_processes import LIMIT_SECONDS, MockServer, mock_server

ARGUMENTS = ("vllm", "--profile", "vllm_llama-2-7b_l4", "--speed", "20", "--faults-port", "0")
NOTHING: dict[str, Any] = {
    "crash": False,
    "hang": False,
    "slowdown": 1.0,
    "refuse": False,
    "errorShare": 0.0,
    "metrics": "on",
    "loadingSeconds": 0.0,
}


@pytest.fixture(scope="module")
def process() -> Iterator[MockServer]:
    """One process for all tests here that let it live."""
    with mock_server(*ARGUMENTS) as server:
        yield server


@pytest.fixture
def server(process: MockServer) -> Iterator[MockServer]:
    """The process, without faults before and after."""
    yield process
    assert call(process, "DELETE") == (200, NOTHING)
    assert ask(process) == 200


def call(server: MockServer, method: str, body: object = None) -> tuple[int, Any]:
    raw = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    status, _, answer = server.get("/faults", service="faults", method=method, body=raw)
    return status, json.loads(answer)


def put(server: MockServer, **faults: object) -> None:
    status, now = call(server, "PUT", faults)
    assert status == 200
    assert {name: now[name] for name in faults} == faults


def books(server: MockServer) -> dict[str, int]:
    found: dict[str, int] = json.loads(server.get("/requests", service="faults")[2])["API"]
    return found


def ask(server: MockServer, tokens: int = 3) -> int:
    body = {"model": "llama-2-7b", "prompt": "one two", "max_tokens": tokens, "stream": True}
    return server.post("/v1/completions", json.dumps(body).encode())[0]


def begin(server: MockServer, tokens: int) -> http.client.HTTPConnection:
    """Send a request, and leave it to itself until the server has it."""
    connection = http.client.HTTPConnection(urlsplit(server.api).netloc, timeout=LIMIT_SECONDS)
    body = {"model": "llama-2-7b", "prompt": "one two", "max_tokens": tokens, "stream": True}
    before = books(server)["received"]
    connection.request(
        "POST", "/v1/completions", json.dumps(body), {"content-type": "application/json"}
    )
    while books(server)["received"] == before:
        pass
    return connection


def silence(server: MockServer, seconds: float = 0.2) -> bool:
    """Tell whether a new connection is accepted, and a request on it not answered."""
    place = urlsplit(server.api)
    with socket.create_connection((place.hostname, place.port), LIMIT_SECONDS) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        client.settimeout(seconds)
        try:
            return client.recv(1) == b"?"
        except TimeoutError:
            return True


def test_nothing_is_wrong_by_itself(server: MockServer) -> None:
    """All faults are shown, and off."""
    assert call(server, "GET") == (200, NOTHING)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"hang": 1}', "PUT /faults:1: hang: found 1, expected true or false"),
        (b'{"hangs": true}', "PUT /faults:1: hangs: found an unknown field (did you mean hang?)"),
        (b'{"slowdown": "3"}', 'PUT /faults:1: slowdown: found "3", expected a number'),
        (b'{"slowdown": 0.5}', "PUT /faults:1: slowdown: found 0.5, expected a number >= 1.0"),
        (b'{"errorShare": 2}', "PUT /faults:1: errorShare: found 2, expected a number <= 1.0"),
        (b'{"crash": 256}', "PUT /faults:1: crash: found 256, expected a whole number <= 255"),
        (b'{"crash": 0.5}', "PUT /faults:1: crash: found 0.5, expected "),
        (b'{"loadingSeconds": NaN}', 'PUT /faults:1: loadingSeconds: found "NaN", expected a num'),
        (b'{"metrics": "of"}', 'PUT /faults:1: metrics: found "of", expected one of frozen, off, '),
        (b"[true]", "PUT /faults:1: found a list, expected a mapping"),
        (b"true", "PUT /faults:1: found true, expected a mapping"),
        (b"{", "PUT /faults:1: "),
        (b"", 'PUT /faults: expected a JSON object such as {"hang": true}'),
        (b"\xff", "PUT /faults:1: found the byte 0xff at offset 0, expected UTF-8"),
        (b"[" * 4000, "PUT /faults:1: "),
    ],
)
def test_what_is_no_fault_is_one_clear_line(server: MockServer, body: bytes, error: str) -> None:
    """Unknown names, wrong types, no JSON; and nothing is changed by them."""
    status, answer = call(server, "PUT", body)
    assert status == 400
    assert answer["error"].startswith(error)
    assert "\n" not in answer["error"]
    assert call(server, "GET") == (200, NOTHING)


def test_other_requests_are_told_what_there_is(server: MockServer) -> None:
    """Another path, another method, a body that is too long."""
    path = server.get("/", service="faults")
    assert (path[0], json.loads(path[2])["error"]) == (
        404,
        "/: expected GET, PUT and DELETE /faults, GET /requests",
    )
    assert call(server, "POST", {})[0] == 405
    assert call(server, "PUT", b" " * 5000)[0] == 413


def test_a_share_of_requests_fails(server: MockServer) -> None:
    """As the server's own internal error; probes and scrapes don't count, the books do."""
    before = books(server)
    put(server, errorShare=0.5)
    found = []
    for _ in range(4):
        found.append(ask(server))
        assert server.get("/health")[0] == server.get("/metrics")[0] == 200
    after = books(server)
    assert found == [200, 500, 200, 500]
    assert after["refused_by_faults"] - before["refused_by_faults"] == 2
    assert after["refused"] - before["refused"] == 2
    assert after["received"] - before["received"] == 12


def test_metrics_can_be_off(server: MockServer) -> None:
    """404, as if there were no such page; the API goes on."""
    put(server, metrics="off")
    assert server.get("/metrics")[0] == 404
    assert ask(server) == 200
    put(server, metrics="on")
    assert server.get("/metrics")[0] == 200


def test_metrics_can_be_frozen(server: MockServer) -> None:
    """The page of the moment when it was set, whatever happens after it."""
    before = server.get("/metrics")[2]
    put(server, metrics="frozen")
    assert ask(server) == 200
    frozen = server.get("/metrics")
    assert frozen[0] == 200
    assert frozen[2].count(b"\n") == before.count(b"\n")
    assert server.get("/metrics")[2] == frozen[2]
    put(server, metrics="on")
    assert server.get("/metrics")[2] != frozen[2]


def test_it_can_refuse_connections(server: MockServer) -> None:
    """Idle connections are closed, running answers go on, and later all is as it was."""
    idle = http.client.HTTPConnection(urlsplit(server.api).netloc, timeout=LIMIT_SECONDS)
    idle.request("GET", "/health")
    idle.getresponse().read()
    running = begin(server, tokens=200)
    put(server, refuse=True)
    with pytest.raises(ConnectionRefusedError):
        server.get("/health")
    assert idle.sock is not None
    assert idle.sock.recv(1) == b""
    assert b"[DONE]" in running.getresponse().read()
    put(server, refuse=False)
    assert server.get("/health")[0] == 200
    idle.close()
    running.close()


def test_a_port_that_was_taken_meanwhile_is_one_line(server: MockServer) -> None:
    """It stays refused, until the port is free again."""
    put(server, refuse=True)
    place = urlsplit(server.api)
    with socket.create_server((place.hostname, place.port)):
        status, answer = call(server, "PUT", {"refuse": False})
        assert status == 400
        assert answer["error"].startswith(f"port {place.port} on 127.0.0.1: address already in use")
        assert call(server, "GET")[1]["refuse"] is True
    put(server, refuse=False)


def test_it_can_hang(server: MockServer) -> None:
    """The kernel accepts connections, nothing answers, no token comes; then all goes on."""
    running = begin(server, tokens=500)
    put(server, hang=True)
    stands = books(server)
    assert silence(server)
    assert books(server) == stands
    put(server, hang=False)
    assert running.getresponse().read().count(b'"text"') == 500
    running.close()
    while books(server)["outstanding"]:
        pass
    after = books(server)
    assert after["disconnected"] + after["finished"] == (
        stands["disconnected"] + stands["finished"] + 2
    )


def test_who_leaves_during_a_hang_is_booked_after_it(server: MockServer) -> None:
    """Their requests count as disconnected; the engine lets them go."""
    before = books(server)
    running = begin(server, tokens=500)
    put(server, hang=True)
    running.close()
    put(server, hang=False)
    while books(server)["outstanding"]:
        pass
    assert books(server)["disconnected"] == before["disconnected"] + 1


def test_it_can_be_slow(server: MockServer) -> None:
    """The model takes N times as long; and as long as before once that is over."""
    put(server, slowdown=1000)
    running = begin(server, tokens=300)
    assert running.sock is not None
    running.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        read_to_the_end(running)
    put(server, slowdown=1)
    running.close()
    assert ask(server, tokens=300) == 200


def read_to_the_end(connection: http.client.HTTPConnection) -> None:
    while connection.sock.recv(65536):
        pass


def test_it_can_load_its_model_again(server: MockServer) -> None:
    """Not ready for so long; asked for 0, it is ready at once."""
    status, now = call(server, "PUT", {"loadingSeconds": 3600})
    assert status == 200
    assert 0 < now["loadingSeconds"] <= 3600
    assert server.get("/health")[0] == 503
    put(server, slowdown=2)
    assert 0 < call(server, "GET")[1]["loadingSeconds"] <= 3600
    put(server, loadingSeconds=0)
    assert server.get("/health")[0] == 200


@pytest.mark.parametrize(("how", "code"), [(True, -signal.SIGKILL), (3, 3), (0, 0)])
def test_it_can_crash(how: bool | int, code: int) -> None:
    """As by SIGKILL, or with an exit code; who asked for it is answered first."""
    with mock_server(*ARGUMENTS) as server:
        put(server, crash=how)
        assert server.process.wait(LIMIT_SECONDS) == code


def test_a_server_that_hangs_ends_when_told_to() -> None:
    """SIGTERM ends it, with requests that would never end."""
    with mock_server(*ARGUMENTS) as server:
        running = begin(server, tokens=500)
        put(server, hang=True)
        assert server.stop(signal.SIGTERM) == 0
        running.close()


def test_faults_are_on_loopback_alone() -> None:
    """Wherever the API listens; and nowhere unless they are asked for."""
    with mock_server(*ARGUMENTS, "--host", "0.0.0.0") as server:  # noqa: S104 - what is tested
        assert server.api.startswith("http://0.0.0.0:")
        assert server.addresses["faults"].startswith("http://127.0.0.1:")
    with mock_server(*ARGUMENTS[:-2]) as server:
        assert list(server.addresses) == ["API"]
