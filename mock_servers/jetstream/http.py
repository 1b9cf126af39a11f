"""What JetStream's two HTTP servers have in common: how they read, refuse and write."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping

from mock_servers.serving.fastapi import (
    UNREADABLE,
    UnreadableError,
    body_fields,
    detail,
    method_not_allowed,
    unknown_path,
)
from mock_servers.serving.http import (
    Exchange,
    Handler,
    Routes,
    internal_server_error,
)
from mock_servers.serving.pydantic_fields import Fields

_INT32 = range(-(2**31), 2**31)

Answering = Callable[[Exchange], Coroutine[None, None, None]]


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


class UnprocessableError(Exception):
    """A body that does not fit; `fields` says why."""

    def __init__(self, fields: Fields) -> None:
        super().__init__()
        self.fields = fields

    def as_json(self) -> bytes:
        """Return the body of a 422.

        Raises:
            ValueError: if it can't be written: a part of the input that it repeats is no JSON.
        """
        told = [problem.told(problem.place, problem.given) for problem in self.fields.problems]
        text = json.dumps(
            {"detail": told}, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
        return text.encode()


def application(handlers: Mapping[str, Mapping[str, Answering]], most_body_bytes: int) -> Routes:
    """Return an application: handlers by path, then by method."""

    async def too_large(exchange: Exchange) -> None:
        await exchange.reply(413, detail("Content Too Large"))

    return Routes(
        {
            path: {method: _guarded(one) for method, one in methods.items()}
            for path, methods in handlers.items()
        },
        unknown=unknown_path(handlers),
        not_allowed=method_not_allowed(handlers),
        too_large=too_large,
        most_body_bytes=most_body_bytes,
    )


async def read_fields(exchange: Exchange) -> Fields:
    """Return the fields of a request's body, which is text unless it is said to be JSON.

    Raises:
        UnprocessableError: if it has none.
        UnreadableError: if that can't be told.
    """
    body = await exchange.body()
    if body and exchange.header("content-type") and not exchange.is_json():
        fields = Fields.of_body(body.decode(errors="replace"))
    else:
        fields = body_fields(body)
    refuse_problems(fields)
    return fields


def refuse_problems(fields: Fields) -> None:
    """Raise UnprocessableError if anything is wrong."""
    if fields.problems:
        raise UnprocessableError(fields)


def protobuf_problem(*values: int | str) -> str | None:
    """Return what protobuf says of values that its fields do not take; None if they take all."""
    for value in values:
        if isinstance(value, int):
            if value not in _INT32:
                return f"Value out of range: {value}"
            continue
        try:
            value.encode()
        except UnicodeEncodeError as error:
            return str(error)
    return None


def pretty(value: object) -> bytes:
    """Return JSON as both servers write it, over lines indented by four."""
    return json.dumps(value, indent=4).encode()


def _guarded(answer: Answering) -> Handler:
    async def guarded(exchange: Exchange) -> None:
        try:
            await answer(exchange)
        except UnprocessableError as error:
            try:
                body = error.as_json()
            except ValueError:
                await internal_server_error(exchange)
            else:
                await exchange.reply(422, body)
        except UnreadableError:
            await exchange.reply(400, UNREADABLE)
        except Failed as error:
            if error.detail is None:
                await internal_server_error(exchange)
            else:
                await exchange.reply(error.status, detail(error.detail))

    return guarded
