"""A little HTTP on ASGI: routes, bodies with a limit, answers in one piece or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from mock_servers.serving.books import REFUSED
from mock_servers.serving.output import complain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[str, str]]

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
TEXT = "text/plain; charset=utf-8"

WRITE_NOW = "write_now"
"""The key in an ASGI scope's `state` of what writes a piece of the answer without waiting.

It is taken out, so that the scope does not hold what holds it."""
CUT_OFF = "cut_off"
"""The key of what closes the connection at once, likewise."""

_FIRST_ERROR = 400


def _cannot(_: bytes) -> bool:
    """Write nothing."""
    return False


def _nothing() -> None:
    """Do nothing: there is no connection."""


class BodyTooLargeError(Exception):
    """A request's body is longer than the server takes."""


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


class Exchange:
    """One request and its answer.

    Args:
        scope: of ASGI, type `http`.
        receive: of ASGI.
        send: of ASGI.
        most_body_bytes: that a body may have.

    Attributes:
        begun: whether the answer has begun.
        status: of the answer, 0 before it has begun.
        answer_bytes: of its body, as its header says; 0 for a stream.
    """

    __slots__ = (
        "_cut_off",
        "_receive",
        "_send",
        "_write_now",
        "answer_bytes",
        "begun",
        "headers",
        "method",
        "most_body_bytes",
        "path",
        "scope",
        "status",
    )

    def __init__(
        self, scope: Message, receive: Receive, send: Send, *, most_body_bytes: int
    ) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.most_body_bytes = most_body_bytes
        self.begun = False
        self.status = self.answer_bytes = 0
        self._receive = receive
        self._send = send
        self._write_now: Callable[[bytes], bool] = scope["state"].pop(WRITE_NOW, _cannot)
        self._cut_off: Callable[[], None] = scope["state"].pop(CUT_OFF, _nothing)

    def header(self, name: str, default: str = "") -> str:
        """Return a request header; `name` in lower case."""
        return self.headers.get(name.encode(), default.encode()).decode("latin-1")

    def is_json(self) -> bool:
        """Tell whether the body is said to be JSON: application/json, application/*+json."""
        media = self.header("content-type").partition(";")[0].strip().lower()
        kind, _, subtype = media.partition("/")
        return kind == "application" and (subtype == "json" or subtype.endswith("+json"))

    def query(self) -> dict[str, list[str]]:
        """Return the values of the query string, by name."""
        return parse_qs(self.scope["query_string"].decode("latin-1"))

    async def body(self) -> bytes:
        """Return the whole request body.

        Raises:
            BodyTooLargeError: beyond `most_body_bytes`, without having read it all.
            ClientGoneError: if the client left before its end.
        """
        if int(self.header("content-length", "0") or 0) > self.most_body_bytes:
            raise BodyTooLargeError
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.most_body_bytes:
                raise BodyTooLargeError
            if not message.get("more_body"):
                return b"".join(parts)

    async def reply(
        self, status: int, body: bytes = b"", content_type: str = JSON, headers: Headers = ()
    ) -> None:
        """Answer in one piece."""
        self.answer_bytes = len(body)
        await self._begin(status, content_type, (("content-length", str(len(body))), *headers))
        await self._send({"type": "http.response.body", "body": body})

    async def start_stream(
        self, status: int = 200, content_type: str = EVENT_STREAM, headers: Headers = ()
    ) -> None:
        """Begin an answer that is written piece by piece."""
        await self._begin(status, content_type, headers)

    def write(self, piece: bytes) -> Awaitable[None]:
        """Send a piece of a streamed answer; to a client that left it goes nowhere.

        Not a coroutine of its own: one fewer for each token.
        """
        return self._send({"type": "http.response.body", "body": piece, "more_body": True})

    def write_now(self, piece: bytes) -> bool:
        """Send a piece of a streamed answer, if that can be without waiting; tell if it is sent."""
        return self._write_now(piece)

    def end(self, piece: bytes = b"") -> Awaitable[None]:
        """Send the last piece of a streamed answer."""
        return self._send({"type": "http.response.body", "body": piece})

    def cut_off(self) -> None:
        """Close the connection without an answer, or without its rest, as a killed server does."""
        self._cut_off()

    def refused(self) -> None:
        """Note that the answer tells of an error, whatever its status: the books want to know."""
        self.scope["state"][REFUSED] = True

    @asynccontextmanager
    async def watched(self, gone: Callable[[], None]) -> AsyncIterator[None]:
        """Call `gone` if the client leaves while the block runs; its body has been read."""
        task = asyncio.create_task(self._wait_for_the_end(gone))
        try:
            yield
        finally:
            task.cancel()

    async def _wait_for_the_end(self, gone: Callable[[], None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        gone()

    async def _begin(self, status: int, content_type: str, headers: Headers) -> None:
        self.begun = True
        self.status = status
        if status >= _FIRST_ERROR:
            self.refused()
        lines = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        if content_type:
            lines.append((b"content-type", content_type.encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": lines})


Handler = Callable[[Exchange], Awaitable[None]]


async def internal_server_error(exchange: Exchange) -> None:
    """Answer as uvicorn and Starlette do when an application fails."""
    await exchange.reply(500, b"Internal Server Error", TEXT)


class Routes:
    """An ASGI application: handlers by method and path.

    Args:
        handlers: by path, then by method.
        unknown: answers a path that there is not.
        not_allowed: answers a path that has other methods.
        too_large: answers a body that is longer than the server takes.
        failed: answers when a handler raised before it began an answer.
        most_body_bytes: that a request's body may have.
    """

    def __init__(
        self,
        handlers: Mapping[str, Mapping[str, Handler]],
        *,
        unknown: Handler,
        not_allowed: Handler,
        too_large: Handler,
        failed: Handler = internal_server_error,
        most_body_bytes: int,
    ) -> None:
        self._handlers = handlers
        self._unknown = unknown
        self._not_allowed = not_allowed
        self._too_large = too_large
        self._failed = failed
        self._most_body_bytes = most_body_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            raise ValueError(f"an ASGI scope of type {scope['type']}")
        exchange = self._exchange(scope, receive, send)
        methods = self._handlers.get(exchange.path)
        if methods is None:
            handler = self._unknown
        else:
            handler = methods.get(exchange.method, self._not_allowed)
        try:
            await handler(exchange)
        except BodyTooLargeError:
            await self._too_large(exchange)
        except ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 - a client must not hang for what is our fault
            await self._give_up(exchange, error)

    async def fail(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request as if its handler had failed (ASGI)."""
        await self._failed(self._exchange(scope, receive, send))

    def _exchange(self, scope: Message, receive: Receive, send: Send) -> Exchange:
        return Exchange(scope, receive, send, most_body_bytes=self._most_body_bytes)

    async def _give_up(self, exchange: Exchange, error: Exception) -> None:
        """Say what a handler raised; answer, or let the server cut what has begun."""
        where = f"{exchange.method} {exchange.path}"
        complain(f"{where}: internal error: {type(error).__name__}: {error}")
        if not exchange.begun:
            await self._failed(exchange)
