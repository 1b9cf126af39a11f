"""When an exporter looks at the accelerators of its node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol


class Page(Protocol):
    """What an exporter shows."""

    recent_seconds: float

    def open(self) -> None:
        """Look at the start of the short window."""

    def collect(self, now: float) -> None:
        """Take what the accelerators show at `now`, seconds since the exporter's start."""

    def text(self) -> str:
        """Return the page now."""


async def collect_for_ever(
    page: Page,
    look: Callable[[], Awaitable[None]],
    *,
    first_seconds: float,
    interval_seconds: float,
    speed: float,
) -> None:
    """Collect again and again, each time with a look at the start of the short window before.

    Collections that can't be had in time are left out, as Go's tickers do.

    Args:
        page: for which.
        look: asks the node's servers.
        first_seconds: from now to the first collection.
        interval_seconds: from one to the next.
        speed: model seconds per second; the others are the model's.
    """
    loop = asyncio.get_running_loop()
    start, due = loop.time(), first_seconds
    while True:
        await _until(start + (due - min(page.recent_seconds, interval_seconds)) / speed)
        await look()
        page.open()
        await _until(start + due / speed)
        await look()
        page.collect(due)
        late = (loop.time() - start) * speed - due
        due += max(1, int(late // interval_seconds)) * interval_seconds


async def _until(seconds: float) -> None:
    await asyncio.sleep(max(seconds - asyncio.get_running_loop().time(), 0.0))
