"""Connections: what they bear, and that the books balance whatever clients do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from urllib.parse import urlsplit

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_servers.serving.books import Books
from mock_servers.serving.http import TEXT, Exchange, Handler, Routes
from mock_servers.serving.limits import HttpLimits
from mock_servers.serving.services import HttpService

LIMIT_SECONDS = 30.0
SMALL = HttpLimits(connections=2, head_bytes=1000, headers=10, pipelined=3)


def routes(stream: Handler | None = None) -> Routes:
    """An application: `/` answers, `/stream` is a test's own."""

    async def hello(exchange: Exchange) -> None:
        body = await exchange.body()
        await exchange.reply(200, b"hello " + body, TEXT)

    async def unknown(exchange: Exchange) -> None:
        await exchange.reply(404)

    async def too_large(exchange: Exchange) -> None:
        await exchange.reply(413, b"too large", TEXT)

    return Routes(
        {"/": {"GET": hello, "POST": hello}, "/stream": {"GET": stream or hello}},
        unknown=unknown,
        not_allowed=unknown,
        too_large=too_large,
        most_body_bytes=100,
    )


@asynccontextmanager
async def served(
    app: Routes, limits: HttpLimits = SMALL, **options: object
) -> AsyncIterator[HttpService]:
    service = HttpService("API", app, "127.0.0.1", 0, limits=limits, **options)
    await service.start()
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            yield service
    finally:
        await service.stop()


async def connect(service: HttpService) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(service.address)
    return await asyncio.open_connection(place.hostname, place.port)


async def answer_to(service: HttpService, sent: bytes) -> bytes:
    """All that comes back on a connection of its own until the server closes it."""
    reader, writer = await connect(service)
    writer.write(sent)
    answer = await read_all(reader)
    writer.close()
    return answer


async def read_all(reader: asyncio.StreamReader) -> bytes:
    answer = b""
    try:
        while more := await reader.read(65536):
            answer += more
    except ConnectionError:
        pass
    return answer


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def run(test: Callable[[], Awaitable[None]]) -> None:
    uvloop.run(test())


def assert_balanced(books: Books, **expected: int) -> None:
    assert asdict(books) | {"outstanding": books.outstanding()} == {
        **dict.fromkeys(asdict(Books()), 0),
        "outstanding": 0,
        **expected,
    }


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nx: " + b"y" * 2000 + b"\r\n\r\n", 431, id="long header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 11 + b"\r\n", 431, id="many headers"),
        pytest.param(b"GET /" + b"y" * 2000 + b" HTTP/1.1\r\n\r\n", 431, id="long target"),
        pytest.param(b"GET / HTTP/1.1\r\nx: " + b"y" * 2000, 431, id="endless header"),
        pytest.param(b"GET /" + b"y" * 2000, 431, id="endless target"),
        pytest.param(b"\x16\x03\x01\x02\x00", 400, id="TLS"),
        pytest.param(b"GET /\xff HTTP/1.1\r\n\r\n", 400, id="no ASCII"),
        pytest.param(
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400, id="no chunk"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12", 400, id="two"
        ),
    ],
)
def test_what_is_too_much_or_no_http_is_refused(sent: bytes, status: int) -> None:
    """431 or 400, then the connection closes; the books know of one refused request."""

    async def test() -> None:
        async with served(routes()) as service:
            answer = await answer_to(service, sent)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert b"connection: close" in answer
        assert_balanced(service.books, received=1, refused=1)

    run(test)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_refused(chunked: bool) -> None:
    """With a length it is refused before it is read, without one once too much of it came."""
    if chunked:
        head, body = b"transfer-encoding: chunked", b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n"
    else:
        head, body = b"content-length: 101", b"x" * 101

    async def test() -> None:
        async with served(routes()) as service:
            sent = b"POST / HTTP/1.1\r\nconnection: close\r\n" + head + b"\r\n\r\n" + body
            assert (await answer_to(service, sent)).endswith(b"too large")
        assert_balanced(service.books, received=1, refused=1)

    run(test)


def test_pipelined_requests_are_answered_in_order() -> None:
    """As HTTP asks for."""

    async def test() -> None:
        async with served(routes()) as service:
            post = b"POST / HTTP/1.1\r\ncontent-length: 1\r\n"
            sent = post + b"\r\n1" + post + b"\r\n2" + post + b"connection: close\r\n\r\n3"
            answer = await answer_to(service, sent)
        assert re.findall(b"hello .", answer) == [b"hello 1", b"hello 2", b"hello 3"]
        assert_balanced(service.books, received=3, finished=3)

    run(test)


def test_too_many_pipelined_requests_close_the_connection() -> None:
    """Else one packet could make the server hold thousands; none of them is lost in the books."""

    async def test() -> None:
        async with served(routes()) as service:
            assert await answer_to(service, b"GET / HTTP/1.1\r\n\r\n" * 100) == b""
            await until(lambda: service.books.outstanding() == 0)
        assert service.books.received == service.books.aborted == SMALL.pipelined + 1

    run(test)


def test_one_connection_too_many_is_turned_away() -> None:
    """With 503, whatever it wants; those that are there stay, and a free place is given again."""

    async def test() -> None:
        async with served(routes()) as service:
            first, _ = here = [await connect(service) for _ in range(2)]
            await until(lambda: len(service._connections()) == 2)
            assert (await answer_to(service, b"")).startswith(b"HTTP/1.1 503 ")
            first[1].write(b"GET / HTTP/1.1\r\n\r\n")
            assert (await first[0].readline()).startswith(b"HTTP/1.1 200 ")
            here[1][1].close()
            await until(lambda: len(service._connections()) == 1)
            last = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n"
            assert (await answer_to(service, last)).startswith(b"HTTP/1.1 200 ")
            first[1].close()
        assert_balanced(service.books, received=2, finished=2, turned_away=1)

    run(test)


@pytest.mark.parametrize("way", ["close", "reset", "half"])
def test_a_client_that_leaves_is_noticed_and_booked(way: str) -> None:
    """However it leaves: the handler is told, nothing is written any more."""
    told = []

    async def stream(exchange: Exchange) -> None:
        gone = asyncio.Event()
        async with exchange.watched(gone.set):
            await exchange.start_stream()
            await exchange.write(b"one")
            await gone.wait()
        told.append(1)
        await exchange.end(b"two")

    async def test() -> None:
        async with served(routes(stream)) as service:
            reader, writer = await connect(service)
            writer.write(b"GET /stream HTTP/1.1\r\n\r\n")
            await reader.readuntil(b"one")
            if way == "half":
                writer.write_eof()
                assert b"two" not in await read_all(reader)
            elif way == "reset":
                writer.transport.abort()
            else:
                writer.close()
            await until(lambda: bool(told))
            await until(lambda: service.books.outstanding() == 0)
            writer.close()
        assert_balanced(service.books, received=1, disconnected=1)

    run(test)


def test_a_client_that_leaves_with_requests_waiting_is_booked_with_each() -> None:
    """The first is told, the pipelined ones are never begun."""
    begun, told = [], []

    async def stream(exchange: Exchange) -> None:
        begun.append(1)
        gone = asyncio.Event()
        async with exchange.watched(gone.set):
            await gone.wait()
            told.append(1)

    async def test() -> None:
        async with served(routes(stream)) as service:
            _, writer = await connect(service)
            writer.write(b"GET /stream HTTP/1.1\r\n\r\n" * 3)
            await until(lambda: service.books.received == 3)
            writer.transport.abort()
            await until(lambda: bool(told))
            await until(lambda: service.books.outstanding() == 0)
        assert_balanced(service.books, received=3, disconnected=3)
        assert begun == [1]

    run(test)


def test_a_handler_that_fails_is_an_internal_error(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what, no traceback; the connection lives on."""

    async def stream(_: Exchange) -> None:
        raise ValueError("no\nwonder")

    async def test() -> None:
        async with served(routes(stream)) as service:
            sent = b"GET /stream HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nconnection: close\r\n\r\n"
            answer = await answer_to(service, sent)
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"Internal Server Error" in answer
        assert b"hello" in answer
        assert_balanced(service.books, received=2, finished=1, refused=1)

    run(test)
    assert capsys.readouterr().err == (
        "scalecert: GET /stream: internal error: ValueError: no wonder\n"
    )


def test_a_handler_that_fails_in_the_middle_breaks_off(capsys: pytest.CaptureFixture[str]) -> None:
    """No client can take half an answer for a whole one: the last chunk is missing."""

    async def stream(exchange: Exchange) -> None:
        await exchange.start_stream()
        await exchange.write(b"half")
        raise ValueError("so far")

    async def test() -> None:
        async with served(routes(stream)) as service:
            answer = await answer_to(service, b"GET /stream HTTP/1.1\r\n\r\n")
        assert answer.endswith(b"4\r\nhalf\r\n")
        assert_balanced(service.books, received=1, aborted=1)

    run(test)
    assert capsys.readouterr().err.count("\n") == 1


def test_an_error_told_within_an_answer_is_a_refusal() -> None:
    """What streams answer with 200 and an error event is refused in the books."""

    async def stream(exchange: Exchange) -> None:
        await exchange.start_stream()
        exchange.refused()
        await exchange.end(b"error")

    async def test() -> None:
        async with served(routes(stream)) as service:
            await answer_to(service, b"GET /stream HTTP/1.1\r\nconnection: close\r\n\r\n")
        assert_balanced(service.books, received=1, refused=1)

    run(test)


def test_a_client_that_does_not_read_costs_no_memory() -> None:
    """Writing waits for it; nothing piles up but what the kernel and one buffer hold."""
    written = []

    async def stream(exchange: Exchange) -> None:
        gone = asyncio.Event()
        async with exchange.watched(gone.set):
            await exchange.start_stream()
            while not gone.is_set():
                await exchange.write(b"x" * 65536)
                written.append(65536)

    async def test() -> None:
        async with served(routes(stream)) as service:
            _, writer = await connect(service)
            writer.transport.pause_reading()
            writer.write(b"GET /stream HTTP/1.1\r\n\r\n")
            before = -1
            while len(written) != before:
                before = len(written)
                await asyncio.sleep(0.05)
            (connection,) = service._connections()
            assert connection.transport.get_write_buffer_size() < 1 << 20
            writer.transport.abort()
            await until(lambda: service.books.outstanding() == 0)
        assert_balanced(service.books, received=1, disconnected=1)

    run(test)


def test_the_end_waits_for_last_words_but_not_for_long() -> None:
    """An answer that was just ended is still written; a handler that hangs is cut off."""

    async def stream(exchange: Exchange) -> None:
        await exchange.start_stream()
        await exchange.write(b"one")
        await asyncio.Event().wait()

    async def test() -> None:
        async with served(routes(stream)) as service:
            hanging, idle = await connect(service), await connect(service)
            hanging[1].write(b"GET /stream HTTP/1.1\r\n\r\n")
            await hanging[0].readuntil(b"one")
            stopping = asyncio.create_task(service.stop())
            assert await idle[0].read() == b""
            assert b"0\r\n\r\n" not in await read_all(hanging[0])
            await stopping
            with pytest.raises(ConnectionRefusedError):
                await connect(service)
            for _, writer in (hanging, idle):
                writer.close()
        assert_balanced(service.books, received=1, aborted=1)

    run(test)


def test_answers_carry_the_date_and_the_servers_name_if_it_gives_one() -> None:
    """uvicorn calls itself by name, hyper does not."""

    async def test() -> None:
        sent = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n"
        for name in ("uvicorn", ""):
            async with served(routes(), server_header=name) as service:
                answer = await answer_to(service, sent)
            assert (b"server: uvicorn" in answer) == bool(name)
            assert b"date: " in answer

    run(test)


def test_an_idle_connection_is_closed_after_a_time() -> None:
    """After its first answer, as uvicorn does; and never while the server hangs."""

    async def test() -> None:
        async with served(routes(), keep_alive_seconds=0.01) as service:
            reader, writer = await connect(service)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await reader.readuntil(b"hello ")
            service.hold()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(), 0.1)
            await service.release()
            assert await reader.read() == b""
            writer.close()

    run(test)


PIECES = st.one_of(
    st.sampled_from(
        [
            b"GET / HTTP/1.1\r\n",
            b"POST / HTTP/1.1\r\n",
            b"GET /stream HTTP/1.0\r\n",
            b"content-length: 5\r\n",
            b"content-length: 500\r\n",
            b"transfer-encoding: chunked\r\n",
            b"connection: close\r\n",
            b"expect: 100-continue\r\n",
            b"upgrade: websocket\r\nconnection: upgrade\r\n",
            b"\r\n",
            b"12345",
            b"5\r\n12345\r\n",
            b"0\r\n\r\n",
            b"x" * 200,
        ]
    ),
    st.binary(max_size=20),
)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(
    pieces=st.lists(PIECES, max_size=14),
    way=st.sampled_from(["close", "reset", "half"]),
    splits=st.booleans(),
)
def test_whatever_is_sent_ends_in_the_books(pieces: list[bytes], way: str, splits: bool) -> None:
    """Any bytes, in one packet or in many, and any way to leave; the server then serves on."""

    async def test() -> None:
        async with served(routes()) as service:
            reader, writer = await connect(service)
            for piece in pieces:
                if not writer.transport.is_closing():
                    writer.write(piece)
                if splits:
                    await asyncio.sleep(0)
            if way == "half" and not writer.transport.is_closing():
                writer.write_eof()
                await read_all(reader)
            elif way == "reset":
                writer.transport.abort()
            writer.close()
            await until(lambda: not service._connections())
            assert service.books.outstanding() == 0
            received = service.books.received
            last = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n"
            assert (await answer_to(service, last)).endswith(b"hello ")
            await until(lambda: service.books.received == received + 1)

    run(test)
