"""Faults on a JetStream mock's gRPC port, which no HTTP application stands before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from jetstream_client import generated, refuses, wait_until
from mock_processes import LIMIT_SECONDS, MockServer, mock_server

MESSAGES, STUBS = generated()
ALIVE = MESSAGES.HealthCheckRequest()
DECODE = MESSAGES.DecodeRequest(
    text_content=MESSAGES.DecodeRequest.TextContent(text="one two"), max_tokens=2
)


@pytest.fixture(scope="module")
def process() -> Iterator[MockServer]:
    """Return a server of gRPC alone."""
    with mock_server(
        "jetstream",
        *("--profile", "jetstream_llama-2-7b_v5e", "--speed", "20", "--faults-port", "0"),
        *("--http-port", "off", "--sidecar-port", "off", "--metrics-port", "off"),
    ) as running:
        yield running


@pytest.fixture
def server(process: MockServer) -> Iterator[MockServer]:
    """Return it without faults."""
    yield process
    assert process.get("/faults", service="faults", method="DELETE")[0] == 200


@pytest.fixture
def stub(server: MockServer) -> Iterator[Any]:
    """Return a client of it that does not wait before it connects again."""
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 50)]
    with grpc.insecure_channel(place(server), options) as channel:
        yield STUBS.OrchestratorStub(channel)


def place(server: MockServer) -> str:
    """Return host and port of its gRPC."""
    return server.addresses["gRPC"].partition("://")[2]


def put(server: MockServer, **faults: object) -> None:
    """Switch faults on."""
    body = json.dumps(faults).encode()
    assert server.get("/faults", service="faults", method="PUT", body=body)[0] == 200


def books(server: MockServer) -> dict[str, int]:
    """Return the books of its gRPC."""
    found: dict[str, int] = json.loads(server.get("/requests", service="faults")[2])["gRPC"]
    return found


def codes(stub: Any, calls: int) -> list[Any]:
    """Return how so many calls end, one after the other."""
    found = []
    for _ in range(calls):
        call = stub.Decode(DECODE, timeout=LIMIT_SECONDS)
        with suppress(grpc.RpcError):
            list(call)
        found.append(call.code())
    return found


def test_a_share_of_calls_fails(server: MockServer, stub: Any) -> None:
    """As a call does whose handler raises; probes do not count."""
    put(server, errorShare=0.5)
    before = books(server)["refused_by_faults"]
    assert stub.HealthCheck(ALIVE, timeout=LIMIT_SECONDS).is_live
    found = codes(stub, 4)
    assert found.count(grpc.StatusCode.UNKNOWN) == found.count(grpc.StatusCode.OK) == 2
    assert books(server)["refused_by_faults"] == before + 2


def test_a_server_that_hangs_answers_late(server: MockServer, stub: Any) -> None:
    """Nobody is answered until it goes on, and then all are."""
    put(server, hang=True)
    call = stub.HealthCheck.future(ALIVE, timeout=LIMIT_SECONDS)
    with pytest.raises(grpc.FutureTimeoutError):
        call.result(timeout=0.3)
    put(server, hang=False)
    assert call.result(timeout=LIMIT_SECONDS).is_live


def test_a_server_that_refuses_lets_running_answers_go_on(server: MockServer, stub: Any) -> None:
    """New connections find nobody; later the port is the same."""
    running = stub.Decode(
        MESSAGES.DecodeRequest(text_content=DECODE.text_content, max_tokens=300),
        timeout=LIMIT_SECONDS,
    )
    next(running)
    put(server, refuse=True)
    wait_until(lambda: refuses(place(server)))
    assert len(list(running)) == 301
    put(server, refuse=False)
    stub.HealthCheck(ALIVE, timeout=LIMIT_SECONDS, wait_for_ready=True)


def test_every_call_is_in_one_account(server: MockServer, stub: Any) -> None:
    """Finished, refused, disconnected: together they are what was received."""
    before = books(server)
    codes(stub, 2)
    with pytest.raises(grpc.RpcError):
        list(stub.Decode(MESSAGES.DecodeRequest(), timeout=LIMIT_SECONDS))
    put(server, slowdown=1000.0)
    cancelled = stub.Decode(DECODE, timeout=LIMIT_SECONDS)
    wait_until(lambda: books(server)["received"] == before["received"] + 4)
    cancelled.cancel()
    wait_until(lambda: not books(server)["outstanding"])
    after = books(server)
    changes = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert changes == {"received": 4, "finished": 2, "refused": 1, "disconnected": 1}


def test_a_model_that_loads_again_answers_nobody(server: MockServer, stub: Any) -> None:
    """Calls fail as those of a server that has just gone."""
    put(server, loadingSeconds=600.0)
    assert codes(stub, 1) == [grpc.StatusCode.UNAVAILABLE]
    put(server, loadingSeconds=0.0)
    wait_until(lambda: codes(stub, 1) == [grpc.StatusCode.OK])
