"""The HTTP server that GKE puts beside a JetStream server, in a container of its own.

ai-on-gke/tutorials-and-examples, inference-servers/jetstream/http-server/http_server.py: it calls
the gRPC port on the same host, whatever `server` and `port` in a request say, and runs before the
model is loaded.
"""

from __future__ import annotations

from functools import partial
from uuid import uuid4

from mock_servers.jetstream.answers import PIECES
from mock_servers.jetstream.http import (
    Failed,
    application,
    pretty,
    protobuf_problem,
    read_fields,
    refuse_problems,
)
from mock_servers.jetstream.orchestrator import Orchestrator
from mock_servers.jetstream.wire import DecodeRequest
from mock_servers.serving.following import follow
from mock_servers.serving.http import JSON, Exchange, Routes
from mock_servers.serving.pydantic_fields import boolean, integer, optional, text
from scalecert.clock import unix_seconds
from scalecert.engines.request_log import Status

_REFUSED = (
    "<AioRpcError of RPC that terminated with:\n"
    "\tstatus = StatusCode.UNAVAILABLE\n"
    '\tdetails = "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:9000:'
    ' Failed to connect to remote host: connect: Connection refused (111)"\n'
    ">"
)
"""What it makes of a gRPC port on which nothing listens."""
_CLOSED = (
    "<AioRpcError of RPC that terminated with:\n"
    "\tstatus = StatusCode.UNAVAILABLE\n"
    '\tdetails = "Socket closed"\n'
    ">"
)
"""What it makes of a server that goes away in the middle of an answer."""


def sidecar(orchestrator: Orchestrator, most_body_bytes: int) -> Routes:
    """Return the application."""

    async def root(exchange: Exchange) -> None:
        await exchange.reply(200, pretty({"message": "HTTP Server for JetStream"}))

    async def healthcheck(exchange: Exchange) -> None:
        if not orchestrator.is_live:
            raise Failed(500, "Healthcheck failed")
        await exchange.reply(200, pretty({"response": {"is_live": True}}))

    async def generate(exchange: Exchange) -> None:
        request, streams = await _read_request(exchange)
        answer = _stream if streams else _answer
        await answer(exchange, orchestrator, request)

    return application(
        {
            "/": {"GET": root},
            "/healthcheck": {"GET": healthcheck},
            "/generate": {"POST": generate},
        },
        most_body_bytes,
    )


async def _read_request(exchange: Exchange) -> tuple[DecodeRequest, bool]:
    """Return what is asked of the server behind, and whether the answer is to be streamed."""
    fields = await read_fields(exchange)
    for name in ("server", "port", "session_cache"):
        fields.maybe(name, text)
    prompt = fields.read("prompt", optional(text), "This is an example prompt") or ""
    priority = fields.maybe("priority", integer) or 0
    max_tokens = fields.read("max_tokens", optional(integer), 100) or 0
    streams = fields.maybe("stream", boolean)
    refuse_problems(fields)
    if problem := protobuf_problem(prompt, priority, max_tokens):
        raise Failed(500, problem)
    return DecodeRequest(max_tokens, prompt), bool(streams)


async def _answer(exchange: Exchange, orchestrator: Orchestrator, request: DecodeRequest) -> None:
    """Answer in one piece; whether the client is still there is not looked at."""
    if not orchestrator.is_live:
        raise Failed(500, _REFUSED)
    decoding = orchestrator.decode(request)
    if await decoding.stream.ended() is not Status.OK:
        raise Failed(500, _CLOSED)
    text = "".join(PIECES[ident] for ident in decoding.answer)
    await exchange.reply(200, pretty({"response": text}))


async def _stream(exchange: Exchange, orchestrator: Orchestrator, request: DecodeRequest) -> None:
    """Answer with a JSON object a message, one after the other with nothing between them."""
    await exchange.start_stream(200, JSON)
    if not orchestrator.is_live:
        return  # The exception comes after the head has been sent, and breaks the connection.
    decoding = orchestrator.decode(request)
    async with exchange.watched(lambda: orchestrator.leave(decoding)):
        written = partial(decoding.written, write=_chunk)
        if await follow(exchange, decoding.stream, written) is Status.OK:
            await exchange.end()


def _chunk(ident: int) -> bytes:
    text = PIECES[ident]
    return pretty({"id": f"generate-{uuid4().hex}", "time_created": unix_seconds(), "text": text})
