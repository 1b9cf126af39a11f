"""The process: an aggregated API server over TLS, whose one client is kube-apiserver."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import uvicorn

from scalecert.clock import unix_seconds
from scalecert.worlds.local.metrics_apis import answers
from scalecert.worlds.local.metrics_apis.answers import Answer
from scalecert.worlds.local.metrics_apis.assembly import assembled
from scalecert.worlds.local.metrics_apis.config import Config
from scalecert.worlds.local.metrics_apis.discovery import discovery_document
from scalecert.worlds.local.metrics_apis.request_log import AnsweredRequest, RequestLog
from scalecert.worlds.local.metrics_apis.requests import read_request
from scalecert.worlds.local.metrics_apis.service import MetricsApis
from scalecert.worlds.local.metrics_apis.usage import UsageFile

READY: Final = "ready"
"""The line on standard output once requests are answered."""

_KEEP_ALIVE_SECONDS: Final = 600
_READINGS_PER_RESOLUTION: Final = 5

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Application:
    """The ASGI application.

    Adapters have one state, so that requests for metrics are answered one after the other, in a
    thread; discovery, which kube-apiserver asks for to see whether the APIs live, never waits.
    """

    def __init__(self, apis: MetricsApis, log: RequestLog) -> None:
        self._apis = apis
        self._log = log
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="answers")

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            answer = await self._answer(scope)
            content_type = (b"content-type", answer.content_type.encode())
            length = (b"content-length", str(len(answer.body)).encode())
            await send(
                {
                    "type": "http.response.start",
                    "status": answer.status,
                    "headers": [content_type, length],
                }
            )
            await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope) -> Answer:
        path = scope["raw_path"].decode("latin-1")
        document = discovery_document(path)
        if document is not None:
            return answers.found(document)
        if path in ("/healthz", "/livez", "/readyz"):
            return Answer(200, b"ok", "text/plain")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, self._answer_metric, scope, path)

    def _answer_metric(self, scope: Scope, path: str) -> Answer:
        now = unix_seconds()
        asked = read_request(path, scope["query_string"].decode("latin-1"))
        if asked is None or scope["method"] != "GET":
            return answers.failure(404, "NotFound", "the server could not find the resource")
        served = self._apis.serve(asked, now)
        self._log.write(
            AnsweredRequest.of(
                asked,
                time=now,
                agent=dict(scope["headers"]).get(b"user-agent", b"").decode("latin-1"),
                status=served.answer.status,
                message=served.message,
                values=served.values,
            )
        )
        return served.answer


class _Server(uvicorn.Server):
    """Uvicorn, which says when it listens."""

    async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401 - as uvicorn has it
        await super().startup(sockets)
        if self.started:
            print(READY, flush=True)  # noqa: T201 - what the world waits for


async def serve(config: Config) -> None:
    """Serve until the process is told to end."""
    apis, usage = assembled(config)
    with RequestLog(config.log) as log:
        server = _Server(_uvicorn_config(config, Application(apis, log)))
        readings = asyncio.create_task(_read_again_and_again(usage, config))
        try:
            await server.serve()
        finally:
            readings.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await readings


def _uvicorn_config(config: Config, application: Application) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        host=config.address,
        port=config.port,
        ssl_certfile=config.certificate,
        ssl_keyfile=str(config.key),
        ssl_ca_certs=str(config.client_ca),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )


async def _read_again_and_again(usage: UsageFile, config: Config) -> None:
    """Follow the file of usage, so that no reading of it is missed."""
    resolution = config.semantics.resolution_seconds
    if resolution is None:
        return
    while True:
        usage.refresh()
        await asyncio.sleep(resolution / config.time_lapse / _READINGS_PER_RESOLUTION)
