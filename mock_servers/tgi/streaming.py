"""Answers as events, each token when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mock_servers.serving.following import follow
from mock_servers.serving.http import Exchange
from mock_servers.tgi.refusals import RefusedError
from mock_servers.tgi.router import Router, Run
from mock_servers.tgi.wires import Wire
from scalecert.engines.request_log import Status

KEEP_ALIVE_SECONDS = 15.0
"""Without an event, after which a comment says that there will be more (axum 0.7.9, KeepAlive)."""
_COMMENT = b":\n\n"

Begun = Run | RefusedError
"""A request that is on its way, or why it is not."""


async def stream(
    exchange: Exchange, router: Router, begun: Sequence[Begun], wire: Wire, headers: dict[str, str]
) -> None:
    """Answer with the events of one or several answers; a refusal is an event, too.

    Raises:
        ServerEndedError: if the server does before the end.
    """
    runs = [one for one in begun if isinstance(one, Run)]
    if len(runs) < len(begun):
        exchange.refused()
    await exchange.start_stream(headers=tuple(headers.items()))
    async with (
        exchange.watched(lambda: router.drop(*runs)),
        _kept_alive(exchange) as alive,
    ):
        if len(begun) == len(runs) == 1:
            await _followed(exchange, router, runs[0], wire, alive)
        else:
            async for piece in _alternated(exchange, router, begun, wire):
                alive.touch()
                await exchange.write(piece)
    await exchange.end(wire.ending)


async def _followed(
    exchange: Exchange, router: Router, run: Run, wire: Wire, alive: _KeepAlive
) -> None:
    """Write the events of the one answer that there is."""

    def written(begin: int, end: int) -> bytes:
        alive.touch()
        return _tokens(run, 0, wire, begin, end)

    status = await follow(exchange, run.stream, written)
    if error := _error(exchange, router, status, wire):
        await exchange.write(error)


async def _alternated(
    exchange: Exchange, router: Router, begun: Sequence[Begun], wire: Wire
) -> AsyncIterator[bytes]:
    """Yield the events of all answers, of each in turn, as long as it has any."""
    sources = [
        _events(exchange, router, place, one, wire).__aiter__() for place, one in enumerate(begun)
    ]
    while sources:
        for source in list(sources):
            piece = await anext(source, None)
            if piece is None:
                sources.remove(source)
            else:
                yield piece


async def _events(
    exchange: Exchange, router: Router, place: int, one: Begun, wire: Wire
) -> AsyncIterator[bytes]:
    """Yield the events of one answer, those that are due at once in one piece."""
    if isinstance(one, RefusedError):
        yield wire.error(one)
        return
    sent = 0
    async for tokens in one.stream.counts():
        yield _tokens(one, place, wire, sent, tokens)
        sent = tokens
    if error := _error(exchange, router, one.stream.status, wire):
        yield error


def _tokens(run: Run, place: int, wire: Wire, begin: int, end: int) -> bytes:
    """Return the events of the tokens from `begin` up to `end`."""
    if end - begin == 1:
        return wire.event(run, place, begin)
    return b"".join(wire.event(run, place, index) for index in range(begin, end))


def _error(exchange: Exchange, router: Router, status: Status, wire: Wire) -> bytes:
    """Return the event of an answer that has ended so, if it tells of an error."""
    try:
        router.check(status)
    except RefusedError as refused:
        exchange.refused()
        return wire.error(refused)
    return b""


class _KeepAlive:
    """Writes a comment whenever nothing else has been written for long."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(KEEP_ALIVE_SECONDS, self._look)
        self._comment: asyncio.Task[None] | None = None

    def touch(self) -> None:
        """Note that something is written now."""
        self._last = self._loop.time()

    def stop(self) -> None:
        """Write no more."""
        self._timer.cancel()
        if self._comment is not None:
            self._comment.cancel()

    async def _write(self) -> None:
        await self._exchange.write(_COMMENT)

    def _look(self) -> None:
        now = self._loop.time()
        if now - self._last >= KEEP_ALIVE_SECONDS:
            self._last = now
            self._comment = asyncio.create_task(self._write())
        self._timer = self._loop.call_later(self._last + KEEP_ALIVE_SECONDS - now, self._look)


@asynccontextmanager
async def _kept_alive(exchange: Exchange) -> AsyncIterator[_KeepAlive]:
    alive = _KeepAlive(exchange)
    try:
        yield alive
    finally:
        alive.stop()
