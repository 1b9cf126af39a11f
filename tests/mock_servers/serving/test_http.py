"""Requests and answers as an application sees them."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
from mock_apps import Answer, ask

from mock_servers.serving.books import REFUSED
from mock_servers.serving.http import EVENT_STREAM, TEXT, ClientGoneError, Exchange, Handler, Routes


async def name(exchange: Exchange, text: str, status: int = 200) -> None:
    await exchange.reply(status, text.encode(), TEXT)


def routes(handler: Handler, most_body_bytes: int = 10) -> Routes:
    return Routes(
        {"/it": {"GET": handler, "POST": handler}},
        unknown=lambda exchange: name(exchange, "unknown", 404),
        not_allowed=lambda exchange: name(exchange, "not allowed", 405),
        too_large=lambda exchange: name(exchange, "too large", 413),
        failed=lambda exchange: name(exchange, "failed", 500),
        most_body_bytes=most_body_bytes,
    )


def answer(handler: Handler, method: str, target: str, body: bytes = b"") -> Answer:
    return asyncio.run(ask(routes(handler), method, target, body))


async def echo(exchange: Exchange) -> None:
    await exchange.reply(200, await exchange.body(), TEXT, [("x-was", exchange.method)])


@pytest.mark.parametrize(
    ("method", "target", "status", "body"),
    [
        ("POST", "/it", 200, b"sent"),
        ("POST", "/it?query", 200, b"sent"),
        ("POST", "/other", 404, b"unknown"),
        ("POST", "/it/", 404, b"unknown"),
        ("DELETE", "/it", 405, b"not allowed"),
    ],
)
def test_path_and_method_decide(method: str, target: str, status: int, body: bytes) -> None:
    """Each way that a request can miss has its own answer, as real servers have."""
    found = answer(echo, method, target, b"sent")
    assert (found.status, found.body, found.complete) == (status, body, True)
    assert found.headers["content-length"] == str(len(body))


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
def test_a_body_has_a_limit(size: int, status: int) -> None:
    """Up to it the body is read, beyond it refused."""
    assert answer(echo, "POST", "/it", b"x" * size).status == status


def test_a_body_that_does_not_say_how_long_it_is_has_the_same_limit() -> None:
    """It is refused with the piece that is too much; what comes after it is not asked for."""
    pieces = [b"x" * 6] * 100
    found: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": pieces.pop(), "more_body": True}

    async def send(message: dict[str, int]) -> None:
        found.append(message.get("status", 0))

    scope = {"type": "http", "method": "POST", "path": "/it", "headers": [], "state": {}}
    asyncio.run(routes(echo)(scope, receive, send))
    assert found[0] == 413
    assert len(pieces) == 98


def test_headers_and_query_are_read() -> None:
    """Headers by their name in lower case, queries with all their values."""
    seen: list[object] = []

    async def look(exchange: Exchange) -> None:
        seen.extend((exchange.header("x-one"), exchange.header("x-two", "none"), exchange.query()))
        await exchange.reply(200)

    target = f"/it?a=1&a=2&b={quote('ü')}"
    asyncio.run(ask(routes(look), "GET", target, headers={"X-One": "ü"}))
    assert seen == ["ü", "none", {"a": ["1", "2"], "b": ["ü"]}]


def test_an_answer_can_be_streamed() -> None:
    """Piece by piece, with a content type of events."""

    async def stream(exchange: Exchange) -> None:
        await exchange.start_stream(headers=[("x-more", "1")])
        await exchange.write(b"one")
        await exchange.end(b"two")

    found = answer(stream, "GET", "/it")
    assert found.pieces == [b"one", b"two"]
    assert found.complete
    assert found.headers == {"x-more": "1", "content-type": EVENT_STREAM}


@pytest.mark.parametrize("begun", [False, True])
def test_what_a_handler_raises_is_one_line(begun: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Before an answer it is the server's own internal error, within one the end is missing."""

    async def fail(exchange: Exchange) -> None:
        if begun:
            await exchange.start_stream()
        raise KeyError("a\nb")

    found = answer(fail, "GET", "/it")
    assert (found.status, found.body) == ((200, b"") if begun else (500, b"failed"))
    assert found.complete is not begun
    assert capsys.readouterr().err == ("scalecert: GET /it: internal error: KeyError: 'a\\nb'\n")


def test_a_client_that_left_before_its_request_was_complete_gets_nothing() -> None:
    """And the handler sees it as an exception, which is no internal error."""
    seen: list[bool] = []

    async def read(exchange: Exchange) -> None:
        try:
            await exchange.body()
        except ClientGoneError:
            seen.append(True)
            raise

    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        seen.append(False)

    scope = {"type": "http", "method": "POST", "path": "/it", "headers": [], "state": {}}
    asyncio.run(routes(read)(scope, gone, send))
    assert seen == [True]


@pytest.mark.parametrize(("status", "refused"), [(200, False), (399, False), (400, True)])
def test_an_error_status_is_a_refusal_in_the_books(status: int, refused: bool) -> None:
    """Dialects need not say so themselves."""
    state: dict[str, object] = {}

    async def reply(exchange: Exchange) -> None:
        await exchange.reply(status)
        state.update(exchange.scope["state"])

    answer(reply, "GET", "/it")
    assert (REFUSED in state) is refused


def test_a_request_can_be_answered_as_if_its_handler_had_failed() -> None:
    """What a fault does: no line on stderr, the handler is not called."""
    found: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        found.append(message)

    async def receive() -> dict[str, object]:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": "/it", "headers": [], "state": {}}
    asyncio.run(routes(echo).fail(scope, receive, send))
    assert [message.get("status") for message in found] == [500, None]


def test_other_protocols_are_not_served() -> None:
    """ASGI's lifespan and web sockets: the server is told not to try."""
    with pytest.raises(ValueError, match="an ASGI scope of type websocket"):
        asyncio.run(routes(echo)({"type": "websocket"}, None, None))
