"""What a mock server's process serves, each on a socket of its own: HTTP here, by uvicorn."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Protocol, cast, runtime_checkable

import uvicorn

from mock_servers.serving.books import Books
from mock_servers.serving.connections import Connection, Shared
from mock_servers.serving.http import AsgiApp
from mock_servers.serving.limits import HttpLimits
from scalecert.errors import UsageError

KEEP_ALIVE_SECONDS = 5.0
"""After which uvicorn closes an idle connection."""
LAST_WORDS_SECONDS = 0.5
"""Of the end: in which answers that were just ended may reach their clients."""
_BACKLOG = 2048


class Service(Protocol):
    """One thing that listens."""

    name: str
    """What it is, for people and as a key: `API`, `metrics`, `gRPC`."""

    @property
    def address(self) -> str:
        """Where it listens, once it does."""

    async def start(self) -> None:
        """Listen, and serve from now on."""

    async def model_loaded(self) -> None:
        """Begin to listen, if the real server does so only when its model is loaded."""

    def stop_accepting(self) -> None:
        """Do what SIGTERM makes the real one do, which may be to refuse connections."""

    async def stop(self) -> None:
        """Close everything; nobody is waited for beyond `LAST_WORDS_SECONDS`."""


@runtime_checkable
class Breakable(Protocol):
    """A service that faults can be put on, and that keeps books."""

    name: str
    books: Books

    def refuse(self) -> None:
        """Close the listening socket and idle connections; running answers go on."""

    async def accept_again(self) -> None:
        """Listen again where it did.

        Raises:
            UsageError: if somebody else listens there by now.
        """

    def hold(self) -> None:
        """Take no notice of anybody: the kernel goes on to accept connections and bytes."""

    async def release(self) -> None:
        """Take notice again, of what came meanwhile too."""


class HttpService:
    """An ASGI application on a socket, which is bound from the beginning.

    Args:
        name: what it is, for people and as a key.
        app: to serve; another may take its place until the start.
        host: to listen on.
        port: to listen on; 0 takes a free one.
        limits: of its connections.
        server_header: what the real server calls itself in `server`; empty if it does not.
        keep_alive_seconds: after which an idle connection is closed.
        open_to_the_end: whether SIGTERM leaves it listening until the process ends.

    Raises:
        UsageError: if the address can't be had.
    """

    def __init__(
        self,
        name: str,
        app: AsgiApp,
        host: str,
        port: int,
        *,
        limits: HttpLimits | None = None,
        server_header: str = "uvicorn",
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        open_to_the_end: bool = False,
    ) -> None:
        self.name = name
        self.app = app
        self.books = Books()
        self.limits = limits or HttpLimits()
        self._server_header = server_header
        self._keep_alive_seconds = keep_alive_seconds
        self._open_to_the_end = open_to_the_end
        self._socket = listening_socket(host, port)
        self._place: tuple[str, int] = self._socket.getsockname()[:2]
        self._shared: Shared | None = None
        self._server: asyncio.Server | None = None
        self._held = False

    @property
    def address(self) -> str:
        """The URL that it is served under."""
        host, port = self._place
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Listen, and serve from now on; raises UsageError if somebody else does there."""
        if self._shared is None:
            self._shared = Shared(
                config=_config(self.app, self._keep_alive_seconds),
                limits=self.limits,
                books=self.books,
                server_header=self._server_header,
            )
        await self._accept()

    async def model_loaded(self) -> None:
        """Do nothing: the application looks at the backend itself."""

    def stop_accepting(self) -> None:
        """Refuse connections from now on, unless the real one is open to the end."""
        if not self._open_to_the_end:
            self.refuse()

    async def stop(self) -> None:
        """Let what has just ended be written, then close everything."""
        self._close_sockets()
        if self._shared is None:
            return
        for connection in self._connections():
            connection.shutdown()
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._shared.none_left.wait()
        except TimeoutError:
            for connection in self._connections():
                connection.transport.abort()

    def refuse(self) -> None:
        """Close the listening socket and idle connections; running answers go on."""
        self._close_sockets()
        for connection in self._connections():
            connection.shutdown()

    async def accept_again(self) -> None:
        """Listen again where it did; raises UsageError if somebody else does by now."""
        if self._socket.fileno() < 0:
            self._socket = listening_socket(*self._place)
        if not self._held:
            await self._accept()

    def hold(self) -> None:
        """Take no notice of anybody: the kernel goes on to accept connections and bytes."""
        self._held = True
        self._close_server()
        for connection in self._connections():
            connection.hold()

    async def release(self) -> None:
        """Take notice again, of what came meanwhile too."""
        self._held = False
        for connection in self._connections():
            connection.release()
        if self._socket.fileno() >= 0:
            await self._accept()

    async def _accept(self) -> None:
        """Accept connections on a copy of the socket, so that it can listen on without us."""
        shared = self._shared
        if shared is None or self._server is not None:
            return
        try:
            self._socket.listen(_BACKLOG)
        except OSError as error:
            raise _unavailable(*self._place, error) from error
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(shared), sock=self._socket.dup(), backlog=_BACKLOG
        )

    def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _close_sockets(self) -> None:
        self._close_server()
        self._socket.close()

    def _connections(self) -> list[Connection]:
        connections = self._shared.state.connections if self._shared is not None else ()
        return [cast("Connection", connection) for connection in connections]


class LateHttpService(HttpService):
    """Listens once the model is loaded: connections are refused until then."""

    async def start(self) -> None:
        """Keep the port."""

    async def model_loaded(self) -> None:
        """Listen, and serve from now on."""
        await super().start()


def _config(app: AsgiApp, keep_alive_seconds: float) -> uvicorn.Config:
    """Return uvicorn's configuration; its loggers, whose lines are for its users, fall silent."""
    for name in ("uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    config = uvicorn.Config(
        app,
        loop="none",
        http=Connection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        access_log=False,
        log_config=None,
    )
    config.timeout_keep_alive = cast("int", keep_alive_seconds)
    config.load()
    return config


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a bound TCP socket, which may listen.

    Raises:
        UsageError: if the address can't be had.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise UsageError(f"--host {host}: {reason}, expected an address") from error
    family, kind, protocol, _, place = found[0]
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(place)
    except OSError as error:
        bound.close()
        raise _unavailable(host, port, error) from error
    bound.setblocking(False)
    return bound


def _unavailable(host: str, port: int, error: OSError) -> UsageError:
    return UsageError(
        f"port {port} on {host}: {(error.strerror or '').lower()}",
        hint="take another, or 0 for a free one",
    )
