"""One request as its client sees it: how many tokens there are by now, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from scalecert.engines.request_log import Status


class ServerEndedError(Exception):
    """Server or client went away in the middle of an answer: nobody is there to be told."""


class Stream:
    """The tokens of one request as they become due.

    It has one reader: who follows it, iterates its counts, or waits for its end.

    Attributes:
        ident: of the request in the log; used again after its end.
        input_tokens: of its prompt.
        output_tokens: that its answer will have.
        arrival_seconds: when it came, by the model's clock.
        tokens: sent so far.
        status: how it ended, PENDING before.
    """

    __slots__ = (
        "_follower",
        "arrival_seconds",
        "ident",
        "input_tokens",
        "output_tokens",
        "status",
        "tokens",
    )

    def __init__(
        self, ident: int, input_tokens: int, output_tokens: int, arrival_seconds: float
    ) -> None:
        self.ident = ident
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens
        self.arrival_seconds = arrival_seconds
        self.tokens = 0
        self.status = Status.PENDING
        self._follower: Callable[[], None] | None = None

    def reach(self, tokens: int) -> None:
        """Note that so many tokens have been sent by now."""
        self.tokens = tokens
        if self._follower is not None:
            self._follower()

    def end(self, status: Status) -> None:
        """Note how the request ended."""
        self.status = status
        follower, self._follower = self._follower, None
        if follower is not None:
            follower()

    def follow(self, follower: Callable[[], None]) -> None:
        """Call `follower` whenever there are more tokens from now on, and at the end.

        It is called within the engine's step: it must neither raise nor ask the pacer for anything.
        """
        if self.status is Status.PENDING:
            self._follower = follower

    async def counts(self) -> AsyncIterator[int]:
        """Yield the tokens sent so far, each time that there are more; return at the end.

        What became due while the reader was busy comes at once: a late reader loses no time.
        """
        seen = 0
        while True:
            if self.tokens > seen:
                seen = self.tokens
                yield seen
            elif self.status is not Status.PENDING:
                return
            else:
                await self._change(or_tokens=True)

    async def ended(self) -> Status:
        """Wait for the end; return how the request ended."""
        if self.status is Status.PENDING:
            await self._change(or_tokens=False)
        return self.status

    async def _change(self, *, or_tokens: bool) -> None:
        """Wait for the end, or for more tokens, too."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def look() -> None:
            if (or_tokens or self.status is not Status.PENDING) and not waiter.done():
                waiter.set_result(None)

        self.follow(look)
        await waiter
