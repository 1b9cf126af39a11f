"""One client's HTTP connection: uvicorn's protocol with limits, and with books of every request.

uvicorn parses and writes; here is what it leaves open. A head that does not end, or has too many
headers, is answered with 431; connections and pipelined requests beyond their limits are turned
away; a client that closes its half of the connection has left, as it has to uvicorn and hyper.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from typing import cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from mock_servers.serving.books import BY_FAULT, REFUSED, Books
from mock_servers.serving.http import CUT_OFF, WRITE_NOW, Message, Receive, Send
from mock_servers.serving.limits import HttpLimits
from scalecert.clock import unix_seconds

_TOO_MUCH = b"HTTP/1.1 431 Request Header Fields Too Large"
_BUSY = b"HTTP/1.1 503 Service Unavailable"
_NOTHING = b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(slots=True)
class Shared:
    """What the connections of one service share.

    Attributes:
        config: of uvicorn.
        limits: of all of them.
        books: of their requests.
        server_header: what the real server calls itself in `server`; empty if it does not.
        state: uvicorn's.
        none_left: set while there is no connection.
    """

    config: Config
    limits: HttpLimits
    books: Books
    server_header: str
    state: ServerState = field(default_factory=ServerState)
    none_left: asyncio.Event = field(default_factory=asyncio.Event)
    _second: int = -1

    def __post_init__(self) -> None:
        self.none_left.set()

    def refresh_headers(self) -> None:
        """Bring the headers that every answer has up to the second."""
        second = int(unix_seconds())
        if second != self._second:
            self._second = second
            headers = [(b"date", formatdate(second, usegmt=True).encode())]
            if self.server_header:
                headers.append((b"server", self.server_header.encode()))
            self.state.default_headers = headers


class Connection(HttpToolsProtocol):
    """One client's connection."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(config=shared.config, server_state=shared.state, app_state={})
        self._shared = shared
        self._head_bytes = 0
        self._in_head = False
        self._held = False
        self._idle_for_too_long = False
        self._client_left = False
        self._unanswered: deque[RequestResponseCycle] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client, or turn it away."""
        shared = self._shared
        full = len(self.connections) >= shared.limits.connections
        super().connection_made(cast("asyncio.Transport", transport))
        shared.none_left.clear()
        if full:
            shared.books.turned_away += 1
            self._turn_away(_BUSY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Book what was not answered: its client has left, or we have cut it off."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._end_cycles()
        books = self._shared.books
        if self._client_left or exc is not None:
            books.disconnected += len(self._unanswered)
        else:
            books.aborted += len(self._unanswered)
        self._unanswered.clear()
        self.pipeline.clear()
        if not self.connections:
            self._shared.none_left.set()

    def eof_received(self) -> None:
        """Tell what runs that its client has left; the transport closes by itself."""
        self._client_left = True
        self._end_cycles()

    def data_received(self, data: bytes) -> None:
        """Parse what came, and count what may be too long."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self._shared.limits.head_bytes:
                self._refuse_head()

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Hand over the request, unless its head is too long."""
        self._in_head = False
        limits = self._shared.limits
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if len(self.headers) > limits.headers or size > limits.head_bytes:
            self.app = _too_much
        if len(self.pipeline) >= limits.pipelined:
            self._turn_away(b"")
            return
        self._shared.refresh_headers()
        super().on_headers_complete()
        self._shared.books.received += 1
        state = self.cycle.scope["state"]
        state[WRITE_NOW] = partial(_write_now, self.cycle)
        state[CUT_OFF] = partial(_cut_off, self.cycle)
        self._unanswered.append(self.cycle)

    def on_response_complete(self) -> None:
        """Book the oldest request as answered."""
        books, state = self._shared.books, self._unanswered.popleft().scope["state"]
        if REFUSED in state:
            books.refused += 1
            books.refused_by_faults += BY_FAULT in state
        else:
            books.finished += 1
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or stops being it."""
        self._book_refused()
        super().send_400_response(msg)

    def hold(self) -> None:
        """Read nothing any more."""
        if not self.transport.is_closing():
            self._held = True
            self.transport.pause_reading()

    def release(self) -> None:
        """Read on."""
        if self._held and not self.flow.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()
        self._held = False
        if self._idle_for_too_long:
            self.timeout_keep_alive_handler()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; one that is held is looked at once it is not."""
        self._idle_for_too_long = self._held
        if not self._held:
            super().timeout_keep_alive_handler()

    def _refuse_head(self) -> None:
        self._book_refused()
        self._turn_away(_TOO_MUCH)

    def _book_refused(self) -> None:
        """Book a request that no application sees, or none sees the whole of."""
        self._end_cycles()
        if self._unanswered and self._unanswered[-1].more_body:
            self._unanswered.pop()
        else:
            self._shared.books.received += 1
        self._shared.books.refused += 1

    def _end_cycles(self) -> None:
        """Let applications see that their client has left: uvicorn tells the newest one alone."""
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()

    def _turn_away(self, status_line: bytes) -> None:
        if status_line:
            self.transport.write(status_line + _NOTHING)
        self._end_cycles()
        self.transport.close()


def _write_now(cycle: RequestResponseCycle, piece: bytes) -> bool:
    """Write a piece of a streamed answer as uvicorn does, if its client keeps up; tell whether.

    To a client that has left it goes nowhere.
    """
    if not cycle.chunked_encoding or cycle.flow.write_paused:
        return cycle.disconnected
    if not (cycle.disconnected or cycle.response_complete):
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
    return True


def _cut_off(cycle: RequestResponseCycle) -> None:
    """Close a request's connection at once; there is nothing to add to that."""
    cycle.disconnected = True
    cycle.transport.abort()


async def _too_much(scope: Message, receive: Receive, send: Send) -> None:
    """Answer a request whose head is too long (ASGI)."""
    del receive
    scope["state"][REFUSED] = True
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
