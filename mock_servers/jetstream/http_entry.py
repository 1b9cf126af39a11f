"""JetStream's own HTTP server (jetstream/entrypoints/http/api_server.py): /v1/generate.

Its answers call themselves an event stream, but are protobuf messages as JSON, one after the other
with nothing between them.
"""

from __future__ import annotations

import json
from functools import partial

from mock_servers.jetstream.answers import NOTHING, PIECES
from mock_servers.jetstream.fastapi_answers import Failed, application, fields, is_int32, pretty
from mock_servers.jetstream.orchestrator import Orchestrator
from mock_servers.jetstream.validation import (
    Model,
    Values,
    integer,
    integers,
    number,
    optional,
    string,
)
from mock_servers.jetstream.wire import DecodeRequest
from mock_servers.serving.following import follow
from mock_servers.serving.http import Exchange, Routes
from scalecert.clock import monotonic_seconds
from scalecert.engines.request_log import Status

_CONTENT_TYPE = "text/event-stream; charset=utf-8"

_REQUEST = Model(
    {
        "max_tokens": integer,
        "text_content": optional(Model({"text": string})),
        "token_content": optional(Model({"token_ids": integers})),
        "metadata": optional(Model({"start_time": number})),
    },
    {"text_content": None, "token_content": None, "metadata": None},
    closed=True,
)
"""jetstream/entrypoints/http/protocol.py."""


def http_entry(orchestrator: Orchestrator, most_body_bytes: int) -> Routes:
    """Return the application."""

    async def root(exchange: Exchange) -> None:
        await exchange.reply(200, pretty({"message": "JetStream HTTP Server"}))

    async def health(exchange: Exchange) -> None:
        await exchange.reply(200, pretty({"is_live": str(orchestrator.is_live)}))

    async def generate(exchange: Exchange) -> None:
        request = _decode_request(await fields(exchange, _REQUEST))
        if not orchestrator.is_live:
            raise Failed(500)
        await exchange.start_stream(200, _CONTENT_TYPE)
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


def _decode_request(given: Values) -> DecodeRequest:
    """Return the protobuf message that a body becomes.

    Raises:
        Failed: if it can't become one.
    """
    text, tokens = given["text_content"], given["token_content"]
    ids = tokens["token_ids"] if tokens is not None else None
    numbers = (given["max_tokens"], *(ids or ()))
    if (text is not None and ids is not None) or not all(map(is_int32, numbers)):
        raise Failed(500)
    return DecodeRequest(
        max_tokens=given["max_tokens"],
        text=text["text"] if text is not None else None,
        token_ids=ids,
        start_time=monotonic_seconds(),
    )


def _message(text: str, ident: int) -> bytes:
    """Return a message as google.protobuf.json_format writes it."""
    sample: dict[str, object] = {"text": text} if text else {}
    if ident != NOTHING:
        sample["tokenIds"] = [ident]
    return json.dumps({"streamContent": {"samples": [sample]}}, indent=2).encode()


_WITH_TEXT = tuple(_message(piece, ident) for ident, piece in enumerate(PIECES))
"""Messages by the id of their token."""
_IDS_ONLY = tuple(_message("", ident) for ident in range(len(PIECES)))
