"""Tokens on their way from the engine's step to a client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mock_servers.serving.following import Render, follow
from mock_servers.serving.http import WRITE_NOW, Exchange, Message
from mock_servers.serving.streams import Stream
from scalecert.engines.request_log import Status

TOKENS = 6


class Client:
    """What is written to a client, and whether it keeps up.

    Args:
        keeps_up: whether pieces can be written without waiting for it.
    """

    def __init__(self, *, keeps_up: bool = True) -> None:
        self.keeps_up = keeps_up
        self.pieces: list[bytes] = []
        self.waited = 0
        self.ready = asyncio.Event()

    def exchange(self) -> Exchange:
        scope: Message = {"type": "http", "method": "POST", "path": "/", "headers": []}
        scope["state"] = {WRITE_NOW: self.write_now}
        return Exchange(scope, self.receive, self.send, most_body_bytes=0)

    def write_now(self, piece: bytes) -> bool:
        if self.keeps_up:
            self.pieces.append(piece)
        return self.keeps_up

    async def receive(self) -> Message:
        raise AssertionError

    async def send(self, message: Message) -> None:
        await self.ready.wait()
        self.ready.clear()
        self.waited += 1
        self.pieces.append(message["body"])


def a_stream() -> Stream:
    return Stream(0, 1, TOKENS, 0.0)


def places(begin: int, end: int) -> bytes:
    return b"".join(b"%d," % place for place in range(begin, end))


def following(
    client: Client, stream: Stream, act: Callable[[], Awaitable[None]], render: Render = places
) -> Status:
    """Follow a stream while something happens to it; return how it ended."""

    async def run() -> Status:
        task = asyncio.create_task(follow(client.exchange(), stream, render))
        await asyncio.sleep(0)
        await act()
        return await task

    return asyncio.run(run())


def test_tokens_are_written_within_the_step() -> None:
    """Those that were there before come at once; nothing is left to another turn of the loop."""
    client, stream = Client(), a_stream()
    seen: list[list[bytes]] = []

    async def act() -> None:
        for tokens in (3, 4, TOKENS):
            seen.append(list(client.pieces))
            stream.reach(tokens)
        stream.end(Status.OK)

    stream.reach(2)
    assert following(client, stream, act) is Status.OK
    assert seen == [[b"0,1,"], [b"0,1,", b"2,"], [b"0,1,", b"2,", b"3,"]]
    assert client.pieces[-1] == b"4,5,"


@pytest.mark.parametrize("status", [Status.OK, Status.ABORTED])
def test_a_slow_client_gets_everything(status: Status) -> None:
    """What becomes due while it does not read comes in one piece, and the end only after that."""
    client, stream = Client(keeps_up=False), a_stream()

    async def act() -> None:
        for tokens in range(1, TOKENS + 1):
            stream.reach(tokens)
        stream.end(status)
        client.ready.set()
        while client.waited < 1:
            await asyncio.sleep(0)
        client.keeps_up = True
        client.ready.set()

    assert following(client, stream, act) is status
    assert client.pieces == [b"0,", b"1,2,3,4,5,"]


@pytest.mark.parametrize("status", [Status.REJECTED, Status.ABORTED])
def test_an_end_without_tokens(status: Status) -> None:
    """Nothing is written, and the caller learns how the request ended."""
    client, stream = Client(), a_stream()

    async def act() -> None:
        stream.end(status)

    assert following(client, stream, act) is status
    assert client.pieces == []


def test_a_stream_that_has_ended_before() -> None:
    """It is written as a whole at once."""
    client, stream = Client(), a_stream()
    stream.reach(TOKENS)
    stream.end(Status.OK)

    async def act() -> None:
        assert client.pieces == [places(0, TOKENS)]

    assert following(client, stream, act) is Status.OK


def test_what_cannot_be_rendered_fails_the_answer_alone() -> None:
    """The engine's step goes on for the others; who waits for the answer gets the exception."""
    client, stream = Client(), a_stream()

    def broken(begin: int, end: int) -> bytes:
        raise ValueError(f"{begin} {end}")

    async def act() -> None:
        stream.reach(1)
        stream.reach(2)
        stream.end(Status.OK)

    with pytest.raises(ValueError, match="0 1"):
        following(client, stream, act, broken)


def test_who_stops_waiting_writes_no_more() -> None:
    """An answer that is cancelled, as at the server's end, leaves no task behind."""
    client, stream = Client(keeps_up=False), a_stream()

    async def run() -> int:
        task = asyncio.create_task(follow(client.exchange(), stream, places))
        await asyncio.sleep(0)
        stream.reach(1)
        task.cancel()
        await asyncio.wait([task])
        stream.reach(2)
        await asyncio.sleep(0)
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(run()) == 0
    assert client.pieces == []
