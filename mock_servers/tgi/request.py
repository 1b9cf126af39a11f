"""The body of a request, as axum's `Json` reads it."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from mock_servers.serving.http import Exchange
from mock_servers.tgi.rejections import RejectedBodyError, read

Body = TypeVar("Body", bound=msgspec.Struct)

_UNSUPPORTED = 415


async def read_body(exchange: Exchange, kind: type[Body]) -> Body:
    """Return the body of a request.

    Raises:
        RejectedBodyError: if it is none of the kind, or is not said to be JSON.
        BodyTooLargeError: beyond what is taken.
        ClientGoneError: if the client left before its end.
    """
    if not _is_json(exchange.header("content-type")):
        text = "Expected request with `Content-Type: application/json`"
        raise RejectedBodyError(_UNSUPPORTED, text)
    return read(await exchange.body(), kind)


def _is_json(content_type: str) -> bool:
    """Tell whether a media type is JSON: application/json or application/*+json."""
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))
