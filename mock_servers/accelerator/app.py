"""The exporters' HTTP: dcgm-exporter's three pages, and the device plugins' one.

dcgm-exporter: internal/pkg/server (`NewMetricsServer`, `Health`). The plugins serve `promhttp` on
Go's default mux, so every other path is its 404.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from mock_servers.accelerator.gauges import TEXT_TYPE
from mock_servers.serving.http import TEXT, Exchange, Handler, Routes

_METHODS = ("GET", "HEAD", "POST")
_MOST_BODY_BYTES = 1 << 16
_NOSNIFF = ("x-content-type-options", "nosniff")
_INDEX = b"""<html>
<head><title>GPU Exporter</title></head>
<body>
<h1>GPU Exporter</h1>
<p><a href="./metrics">Metrics</a></p>
<p><a href="./health">Health</a></p>
</body>
</html>"""

Text = Callable[[], Awaitable[str]]


def dcgm_app(text: Text) -> Routes:
    """Return dcgm-exporter's application; `text` makes the page at each scrape."""

    async def index(exchange: Exchange) -> None:
        await exchange.reply(200, _INDEX, "text/html; charset=utf-8", [_NOSNIFF])

    async def health(exchange: Exchange) -> None:
        await exchange.reply(200, b"OK", TEXT, [_NOSNIFF, ("x-registry-available", "true")])

    async def metrics(exchange: Exchange) -> None:
        await exchange.reply(200, (await text()).encode(), TEXT, [_NOSNIFF])

    return _app({"/": index, "/health": health, "/metrics": metrics})


def plugin_app(text: Text) -> Routes:
    """Return a device plugin's application."""

    async def metrics(exchange: Exchange) -> None:
        await exchange.reply(200, (await text()).encode(), TEXT_TYPE)

    return _app({"/metrics": metrics})


def _app(handlers: Mapping[str, Handler]) -> Routes:
    async def unknown(exchange: Exchange) -> None:
        await exchange.reply(404, b"404 page not found\n", TEXT, [_NOSNIFF])

    return Routes(
        {path: dict.fromkeys(_METHODS, handler) for path, handler in handlers.items()},
        unknown=unknown,
        not_allowed=unknown,
        too_large=unknown,
        most_body_bytes=_MOST_BODY_BYTES,
    )
