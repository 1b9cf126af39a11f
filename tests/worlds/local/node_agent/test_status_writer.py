"""Statuses on their way to the API server."""

from __future__ import annotations

import asyncio
from typing import Any

from scalecert.worlds.local.node_agent.status_writer import StatusWriter


def test_the_newest_is_written_last_and_never_two_at_a_time():
    """What came meanwhile and is old by now is left out."""
    written: list[int] = []
    writing = 0

    async def write(status: dict[str, Any]) -> None:
        nonlocal writing
        writing += 1
        assert writing == 1
        await asyncio.sleep(0)
        written.append(status["n"])
        writing -= 1

    async def run() -> None:
        writer = StatusWriter(write)
        writer.put({"n": 0})
        await asyncio.sleep(0)
        for n in range(1, 5):
            writer.put({"n": n})
        await writer.flush()
        writer.put({"n": 5})
        await writer.flush()

    asyncio.run(run())
    assert written == [0, 4, 5]


def test_what_says_nothing_new_is_not_written():
    """A probe that succeeds again changes nothing."""
    written: list[dict[str, Any]] = []

    async def write(status: dict[str, Any]) -> None:
        written.append(status)

    async def run() -> None:
        writer = StatusWriter(write)
        for _ in range(3):
            writer.put({"ready": True})
            await writer.flush()

    asyncio.run(run())
    assert written == [{"ready": True}]
