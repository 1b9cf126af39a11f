"""What a probe asks of a pod: HTTP, TCP or gRPC, from this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from scalecert.worlds.local.node_agent.pod_objects import GrpcAction, HttpGetAction, ProbeSpec

Check = Callable[[], Awaitable[bool]]
"""Asks once; what can't be reached or does not answer in time has not succeeded."""

_SERVING = b"\x08\x01"
"""grpc.health.v1.HealthCheckResponse with status SERVING."""
_HEALTH_METHOD = "/grpc.health.v1.Health/Check"
_OK, _BAD_REQUEST = 200, 400


class NotRunnable(ValueError):  # noqa: N818 - it is a fact about a probe
    """A probe asks for something that nothing here can do."""


def check_of(
    probe: ProbeSpec, address: str, ports: Mapping[str, int], *, instead: HttpGetAction
) -> Check:
    """Return how a probe is asked.

    Args:
        probe: as the manifest has it.
        address: of the pod.
        ports: of the container, by name.
        instead: what is asked where the probe runs a command, for which there is no container.

    Raises:
        NotRunnable: if it names a port that there is not, or nothing that can be asked.
    """
    timeout = float(probe.timeout_seconds or 1)
    if probe.tcp_socket is not None:
        host = probe.tcp_socket.host or address
        port = _port(probe.tcp_socket.port, ports)
        return lambda: within(timeout, _connects(host, port))
    if probe.grpc is not None:
        action = probe.grpc
        return lambda: within(timeout, _is_serving(address, action))
    asked = probe.http_get or (instead if probe.exec is not None else None)
    if asked is None:
        raise NotRunnable("the probe has no action")
    if asked.scheme.upper() != "HTTP":
        raise NotRunnable(f"no mock server speaks {asked.scheme}")
    host, port = asked.host or address, _port(asked.port, ports)
    request = _request(asked, host, port)
    return lambda: within(timeout, _answers(host, port, request))


async def within(seconds: float, asking: Awaitable[bool]) -> bool:
    """Return what was answered, False if nothing was in time or nobody is there."""
    with suppress(TimeoutError, OSError, asyncio.IncompleteReadError, ValueError):
        async with asyncio.timeout(seconds):
            return await asking
    return False


def _port(port: int | str, ports: Mapping[str, int]) -> int:
    if isinstance(port, int):
        return port
    if port in ports:
        return ports[port]
    if port.isdecimal():
        return int(port)
    raise NotRunnable(f"the container has no port {port}")


def _request(asked: HttpGetAction, host: str, port: int) -> bytes:
    """Return a probe's request, with the headers that a kubelet adds (probe/http/request.go)."""
    headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1.36", "Accept": "*/*"}
    given = {one.name.title(): one.value for one in asked.http_headers}
    lines = [
        f"{name}: {text}" for name, text in {**headers, **given, "Connection": "close"}.items()
    ]
    path = asked.path if asked.path.startswith("/") else f"/{asked.path}"
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")


async def _answers(host: str, port: int, request: bytes) -> bool:
    """Tell whether a server answers with a status from 200 to 399; redirects are not followed."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        line = await reader.readline()
    finally:
        writer.transport.abort()
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/"):
        return False
    return _OK <= int(rest[:3]) < _BAD_REQUEST


async def _connects(host: str, port: int) -> bool:
    _, writer = await asyncio.open_connection(host, port)
    writer.transport.abort()
    return True


async def _is_serving(host: str, action: GrpcAction) -> bool:
    """Ask gRPC's health service; a server that has none is not healthy (pkg/probe/grpc)."""
    from grpc import aio  # type: ignore[import-untyped]

    name = action.service.encode()
    request = b"\n" + bytes([len(name)]) + name if name else b""
    async with aio.insecure_channel(f"{host}:{action.port}") as channel:
        ask = channel.unary_unary(_HEALTH_METHOD)
        try:
            return bool(await ask(request) == _SERVING)
        except aio.AioRpcError:
            return False
