"""What stands before an application on which faults can be put: it answers in its place."""

from __future__ import annotations

import asyncio

from mock_servers.serving.books import BY_FAULT, REFUSED
from mock_servers.serving.failures import Failures
from mock_servers.serving.http import Message, Receive, Routes, Send

METRICS_PATH = "/metrics"
_NOT_FOUND = [(b"content-length", b"0")]


class FaultyApp:
    """An ASGI application, and what faults make of it.

    Args:
        app: that serves.
        metrics_alone: whether every path of it shows metrics.

    Attributes:
        failures: which of its POST requests fail; probes and scrapes are none.
    """

    def __init__(self, app: Routes, *, metrics_alone: bool) -> None:
        self.failures = Failures()
        self._app = app
        self._metrics_alone = metrics_alone
        self._metrics_off = False
        self._frozen_page: list[Message] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if self._metrics_alone or scope["path"].startswith(METRICS_PATH):
            await self._show_metrics(scope, receive, send)
        elif scope["method"] == "POST" and self.failures.next_fails():
            scope["state"][BY_FAULT] = True
            await self._app.fail(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def turn_metrics(self, *, on: bool) -> None:
        """Show metrics as they are from now on, or answer 404."""
        self._metrics_off, self._frozen_page = not on, []

    async def freeze_metrics(self) -> None:
        """Show the page of this moment from now on."""
        page: list[Message] = []

        async def keep(message: Message) -> None:
            page.append(message)

        scope: Message = {"type": "http", "method": "GET", "path": METRICS_PATH}
        scope |= {"query_string": b"", "headers": [], "state": {}}
        await self._app(scope, _nothing_comes, keep)
        self._metrics_off, self._frozen_page = False, page

    async def _show_metrics(self, scope: Message, receive: Receive, send: Send) -> None:
        if self._metrics_off:
            scope["state"] |= {REFUSED: True, BY_FAULT: True}
            await send({"type": "http.response.start", "status": 404, "headers": _NOT_FOUND})
            await send({"type": "http.response.body", "body": b""})
        elif self._frozen_page:
            for message in self._frozen_page:
                await send(message)
        else:
            await self._app(scope, receive, send)


async def _nothing_comes() -> Message:
    """Wait for ever, as for a client that has sent all it had to."""
    await asyncio.Event().wait()
    raise AssertionError
