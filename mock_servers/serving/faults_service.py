"""The faults' own port: a small JSON API, on loopback whatever the server listens on.

GET /faults       what is wrong now
PUT /faults       change some of it: {"hang": true}
DELETE /faults    nothing is wrong any more
GET /requests     the books of every service
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import msgspec

from mock_servers.serving.faults import NOTHING_WRONG, Faults, Settings
from mock_servers.serving.http import Exchange, Routes
from mock_servers.serving.services import HttpService
from scalecert.documents.decoding import decode
from scalecert.documents.reading import parse_documents
from scalecert.errors import UsageError
from scalecert.lines import one_line

_HOST = "127.0.0.1"
_MOST_BODY_BYTES = 4096
_NAME = "PUT /faults"
_WHAT_THERE_IS = "GET, PUT and DELETE /faults, GET /requests"


def faults_service(faults: Faults, port: int) -> HttpService:
    """Return the service of the faults' port.

    Raises:
        UsageError: if the port can't be had.
    """
    app = faults_app(faults)
    return HttpService("faults", app, _HOST, port, server_header="", open_to_the_end=True)


def faults_app(faults: Faults) -> Routes:
    """Return the application of the faults' port."""

    async def show(exchange: Exchange) -> None:
        await _reply(exchange, faults.settings())

    async def change(exchange: Exchange) -> None:
        await apply(exchange, partial(_changed, faults.settings(), await exchange.body()))

    async def clear(exchange: Exchange) -> None:
        await apply(exchange, lambda: NOTHING_WRONG)

    async def apply(exchange: Exchange, wanted: Callable[[], Settings]) -> None:
        try:
            await faults.change(wanted())
        except UsageError as error:
            await _refuse(exchange, str(error), 400)
        else:
            await show(exchange)

    async def requests(exchange: Exchange) -> None:
        books = {
            service.name: asdict(service.books) | {"outstanding": service.books.outstanding()}
            for service in faults.services
        }
        await _reply(exchange, books)

    return Routes(
        {
            "/faults": {"GET": show, "PUT": change, "DELETE": clear},
            "/requests": {"GET": requests},
        },
        unknown=_unknown,
        not_allowed=_not_allowed,
        too_large=_too_large,
        most_body_bytes=_MOST_BODY_BYTES,
    )


async def _unknown(exchange: Exchange) -> None:
    await _refuse(exchange, f"{exchange.path}: expected {_WHAT_THERE_IS}", 404)


async def _not_allowed(exchange: Exchange) -> None:
    await _refuse(exchange, f"{exchange.method}: expected {_WHAT_THERE_IS}", 405)


async def _too_large(exchange: Exchange) -> None:
    await _refuse(exchange, f"found more than {_MOST_BODY_BYTES} bytes, expected faults", 413)


def _changed(now: Settings, body: bytes) -> Settings:
    """Return the settings with what a body changes.

    Raises:
        UsageError: for what is no fault, or not of its type.
    """
    documents = parse_documents(body, _NAME)
    if len(documents) != 1:
        raise UsageError('expected a JSON object such as {"hang": true}', file=_NAME)
    (document,) = documents
    given = decode(document, Settings)
    names = document.value if isinstance(document.value, dict) else ()
    changes = {
        field.name: getattr(given, field.name)
        for field in msgspec.structs.fields(Settings)
        if field.encode_name in names
    }
    return msgspec.structs.replace(now, **{"loading_seconds": None, **changes})


async def _refuse(exchange: Exchange, error: str, status: int) -> None:
    await _reply(exchange, {"error": one_line(error)}, status)


async def _reply(exchange: Exchange, answer: object, status: int = 200) -> None:
    await exchange.reply(status, msgspec.json.encode(answer) + b"\n")
