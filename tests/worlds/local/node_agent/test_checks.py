"""Probes' questions, to servers that answer one way or another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import grpc
import grpc.aio
import pytest

from scalecert.policy.manifests import Exec
from scalecert.worlds.local.node_agent.checks import NotRunnable, check_of
from scalecert.worlds.local.node_agent.pod_objects import (
    GrpcAction,
    HttpGetAction,
    HttpHeader,
    ProbeSpec,
    TcpSocketAction,
)

HOST = "127.0.0.1"
Answer = Callable[[bytes], bytes | None]


def asked(probe: ProbeSpec, port: int, *, instead: int = 1) -> Awaitable[bool]:
    other = HttpGetAction(port=instead, path="/health")
    return check_of(probe, HOST, {"http": port}, instead=other)()


async def with_server(answer: Answer, ask: Callable[[int], Awaitable[bool]]) -> bool:
    """Ask a server that answers each request head by a function; None: it does not."""
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())  # type: ignore[arg-type] - it is in one
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            said = answer(await reader.readuntil(b"\r\n\r\n"))
            if said is None:
                await reader.read()
            else:
                writer.write(said)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        answered = await ask(server.sockets[0].getsockname()[1])
        await asyncio.gather(*serving)
    return answered


@pytest.mark.parametrize(
    ("status", "succeeds"), [(200, True), (302, True), (399, True), (400, False), (503, False)]
)
def test_http_succeeds_from_200_to_399(status: int, succeeds: bool):
    """What the body says does not matter."""
    probe = ProbeSpec(http_get=HttpGetAction(port="http", path="/health"))
    answer = f"HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\n\r\n".encode()
    assert asyncio.run(with_server(lambda _: answer, lambda at: asked(probe, at))) is succeeds


def test_a_request_is_that_of_a_kubelet():
    """Its headers may be replaced by the manifest's."""
    heads: list[str] = []

    def answer(head: bytes) -> bytes:
        heads.append(head.decode())
        return b"HTTP/1.1 200 OK\r\n\r\n"

    header = (HttpHeader("host", "example.com"), HttpHeader("X-Asks", "me"))
    probe = ProbeSpec(http_get=HttpGetAction(port="http", path="/up?a=1", http_headers=header))
    assert asyncio.run(with_server(answer, lambda at: asked(probe, at)))
    lines = heads[0].split("\r\n")
    assert lines[0] == "GET /up?a=1 HTTP/1.1"
    assert {"Host: example.com", "X-Asks: me", "Accept: */*"} <= set(lines)


@pytest.mark.parametrize("answer", [None, b"", b"SSH-2.0\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_whoever_does_not_answer_in_time_has_failed(answer: bytes | None):
    """So has one that says something else, or nothing."""
    probe = ProbeSpec(http_get=HttpGetAction(port="http"), timeout_seconds=1)
    assert not asyncio.run(with_server(lambda _: answer, lambda at: asked(probe, at)))


def test_tcp_succeeds_where_somebody_listens():
    """And fails where nobody does."""
    probe = ProbeSpec(tcp_socket=TcpSocketAction(port="http"))
    assert asyncio.run(with_server(lambda _: None, lambda at: asked(probe, at)))
    assert not asyncio.run(_to_a_closed_port(probe))


async def _to_a_closed_port(probe: ProbeSpec) -> bool:
    server = await asyncio.start_server(lambda *_: None, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return await asked(probe, port)


def test_a_command_is_replaced_by_the_servers_health():
    """There is no container that it could run in."""
    probe = ProbeSpec(exec=Exec(("cat", "ready")))
    heads: list[bytes] = []

    def answer(head: bytes) -> bytes:
        heads.append(head)
        return b"HTTP/1.1 200 OK\r\n\r\n"

    assert asyncio.run(with_server(answer, lambda at: asked(probe, 1, instead=at)))
    assert heads[0].startswith(b"GET /health ")


@pytest.mark.parametrize(
    "probe",
    [
        ProbeSpec(),
        ProbeSpec(http_get=HttpGetAction(port="https", path="/")),
        ProbeSpec(http_get=HttpGetAction(port=1, scheme="HTTPS")),
        ProbeSpec(tcp_socket=TcpSocketAction(port="metrics")),
    ],
)
def test_what_can_not_be_asked_is_said(probe: ProbeSpec):
    """A port that the container does not have, TLS, or nothing at all."""
    with pytest.raises(NotRunnable):
        check_of(probe, HOST, {"http": 1}, instead=HttpGetAction(port=1))


@pytest.mark.parametrize(("name", "succeeds"), [("up", True), ("down", False), ("unknown", False)])
def test_grpc_asks_the_health_service(name: str, succeeds: bool):
    """Of the service that the manifest names; one that it does not know is not healthy."""

    async def check(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        if b"unknown" in request:
            await context.abort(grpc.StatusCode.NOT_FOUND)
        assert request[:2] in (b"\n\x02", b"\n\x04")
        return b"\x08\x01" if request.endswith(b"up") else b"\x08\x02"

    async def run() -> bool:
        server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(check)
        service = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler})
        server.add_generic_rpc_handlers((service,))
        port = server.add_insecure_port(f"{HOST}:0")
        await server.start()
        try:
            return await asked(ProbeSpec(grpc=GrpcAction(port, name), timeout_seconds=9), port)
        finally:
            await server.stop(None)

    assert asyncio.run(run()) is succeeds
