"""What FastAPI does by itself: it reads bodies, and answers paths and methods that there are not.

vLLM and JetStream's HTTP servers are built on it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import msgspec

from mock_servers.serving.http import Exchange, Handler
from mock_servers.serving.pydantic_fields import Fields, WrongValueError

EVENT_STREAM = "text/event-stream; charset=utf-8"
"""The type of its streams: Starlette adds the charset to each kind of text."""


class UnreadableError(Exception):
    """A body that is not even wrong JSON, such as no text; `UNREADABLE` is the answer."""


def detail(text: str) -> bytes:
    """Return the body of an `HTTPException`."""
    return msgspec.json.encode({"detail": text})


UNREADABLE = detail("There was an error parsing the body")
"""With status 400."""


def body_fields(body: bytes) -> Fields:
    """Return the fields of a JSON object; none, and why, if it is none.

    Raises:
        UnreadableError: if that can't be told.
    """
    try:
        return Fields.of_body(json.loads(body) if body else None)
    except json.JSONDecodeError as error:
        fields = Fields({})
        wrong = WrongValueError("json_invalid", "JSON decode error", error=error.msg)
        fields.note({}, wrong, error.pos)
        return fields
    except (ValueError, RecursionError):
        raise UnreadableError from None


def unknown_path(paths: Collection[str]) -> Handler:
    """Return what answers a path that there is not; a slash too many is sent to one without."""

    async def unknown(exchange: Exchange) -> None:
        path = exchange.path.rstrip("/")
        if path not in paths:
            await exchange.reply(404, detail("Not Found"))
            return
        query = exchange.scope["query_string"].decode("latin-1")
        where = f"{exchange.scope['scheme']}://{exchange.header('host')}{path}"
        location = f"{where}?{query}" if query else where
        await exchange.reply(307, content_type="", headers=[("location", location)])

    return unknown


def method_not_allowed(handlers: Mapping[str, Collection[str]]) -> Handler:
    """Return what answers a method that a path has not; `handlers` has the methods by path."""

    async def not_allowed(exchange: Exchange) -> None:
        headers = [("allow", ", ".join(handlers[exchange.path]))]
        await exchange.reply(405, detail("Method Not Allowed"), headers=headers)

    return not_allowed
