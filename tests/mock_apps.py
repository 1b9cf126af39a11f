"""Mock servers' ASGI applications in the test's own process: no socket, no thread, one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec


@dataclass(slots=True)
class Answer:
    """What an application answered.

    Attributes:
        status: of HTTP; 0 if there was no answer.
        headers: by name in lower case.
        pieces: of the body, as they were sent.
        complete: whether the last piece came.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    complete: bool = False

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)

    def json(self) -> Any:
        """Return the body's JSON."""
        return msgspec.json.decode(self.body)


async def ask(
    app: Any,
    method: str,
    target: str,
    body: bytes | object = b"",
    headers: Mapping[str, str] | None = None,
    *,
    leave_after: int | None = None,
) -> Answer:
    """Send one request to an ASGI application and return its answer.

    Args:
        app: the application.
        method: of HTTP.
        target: path and query.
        body: bytes as they are, or what becomes JSON.
        headers: more of them.
        leave_after: the client closes the connection after so many pieces of the answer; 0 is
            before the first.
    """
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    url = urlsplit(target)
    given = {"host": "test", "content-type": "application/json", "content-length": str(len(raw))}
    answer = Answer()
    left = asyncio.Event()
    if leave_after == 0:
        left.set()
    incoming = [{"type": "http.request", "body": raw, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            for name, value in message["headers"]:
                answer.headers[name.decode()] = value.decode("latin-1")
        elif not left.is_set():
            answer.pieces.append(message.get("body", b""))
            answer.complete = not message.get("more_body", False)
            if leave_after is not None and len(answer.pieces) >= leave_after:
                left.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": url.path,
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in (given | dict(headers or {})).items()
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    await app(scope, receive, send)
    return answer
