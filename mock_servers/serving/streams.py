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
        "_end",
        "_next",
        "_seen",
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
        self._seen = 0
        self._next: asyncio.Future[int] | None = None
        self._end: asyncio.Future[None] | None = None

    def reach(self, tokens: int) -> None:
        """Note that so many tokens have been sent by now."""
        self.tokens = tokens
        self._tell()

    def end(self, status: Status) -> None:
        """Note how the request ended."""
        self.status = status
        self._tell()
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    def counts(self) -> AsyncIterator[int]:
        """Yield the tokens sent so far, each time that there are more; return at the end.

        What became due while the reader was busy comes at once: a late reader loses no time. There
        is one reader, and it goes through the counts once.
        """
        return self

    def __aiter__(self) -> AsyncIterator[int]:
        """Return the counts."""
        return self

    def __anext__(self) -> asyncio.Future[int]:
        """Return the next count once there is one.

        A plain future, not a coroutine: with hundreds of streams a server does little else than
        wake their tasks, and every frame between a task and what it waits for costs.
        """
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._next = waiter
        if self.tokens > self._seen or self.status is not Status.PENDING:
            self._tell()
        return waiter

    async def ended(self) -> Status:
        """Wait for the end; return how the request ended."""
        if self.status is Status.PENDING:
            self._end = asyncio.get_running_loop().create_future()
            await self._end
        return self.status

    def _tell(self) -> None:
        """Let the reader go on that waits for the next count."""
        waiter = self._next
        if waiter is None:
            return
        self._next = None
        if waiter.done():
            return
        if self.tokens > self._seen:
            self._seen = self.tokens
            waiter.set_result(self.tokens)
        else:
            waiter.set_exception(StopAsyncIteration())
            waiter.exception()  # A reader that is cancelled now will not look: that is no mistake.
