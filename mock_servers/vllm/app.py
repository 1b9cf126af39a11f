"""vLLM's API as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from mock_servers.serving.backend import Backend
from mock_servers.serving.fastapi import (
    UNREADABLE,
    UnreadableError,
    method_not_allowed,
    unknown_path,
)
from mock_servers.serving.http import JSON, Exchange, Handler, Routes
from mock_servers.serving.python_metrics import CONTENT_TYPE
from mock_servers.vllm import VERSION
from mock_servers.vllm.api_keys import UNAUTHORIZED, may_ask
from mock_servers.vllm.generation import chat, completions
from mock_servers.vllm.http_metrics import UNCOUNTED, UNKNOWN
from mock_servers.vllm.refusals import RefusalError, engine_dead
from mock_servers.vllm.server import Server, random_id, whole_seconds
from mock_servers.vllm.tokenizing import detokenize, tokenize

Endpoint = Callable[[Server, Exchange], Awaitable[None]]

_TEXT_PATHS = ("/v1/completions", "/v1/chat/completions")


def vllm_app(backend: Backend) -> Routes:
    """Return the API of a vLLM server."""
    server = Server(backend)
    endpoints: dict[str, dict[str, Endpoint]] = {
        "/health": {"GET": _health},
        "/ping": {"GET": _health, "POST": _health},
        "/load": {"GET": _load},
        "/version": {"GET": _version},
        "/metrics": {"GET": _metrics},
        "/metrics/": {"GET": _metrics},
        "/v1/models": {"GET": _models},
        "/v1/completions": {"POST": completions},
        "/v1/chat/completions": {"POST": chat},
        "/tokenize": {"POST": tokenize},
        "/detokenize": {"POST": detokenize},
    }
    handlers = {
        path: {method: _served(server, path, endpoint) for method, endpoint in methods.items()}
        for path, methods in endpoints.items()
    }
    return Routes(
        handlers,
        unknown=_served(server, UNKNOWN, _of_fastapi(unknown_path(endpoints))),
        not_allowed=_served(server, UNKNOWN, _of_fastapi(method_not_allowed(endpoints))),
        too_large=_served(server, UNKNOWN, _too_large),
        failed=_served(server, UNKNOWN, _failed),
        most_body_bytes=backend.given.most_body_bytes,
    )


def _of_fastapi(handler: Handler) -> Endpoint:
    """Return an endpoint that no vLLM stands behind."""
    return lambda _, exchange: handler(exchange)


def _served(server: Server, handler: str, endpoint: Endpoint) -> Handler:
    """Return a handler that refuses as vLLM does, and counts what it has answered.

    Who may not ask is not counted: that is looked at before, as in vLLM.
    """
    counts_load = server.counts_load and handler in _TEXT_PATHS

    async def serve(exchange: Exchange) -> None:
        if not may_ask(server.keys, exchange):
            await exchange.reply(401, UNAUTHORIZED)
            return
        begin = server.backend.pacer.now()
        server.load += counts_load
        try:
            await _answer(server, exchange, endpoint)
        finally:
            server.load -= counts_load
            if handler not in UNCOUNTED and exchange.status:
                server.http.observe(
                    handler,
                    exchange.method,
                    exchange.status,
                    asked_bytes=int(exchange.header("content-length", "0") or 0),
                    answered_bytes=exchange.answer_bytes,
                    seconds=server.backend.pacer.now() - begin,
                )

    return serve


async def _answer(server: Server, exchange: Exchange, endpoint: Endpoint) -> None:
    """Answer a request, or refuse it; while the model is loaded the server is not there."""
    if not server.backend.ready:
        await exchange.reply(503, content_type="")
        return
    try:
        await endpoint(server, exchange)
    except RefusalError as refusal:
        await exchange.reply(refusal.status, refusal.body())
    except UnreadableError:
        await exchange.reply(400, UNREADABLE)
    except UnicodeEncodeError as error:
        # Half a surrogate pair, which JSON can hold: vLLM refuses what raises a ValueError.
        await exchange.reply(400, RefusalError(str(error)).body())


async def _health(_: Server, exchange: Exchange) -> None:
    await exchange.reply(200, content_type="")


async def _load(server: Server, exchange: Exchange) -> None:
    await exchange.reply(200, msgspec.json.encode({"server_load": server.load}))


async def _version(_: Server, exchange: Exchange) -> None:
    await exchange.reply(200, msgspec.json.encode({"version": VERSION}))


async def _metrics(server: Server, exchange: Exchange) -> None:
    await exchange.reply(200, server.page.text(), CONTENT_TYPE)


async def _models(server: Server, exchange: Exchange) -> None:
    """List the model once for each of its names, as if made now."""
    cards = [_card(server, name) for name in server.names]
    await exchange.reply(200, msgspec.json.encode({"object": "list", "data": cards}), JSON)


def _card(server: Server, name: str) -> dict[str, object]:
    created = whole_seconds()
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "vllm",
        "root": server.root,
        "parent": None,
        "max_model_len": server.context,
        "permission": [{
            "id": f"modelperm-{random_id()}",
            "object": "model_permission",
            "created": created,
            "allow_create_engine": False,
            "allow_sampling": True,
            "allow_logprobs": True,
            "allow_search_indices": False,
            "allow_view": True,
            "allow_fine_tuning": False,
            "organization": "*",
            "group": None,
            "is_blocking": False,
        }],
    }  # fmt: skip


async def _too_large(_: Server, exchange: Exchange) -> None:
    """Answer a longer body than is taken: vLLM's Python server takes any, so this is our own."""
    most = exchange.most_body_bytes
    message = f"The request body is larger than {most} bytes."
    await exchange.reply(413, RefusalError(message, status=413, kind="Content Too Large").body())


async def _failed(_: Server, exchange: Exchange) -> None:
    await exchange.reply(500, engine_dead().body())
