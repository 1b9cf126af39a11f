"""One request as its client sees it: how many tokens there are by now, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from scalecert.engines.request_log import Status


class Stream:
    """The tokens of one request as they become due.

    Attributes:
        ident: of the request in the log; used again after its end.
        input_tokens: of its prompt.
        output_tokens: that its answer will have.
        arrival_seconds: when it came, by the model's clock.
        tokens: sent so far.
        status: how it ended, PENDING before.
    """

    __slots__ = (
        "_waiter",
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
        self._waiter: asyncio.Future[None] | None = None

    def reach(self, tokens: int) -> None:
        """Note that so many tokens have been sent by now."""
        self.tokens = tokens
        self._wake()

    def end(self, status: Status) -> None:
        """Note how the request ended."""
        self.status = status
        self._wake()

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
                await self._change()

    async def ended(self) -> Status:
        """Wait for the end; return how the request ended."""
        while self.status is Status.PENDING:
            await self._change()
        return self.status

    async def _change(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
