"""Connections that read token streams: one timestamp for each read, tokens counted, little parsed.

Over HTTP tokens are counted by a mark that each one's event contains; over gRPC messages are, frame
by frame (RFC 9113), without a library that would cost more than the server.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from array import array
from collections.abc import Mapping
from typing import Literal, cast

import msgspec

_LAST_CHUNK = b"0\r\n\r\n"
"""Of an answer in chunked transfer encoding."""
_OK = b"HTTP/1.1 200"

_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 4, 6, 8
_ACK, _END_STREAM, _END_HEADERS = 0x1, 0x1, 0x4
_HEADER_BYTES = 9
"""Of a frame."""
_PREFIX_BYTES = 5
"""Before a gRPC message: whether it is compressed, and its length."""
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_WINDOW = 2**31 - 1
_INITIAL_WINDOW = 4
"""The setting."""


class Job(msgspec.Struct, frozen=True):
    """What to read: `streams` answers of `tokens` tokens at once, over and over for `seconds`."""

    port: int
    server_pid: int
    target: str
    body: bytes
    mark: str
    """Stands once in what is sent over HTTP for each token."""
    streams: int
    tokens: int
    gap_seconds: float
    """Between two tokens of a stream, by the model."""
    ramp_seconds: float
    """Over which streams start, and which is left out."""
    seconds: float
    protocol: Literal["http", "grpc"] = "http"


class TokenStream(asyncio.Protocol, ABC):
    """One connection: asks, notes when how many tokens came, and asks again until told to stop."""

    def __init__(self, job: Job, stop: asyncio.Event) -> None:
        self.job = job
        self.stop = stop
        self.ended = asyncio.get_running_loop().create_future()
        self.answers: list[tuple[float, array[float], array[int]]] = []
        """When each was asked for, and when how many of its tokens came."""
        self.bytes_read = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self.transport = cast("asyncio.Transport", transport)
        self.ask()

    @abstractmethod
    def request(self) -> bytes:
        """Return what asks for one answer."""

    def ask(self) -> None:
        """Send the request."""
        self.times = array("d")
        self.counts = array("l")
        self.asked = time.perf_counter()
        self.transport.write(self.request())

    def finish(self) -> None:
        """Keep the answer, ask again or leave."""
        if sum(self.counts) < self.job.tokens:
            self.fail(f"{sum(self.counts)} tokens came, not {self.job.tokens}")
            return
        self.answers.append((self.asked, self.times, self.counts))
        if self.stop.is_set():
            self.transport.close()
        else:
            self.ask()

    def fail(self, why: str) -> None:
        """Give up."""
        if not self.ended.done():
            self.ended.set_exception(ConnectionError(why))
        self.transport.abort()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Tell that nothing more comes."""
        if self.ended.done():
            return
        if self.stop.is_set():
            self.ended.set_result(None)
        else:
            self.ended.set_exception(ConnectionError("the server hung up"))


class HttpStream(TokenStream):
    """Answers in chunked transfer encoding, on a connection that is kept."""

    def __init__(self, job: Job, stop: asyncio.Event) -> None:
        super().__init__(job, stop)
        self._mark = job.mark.encode()
        self._request = (
            f"POST {job.target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"content-length: {len(job.body)}\r\n\r\n"
        ).encode() + job.body
        self._begun = False
        self._tail = b""
        """The end of what was read: the last chunk may come in two pieces."""

    def request(self) -> bytes:
        """Return the request."""
        self._begun = False
        self._tail = b""
        return self._request

    def data_received(self, data: bytes) -> None:
        """Note the time and the number of tokens."""
        now = time.perf_counter()
        count = data.count(self._mark)
        if count:
            self.times.append(now)
            self.counts.append(count)
            self.bytes_read += len(data)
        if not self._begun:
            self._begun = True
            if not data.startswith(_OK):
                self.fail(data.decode(errors="replace"))
        self._tail = data if len(data) >= len(_LAST_CHUNK) else self._tail + data
        if self._tail.endswith(_LAST_CHUNK):
            self.finish()


class GrpcStream(TokenStream):
    """Answers of a server-streaming call, one call after the other on one connection."""

    def __init__(self, job: Job, stop: asyncio.Event) -> None:
        super().__init__(job, stop)
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": job.target,
            ":authority": "localhost",
            "te": "trailers",
            "content-type": "application/grpc",
        }
        self._head = b"".join(b"\0" + _string(name) + _string(fields[name]) for name in fields)
        self._message = b"\0" + len(job.body).to_bytes(4) + job.body
        self._call = -1
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the connection, with windows that no answer fills, and ask."""
        window = _INITIAL_WINDOW.to_bytes(2) + _WINDOW.to_bytes(4)
        more = (_WINDOW - 65_535).to_bytes(4)
        opening = _PREFACE + _frame(_SETTINGS, 0, 0, window) + _frame(_WINDOW_UPDATE, 0, 0, more)
        cast("asyncio.Transport", transport).write(opening)
        super().connection_made(transport)

    def request(self) -> bytes:
        """Return the frames of the next call."""
        self._call += 2
        return _frame(_HEADERS, _END_HEADERS, self._call, self._head) + _frame(
            _DATA, _END_STREAM, self._call, self._message
        )

    def data_received(self, data: bytes) -> None:
        """Note the time and the number of messages; answer what has to be answered."""
        now = time.perf_counter()
        data = self._rest + data
        at = count = 0
        ended = False
        while len(data) - at >= _HEADER_BYTES:
            end = at + _HEADER_BYTES + int.from_bytes(data[at : at + 3])
            if end > len(data):
                break
            kind, flags, body = data[at + 3], data[at + 4], data[at + _HEADER_BYTES : end]
            if kind == _DATA:
                count += _messages(body)
            elif kind == _HEADERS:
                ended = ended or bool(flags & _END_STREAM)
            elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                answer = body if kind == _PING else b""
                self.transport.write(_frame(kind, _ACK, 0, answer))
            at = end
        self._rest = data[at:]
        if count:
            self.times.append(now)
            self.counts.append(count)
            self.bytes_read += at
        if ended:
            self.finish()


def _messages(data: bytes) -> int:
    """Return the number of gRPC messages in a frame's data, which are whole."""
    at = count = 0
    while at < len(data):
        at += _PREFIX_BYTES + int.from_bytes(data[at + 1 : at + _PREFIX_BYTES])
        count += 1
    return count


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + body


def _string(text: str) -> bytes:
    """Return a string as HPACK writes it without compression (RFC 7541, 5.2)."""
    return bytes((len(text),)) + text.encode()


STREAMS: Mapping[str, type[HttpStream | GrpcStream]] = {"http": HttpStream, "grpc": GrpcStream}
"""By protocol."""
