"""What a mock server's process serves, each on a socket of its own: HTTP here, by uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Protocol

import uvicorn

from mock_servers.serving.http import AsgiApp
from scalecert.errors import UsageError

KEEP_ALIVE_SECONDS = 5
_BACKLOG = 2048


class Service(Protocol):
    """One thing that listens."""

    name: str
    """What it is, for people: `API`, `metrics`, `gRPC`."""

    @property
    def address(self) -> str:
        """Where it listens, once it does."""

    async def start(self) -> None:
        """Listen, and serve from now on."""

    async def model_loaded(self) -> None:
        """Begin to listen, if the real server does so only when its model is loaded."""

    def stop_accepting(self) -> None:
        """Do what SIGTERM makes the real one do: close the listening socket; connections stay."""

    async def stop(self) -> None:
        """Close everything, without waiting for anybody."""


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class HttpService:
    """An ASGI application on a socket.

    Args:
        name: what it is, for people.
        app: to serve.
        host: to listen on.
        port: to listen on; 0 takes a free one.
    """

    def __init__(self, name: str, app: AsgiApp, host: str, port: int) -> None:
        self.name = name
        self._app = app
        self._socket = listening_socket(host, port)
        config = uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            backlog=_BACKLOG,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """The URL that it is served under."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Listen, and serve from now on."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0)

    async def model_loaded(self) -> None:
        """Do nothing: the application looks at the backend itself."""

    def stop_accepting(self) -> None:
        """Close the listening socket; connections stay."""
        for server in self._server.servers:
            server.close()
        self._socket.close()

    async def stop(self) -> None:
        """Close everything, without waiting for anybody."""
        self._server.should_exit = self._server.force_exit = True
        if self._task is not None:
            await self._task


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a bound TCP socket.

    Raises:
        UsageError: if the address can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise UsageError(
            f"--port {port} on {host}: {error.strerror}",
            hint="take another port, or 0 for a free one",
        ) from error
    bound.setblocking(False)
    return bound
