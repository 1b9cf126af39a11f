"""What FastAPI answers by itself: paths and methods that there are not, bodies that do not fit."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping

from mock_servers.jetstream.validation import (
    Model,
    UnprocessableError,
    UnreadableError,
    Values,
    read,
)
from mock_servers.serving.http import TEXT, Exchange, Handler, Routes

_UNREADABLE = "There was an error parsing the body"

_INT32 = range(-(2**31), 2**31)


class Failed(Exception):  # noqa: N818 - a status code, as FastAPI's HTTPException
    """A request that is answered with an error.

    Args:
        status: of HTTP.
        detail: what is wrong; None is an exception that nobody caught.
    """

    def __init__(self, status: int, detail: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


Answering = Callable[[Exchange], Coroutine[None, None, None]]


def application(handlers: Mapping[str, Mapping[str, Answering]], most_body_bytes: int) -> Routes:
    """Return an application: handlers by path, then by method."""

    async def unknown(exchange: Exchange) -> None:
        path = exchange.path.rstrip("/")
        if path in handlers:
            url = f"{exchange.scope['scheme']}://{exchange.header('host')}{path}"
            query = exchange.scope["query_string"].decode("latin-1")
            target = f"{url}?{query}" if query else url
            await exchange.reply(307, b"", "", [("location", target)])
        else:
            await exchange.reply(404, _detail("Not Found"))

    async def not_allowed(exchange: Exchange) -> None:
        allowed = [("allow", ", ".join(handlers[exchange.path]))]
        await exchange.reply(405, _detail("Method Not Allowed"), headers=allowed)

    async def too_large(exchange: Exchange) -> None:
        await exchange.reply(413, _detail("Content Too Large"))

    return Routes(
        {
            path: {method: _guarded(one) for method, one in methods.items()}
            for path, methods in handlers.items()
        },
        unknown=unknown,
        not_allowed=not_allowed,
        too_large=too_large,
        most_body_bytes=most_body_bytes,
    )


async def fields(exchange: Exchange, model: Model) -> Values:
    """Return the fields of a request's body.

    Raises:
        UnprocessableError: if it does not fit.
        UnreadableError: if that can't be told.
    """
    return read(model, await exchange.body(), exchange.header("content-type"))


def pretty(value: object) -> bytes:
    """Return JSON as both servers write it, over lines indented by four."""
    return json.dumps(value, indent=4).encode()


def is_int32(number: int) -> bool:
    """Tell whether a protobuf field of 32 bits takes a number."""
    return number in _INT32


def _guarded(answer: Answering) -> Handler:
    async def guarded(exchange: Exchange) -> None:
        try:
            await answer(exchange)
        except UnprocessableError as error:
            try:
                body = error.problems.as_json()
            except ValueError:
                await _fail(exchange, Failed(500))
            else:
                await exchange.reply(422, body)
        except UnreadableError:
            await _fail(exchange, Failed(400, _UNREADABLE))
        except Failed as error:
            await _fail(exchange, error)

    return guarded


async def _fail(exchange: Exchange, error: Failed) -> None:
    if error.detail is None:
        await exchange.reply(error.status, b"Internal Server Error", TEXT)
    else:
        await exchange.reply(error.status, _detail(error.detail))


def _detail(text: str) -> bytes:
    return json.dumps({"detail": text}, ensure_ascii=False, separators=(",", ":")).encode()
