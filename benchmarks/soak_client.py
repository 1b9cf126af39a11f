"""Clients of a soak: many token streams at once, some of which leave, and the books of all of them.

    sent = finished + refused + disconnected + unreached

Nothing is parsed: tokens are counted by a mark, an answer is whole by its last chunk, and errors
within an answer are known by a mark of theirs. A client leaves by closing its half of the
connection and reading on, so that it knows whether its answer was whole before the server noticed;
or, once something has come, by a reset, as a process that dies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import cast

LAST_CHUNK = b"0\r\n\r\n"
_OK = b"HTTP/1.1 200"
_TAIL_BYTES = 16
"""Of what was read, kept: a mark or the last chunk may come in two pieces."""
_PAUSE_SECONDS = 0.1
"""Before a client tries again that was refused."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, and when its client loses patience."""

    request: bytes
    tokens: int
    leaves_after_seconds: float | None
    """None is never."""
    resets: bool
    """Whether it then resets the connection, if it may."""
    last: bool
    """Whether the client closes the connection after the answer."""


@dataclass(slots=True)
class Books:
    """What became of the requests, as their clients saw it."""

    sent: int = 0
    finished: int = 0
    refused: int = 0
    disconnected: int = 0
    unreached: int = 0
    """The server closed its socket before it saw them."""
    reset: int = 0
    """Of those disconnected: what the server had sent by then is not known."""
    broken: list[str] = field(default_factory=list)
    """Answers that are none of these."""
    tokens: int = 0
    unheard: int = 0
    """Requests of which nothing tells yet that the server has seen them."""
    paused: bool = False
    """Whether nobody asks: before the server closes its socket, so that nothing is unheard then."""
    refusals: int = 0
    """How often it has closed it: it then closes connections after their answers, which have not
    said so, and whoever asked again there would not be heard."""

    def balance(self) -> int:
        """Return how many requests are in no account; 0 is right."""
        ended = self.finished + self.refused + self.disconnected + self.unreached
        return self.sent - ended - len(self.broken)


@dataclass(frozen=True, slots=True)
class Wire:
    """What is looked for in answers: what stands once for each token, and once in an error."""

    token: bytes
    error: bytes


class Connection(asyncio.Protocol):
    """A client's connection: one request at a time."""

    def __init__(self, wire: Wire, books: Books) -> None:
        self.wire = wire
        self.books = books
        self.plan: Plan | None = None
        self.is_open = True
        self.refusals = books.refusals
        self.answered: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    async def ask(self, plan: Plan) -> None:
        """Send a request; return once it is in the books."""
        loop = asyncio.get_running_loop()
        self.plan, self.answered = plan, loop.create_future()
        self.tokens, self.tail = 0, b""
        self.ok = self.failed = self.left = False
        self.books.sent += 1
        self.books.unheard += 1
        patience = None
        if plan.leaves_after_seconds is not None:
            patience = loop.call_later(plan.leaves_after_seconds, self.leave)
        self.transport.write(plan.request)
        await self.answered
        if patience is not None:
            patience.cancel()

    def leave(self) -> None:
        """Lose patience."""
        if self.plan is None:
            return
        self.left = True
        if self.plan.resets and self.tail:
            self.books.reset += 1
            self.transport.abort()
        elif self.transport.can_write_eof():
            self.transport.write_eof()

    def data_received(self, data: bytes) -> None:
        """Count tokens, and see whether the answer is whole."""
        if self.plan is None:
            return
        seen = self.tail + data
        if not self.tail:
            self.books.unheard -= 1
            self.ok = data.startswith(_OK)
        more = seen.count(self.wire.token) - self.tail.count(self.wire.token)
        self.tokens += more
        self.books.tokens += more
        self.failed = self.failed or self.wire.error in seen
        self.tail = seen[-_TAIL_BYTES:]
        if not self.ok or seen.endswith(LAST_CHUNK):
            self.end_whole()

    def connection_lost(self, exc: Exception | None) -> None:
        """Book an answer that is not whole."""
        self.is_open = False
        if self.plan is None:
            return
        if self.left:
            self.books.disconnected += 1
        elif not self.tail:
            self.books.unreached += 1
        else:
            self.books.broken.append(f"{self.tokens} of {self.plan.tokens} tokens: {exc!r}")
        self.done()

    def end_whole(self) -> None:
        """Book an answer that is whole."""
        plan = cast("Plan", self.plan)
        if not self.ok or self.failed:
            self.books.refused += 1
        elif self.tokens == plan.tokens:
            self.books.finished += 1
        else:
            self.books.broken.append(f"{self.tokens} of {plan.tokens} tokens, and an end")
        leaves = self.left or plan.last or not self.ok or self.refusals < self.books.refusals
        self.done()
        if leaves:
            self.is_open = False
            self.transport.close()

    def done(self) -> None:
        """Let the client go on."""
        self.plan = None
        self.books.unheard -= not self.tail
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(None)


async def client(
    place: tuple[str, int], wire: Wire, books: Books, plans: Iterator[Plan], stop: asyncio.Event
) -> None:
    """Ask again and again, until told to stop."""
    loop = asyncio.get_running_loop()
    connection: Connection | None = None
    while not stop.is_set():
        if books.paused:
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        if connection is None or not connection.is_open:
            try:
                _, connection = await loop.create_connection(
                    partial(Connection, wire, books), *place
                )
            except OSError:
                await asyncio.sleep(_PAUSE_SECONDS)
            continue
        await connection.ask(next(plans))
    if connection is not None:
        connection.transport.close()
