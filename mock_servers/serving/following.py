"""A stream's tokens to its client, within the engine's step that makes them.

With hundreds of streams a server does little but send tokens. To wake a task for each of them, go
down its frames and through ASGI costs as much again as the sending itself; so tokens are written
where the pacer tells of them, and a task is only there where a client does not keep up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mock_servers.serving.http import Exchange
from mock_servers.serving.streams import Stream
from scalecert.engines.request_log import Status

Render = Callable[[int, int], bytes]
"""Returns what is sent for the tokens from the first place up to the second."""


async def follow(exchange: Exchange, stream: Stream, render: Render) -> Status:
    """Write each token of a stream when it is due, those that are due at once in one piece.

    The answer must have begun. Returns how the request ended, when all its tokens are written.
    """
    follower = _Follower(exchange, stream, render)
    stream.follow(follower)
    follower()
    try:
        await follower.done
    finally:
        follower.stop()
    return stream.status


class _Follower:
    """One stream on its way to its client."""

    __slots__ = ("_behind", "_exchange", "_render", "_sent", "_stream", "done")

    def __init__(self, exchange: Exchange, stream: Stream, render: Render) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._exchange = exchange
        self._stream = stream
        self._render = render
        self._sent = 0
        self._behind: asyncio.Task[None] | None = None

    def __call__(self) -> None:
        """Write what there is, unless the client does not keep up."""
        if self._behind is not None or self.done.done():
            return
        try:
            kept_up = self._write()
        except Exception as error:  # noqa: BLE001 - it belongs to who waits, not to the pacer
            self.done.set_exception(error)
            return
        if kept_up and self._stream.status is not Status.PENDING:
            self.done.set_result(None)

    def stop(self) -> None:
        """Write nothing any more."""
        self.done.cancel()
        if self._behind is not None:
            self._behind.cancel()

    def _write(self) -> bool:
        """Write the tokens that are due, if there are any; tell whether the client keeps up."""
        sent, tokens = self._sent, self._stream.tokens
        if tokens == sent:
            return True
        self._sent = tokens
        piece = self._render(sent, tokens)
        if self._exchange.write_now(piece):
            return True
        self._behind = asyncio.create_task(self._wait_for_client(piece))
        return False

    async def _wait_for_client(self, piece: bytes) -> None:
        """Write a piece when the client has taken what was written before, then go on."""
        await self._exchange.write(piece)
        self._behind = None
        self()
