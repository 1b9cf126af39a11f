"""One request on one connection: written at once, its answer read as it comes.

The times are those at which this process has read what ends a token. Nothing is parsed but the
head: a token is known by bytes that its piece has (`engines.api_client.Call`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from math import nan
from typing import NamedTuple

from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError, HTTPSocketResponse

from scalecert.engines.api_client import ApiClient, Call
from scalecert.engines.request_log import Status
from scalecert.load.connections import Connection

_BLOCK_BYTES = 64 * 1024
_WHOLE_BYTES = 1024 * 1024


class StaleError(Exception):
    """The server had closed a connection by the time that it was used again."""


class Answer(NamedTuple):
    """What came back; times of the clock that was given."""

    status: Status
    first_token: float = nan
    last_token: float = nan
    queue_seconds: float = nan
    is_complete: bool = False
    """Whether the connection can be used again."""
    is_unready: bool = False
    """Whether the server was not there yet, though something listened."""


@dataclass(frozen=True, slots=True)
class Question:
    """How one kind of request is written: streamed or not, its connection kept or not."""

    call: Call
    head: bytes
    waits_for_end: bool
    """Whether nothing before the end is of interest, though the server streams."""
    reads_tokens: bool

    @classmethod
    def of(cls, client: ApiClient, *, streamed: bool, keeps: bool) -> Question:
        """Return how to ask."""
        call = client.streamed if streamed else client.whole
        headers = {
            "Host": "scalecert",
            "Connection": "keep-alive" if keeps else "close",
            "Content-Type": "application/json",
            **client.headers,
        }
        lines = [f"POST {call.path} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        head = "\r\n".join([*lines, "Content-Length: "]).encode()
        waits = not streamed and not keeps and client.whole == client.streamed
        return cls(call, head, waits_for_end=waits, reads_tokens=streamed)

    def written(self, input_tokens: int, output_tokens: int) -> bytes:
        """Return the request for so many tokens."""
        body = self.call.body(input_tokens, output_tokens)
        return b"%b%d\r\n\r\n%b" % (self.head, len(body), body)


def ask(
    connection: Connection,
    question: Question,
    tokens: tuple[int, int],
    now: Callable[[], float],
) -> Answer:
    """Send a request and read the answer to its end.

    Args:
        connection: to send it on.
        question: how.
        tokens: of the prompt and of the answer.
        now: the clock.

    Raises:
        StaleError: if the connection was used before, and the server had closed it.
    """
    try:
        response = _begun(connection, question, tokens)
    except (HTTPParseError, OSError) as error:
        if connection.is_used_again and _said_nothing(error):
            raise StaleError from error
        return Answer(Status.ABORTED)
    reads_tokens = question.reads_tokens and response.get_code() == HTTPStatus.OK
    return (_streamed if reads_tokens else _whole)(response, question.call, tokens[1], now)


def _begun(
    connection: Connection, question: Question, tokens: tuple[int, int]
) -> HTTPSocketResponse:
    """Send a request and return the answer when its head has come."""
    if question.waits_for_end:
        # Wakes nobody for less than that, or the end: a token costs no CPU then.
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _WHOLE_BYTES)
    connection.socket.sendall(question.written(*tokens))
    return HTTPSocketResponse(connection.socket, block_size=_BLOCK_BYTES, method="POST")


def _said_nothing(error: Exception) -> bool:
    return isinstance(error, HTTPConnectionClosed | ConnectionError)


def _streamed(
    response: HTTPSocketResponse, call: Call, expected: int, now: Callable[[], float]
) -> Answer:
    """Read a stream, a piece at a time; what it said before it broke counts."""
    readline, end, mark = response.readline, call.piece_end, call.token
    seen, first, last, said = 0, nan, nan, b""
    try:
        while piece := readline(end):
            if mark in piece:
                last = now()
                if not seen:
                    first = last
                seen += 1
            else:
                said = piece
    except (HTTPParseError, OSError):
        return Answer(Status.ABORTED, first)
    if seen >= expected:
        return Answer(Status.OK, first, last, is_complete=not response.should_close())
    return Answer(_why(response, call, said, seen), first, is_complete=not response.should_close())


def _whole(
    response: HTTPSocketResponse, call: Call, expected: int, now: Callable[[], float]
) -> Answer:
    """Read an answer in one piece."""
    try:
        body = response.read()
    except (HTTPParseError, OSError):
        return Answer(Status.ABORTED)
    last, headers, code = now(), _headers(response), response.get_code()
    complete = not response.should_close()
    if call.is_unready(code, body):
        return Answer(Status.ABORTED, is_complete=complete, is_unready=True)
    seen = call.tokens_of(headers, body) if code == HTTPStatus.OK else 0
    if seen < expected:
        return Answer(_why(response, call, body, seen), is_complete=complete)
    queue = call.queue_seconds(headers)
    return Answer(
        Status.OK,
        last_token=last,
        queue_seconds=nan if queue is None else queue,
        is_complete=complete,
    )


def _why(response: HTTPSocketResponse, call: Call, said: bytes, seen: int) -> Status:
    """Return how a request ended whose answer is too short."""
    refused = not seen and call.is_refusal(response.get_code(), said)
    return Status.REJECTED if refused else Status.ABORTED


def _headers(response: HTTPSocketResponse) -> Mapping[str, str]:
    return {name.lower(): value for name, value in response.items()}
