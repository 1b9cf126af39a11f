"""JetStream's own HTTP server (jetstream/entrypoints/http/api_server.py): /v1/generate.

Its answers call themselves an event stream, but are protobuf messages as JSON, one after the other
with nothing between them.
"""

from __future__ import annotations

import json
from functools import partial

from mock_servers.jetstream.answers import NOTHING, PIECES
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
from mock_servers.serving.fastapi import EVENT_STREAM
from mock_servers.serving.following import follow
from mock_servers.serving.http import Exchange, Routes
from mock_servers.serving.pydantic_fields import Fields, integer, number, text
from scalecert.clock import monotonic_seconds
from scalecert.engines.request_log import Status


def http_entry(orchestrator: Orchestrator, most_body_bytes: int) -> Routes:
    """Return the application."""

    async def root(exchange: Exchange) -> None:
        await exchange.reply(200, pretty({"message": "JetStream HTTP Server"}))

    async def health(exchange: Exchange) -> None:
        await exchange.reply(200, pretty({"is_live": str(orchestrator.is_live)}))

    async def generate(exchange: Exchange) -> None:
        request = _decode_request(await read_fields(exchange))
        if not orchestrator.is_live:
            raise Failed(500)
        await exchange.start_stream(200, EVENT_STREAM)
        if request.has_no_content:
            return  # The exception comes after the head has been sent, and breaks the connection.
        decoding = orchestrator.decode(request)
        messages = _WITH_TEXT if decoding.as_text else _IDS_ONLY
        async with exchange.watched(lambda: orchestrator.leave(decoding)):
            written = partial(decoding.written, write=messages.__getitem__)
            if await follow(exchange, decoding.stream, written) is Status.OK:
                await exchange.end()

    return application(
        {
            "/": {"GET": root},
            "/v1/generate": {"POST": generate},
            "/v1/health": {"GET": health},
        },
        most_body_bytes,
    )


def _decode_request(fields: Fields) -> DecodeRequest:
    """Return the protobuf message that a body becomes (jetstream/entrypoints/http/protocol.py).

    Raises:
        UnprocessableError: if its fields are not those of a request.
        Failed: if it can't become one.
    """
    max_tokens = fields.required("max_tokens", integer, 0)
    content, tokens = fields.inner("text_content"), fields.inner("token_content")
    said = None if content is None else content.required("text", text, "")
    ids = None if tokens is None else tuple(tokens.listed("token_ids", integer, required=True))
    if (metadata := fields.inner("metadata")) is not None:
        metadata.required("start_time", number, 0.0)
    fields.forbid_others("max_tokens", "text_content", "token_content", "metadata")
    refuse_problems(fields)
    both = said is not None and ids is not None
    if both or protobuf_problem(max_tokens, said or "", *(ids or ())):
        raise Failed(500)
    return DecodeRequest(max_tokens, said, ids, start_time=monotonic_seconds())


def _message(text: str, ident: int) -> bytes:
    """Return a message as google.protobuf.json_format writes it."""
    sample: dict[str, object] = {"text": text} if text else {}
    if ident != NOTHING:
        sample["tokenIds"] = [ident]
    return json.dumps({"streamContent": {"samples": [sample]}}, indent=2).encode()


_WITH_TEXT = tuple(_message(piece, ident) for ident, piece in enumerate(PIECES))
"""Messages by the id of their token."""
_IDS_ONLY = tuple(_message("", ident) for ident in range(len(PIECES)))
