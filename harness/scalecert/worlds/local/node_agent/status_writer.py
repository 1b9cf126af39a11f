"""Writes one pod's status: in order, the newest only, and never two at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Write = Callable[[dict[str, Any]], Awaitable[None]]
"""Writes a status; whatever goes wrong for good is told by the caller of it."""


class StatusWriter:
    """The statuses of one pod on their way to the API server.

    While one is written, newer ones replace each other: what is written last is the last one.

    Args:
        write: writes one.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._newest: dict[str, Any] | None = None
        self._last: dict[str, Any] | None = None
        self._task: asyncio.Task[None] | None = None

    def put(self, status: dict[str, Any]) -> None:
        """Write a status as soon as may be, unless it says nothing new."""
        if status == self._last:
            return
        self._newest = self._last = status
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def flush(self) -> None:
        """Wait until the last status is written."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._newest is not None:
            status, self._newest = self._newest, None
            await self._write(status)
