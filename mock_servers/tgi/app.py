"""TGI's router as an ASGI application: paths, keys, what pages of other origins may do."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mock_servers.serving.backend import Backend
from mock_servers.serving.http import TEXT, Exchange, Handler, Message, Receive, Routes, Send
from mock_servers.serving.streams import ServerEndedError
from mock_servers.tgi.body_reading import RejectedBodyError
from mock_servers.tgi.generation import GenerationApi
from mock_servers.tgi.metrics_page import metrics_page
from mock_servers.tgi.openai import OpenAiApi
from mock_servers.tgi.options import RouterOptions, ServerIdentity
from mock_servers.tgi.refusals import RefusedError, incomplete, unhealthy
from mock_servers.tgi.router import Router
from mock_servers.tgi.tokenizing import TokenizingApi

_METHODS = {"POST": "POST", "GET": "GET,HEAD"}
"""What a method is called where a path is said to have others."""
_VARY = b"origin, access-control-request-method, access-control-request-headers"


def tgi_app(backend: Backend) -> TgiRoutes:
    """Return the API of a TGI server.

    Raises:
        UsageError: for a flag value that the real server would not take.
    """
    options, identity = RouterOptions.of(backend), ServerIdentity.of(backend)
    router = Router(backend, options.limits)
    generation, openai = GenerationApi(router, identity), OpenAiApi(router, identity)
    tokenizing = TokenizingApi(router)

    async def health(exchange: Exchange) -> None:
        await exchange.reply(200, b"", "")

    async def info(exchange: Exchange) -> None:
        await exchange.reply(200, msgspec.json.encode(identity.info(options)))

    async def models(exchange: Exchange) -> None:
        await exchange.reply(200, msgspec.json.encode(identity.models()))

    async def metrics(exchange: Exchange) -> None:
        await exchange.reply(200, metrics_page(router.families()), TEXT)

    posted: dict[str, Handler] = {
        "/": generation.compatible,
        "/generate": generation.generate,
        "/generate_stream": generation.generate_stream,
        "/v1/chat/completions": openai.chat,
        "/v1/completions": openai.completions,
        "/tokenize": tokenizing.tokenize,
    }
    shown: dict[str, Handler] = {
        "/": health,
        "/health": health,
        "/ping": health,
        "/info": info,
        "/v1/models": models,
        "/metrics": metrics,
    }
    handlers: dict[str, dict[str, Handler]] = {
        path: {"POST": _answered(_keyed(handler, options.api_key))}
        for path, handler in posted.items()
    }
    handlers["/chat_tokenize"] = {"POST": _answered(tokenizing.chat_tokenize)}
    for path, handler in shown.items():
        answering = _answered(handler)
        handlers.setdefault(path, {}).update({"GET": answering, "HEAD": answering})
    return TgiRoutes(handlers, options, backend)


class TgiRoutes(Routes):
    """The handlers, and what axum and tower put around them.

    While the model is loaded every answer is that of a server which is not well; the real one's
    port is closed then.

    Args:
        handlers: by path, then by method.
        options: of the server.
        backend: whose model it is.
    """

    def __init__(
        self,
        handlers: Mapping[str, Mapping[str, Handler]],
        options: RouterOptions,
        backend: Backend,
    ) -> None:
        super().__init__(
            handlers,
            unknown=_unknown,
            not_allowed=self._not_allowed_here,
            too_large=_too_large,
            failed=_failed,
            most_body_bytes=options.most_body_bytes,
        )
        self._allowed = {
            path: ",".join(_METHODS[method] for method in methods if method in _METHODS)
            for path, methods in handlers.items()
        }
        self._origins = options.allowed_origins
        self._backend = backend

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        send = self._with_cors(scope, send)
        if scope["method"] == "OPTIONS":
            await self._preflight(self._exchange(scope, receive, send))
        elif not self._backend.ready:
            await _loading(self._exchange(scope, receive, send))
        else:
            await super().__call__(scope, receive, send)

    async def fail(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request as if its handler had failed (ASGI)."""
        await super().fail(scope, receive, self._with_cors(scope, send))

    async def _preflight(self, exchange: Exchange) -> None:
        """Say what pages of other origins may send (tower-http 0.5.2, src/cors)."""
        headers = {
            "access-control-allow-methods": "GET,POST",
            "access-control-allow-headers": "content-type",
        }
        if exchange.path in self._allowed:
            headers["allow"] = self._allowed[exchange.path]
        await exchange.reply(200, b"", "", headers=tuple(headers.items()))

    async def _not_allowed_here(self, exchange: Exchange) -> None:
        allow = self._allowed[exchange.path]
        await exchange.reply(405, b"", "", headers=(("allow", allow),))

    def _with_cors(self, scope: Message, send: Send) -> Send:
        """Return `send` with the headers that every answer has."""
        headers = [(b"vary", _VARY)]
        origin = dict(scope["headers"]).get(b"origin", b"")
        if self._origins is None:
            headers.append((b"access-control-allow-origin", b"*"))
        elif origin.decode("latin-1") in self._origins:
            headers.append((b"access-control-allow-origin", origin))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *headers]}
            await send(message)

        return with_headers


def _answered(handler: Handler) -> Handler:
    """Return a handler that answers what is refused; an answer that is cut off gets no end."""

    async def answered(exchange: Exchange) -> None:
        try:
            await handler(exchange)
        except RejectedBodyError as rejected:
            await exchange.reply(rejected.status, rejected.text.encode(), TEXT)
        except RefusedError as refused:
            await exchange.reply(refused.status, refused.body)
        except ServerEndedError:
            exchange.cut_off()

    return answered


def _keyed(handler: Handler, api_key: str | None) -> Handler:
    """Return a handler that only those reach who have the key."""
    if api_key is None:
        return handler
    expected = f"bearer {api_key.lower()}"

    async def keyed(exchange: Exchange) -> None:
        if exchange.header("authorization").lower() == expected:
            await handler(exchange)
        else:
            await exchange.reply(401, b"", "")

    return keyed


async def _loading(exchange: Exchange) -> None:
    refused = unhealthy()
    await exchange.reply(refused.status, refused.body)


async def _unknown(exchange: Exchange) -> None:
    await exchange.reply(404, b"", "")


async def _too_large(exchange: Exchange) -> None:
    await exchange.reply(413, b"Failed to buffer the request body: length limit exceeded", TEXT)


async def _failed(exchange: Exchange) -> None:
    refused = incomplete()
    await exchange.reply(refused.status, refused.body)
