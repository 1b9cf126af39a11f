"""The feed from the engines' mock servers of a node to the accelerator exporter there.

    mock server of an engine ── NODE_DIR/<id>.sock ──► mock accelerator exporter
                               one JSON line for each connection

Each server listens on a socket of its own in a folder of the node. Whoever connects is told who
holds which accelerators and what the server has done since its start, computed at that moment: a
server that nobody asks does nothing. A socket that nobody listens on any more is a server that was
killed; whoever finds one removes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scalecert.engines.base import Activity
from scalecert.errors import UsageError
from scalecert.exporters.device import Device

SUFFIX = ".sock"
ANSWER_SECONDS = 1.0
"""How long a server may take to answer; one that is stopped does not."""
_MOST_LINE_BYTES = 1 << 16
_MOST_PATH_BYTES = 107
"""Of a Unix socket's address on Linux (unix(7), `sun_path`)."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds accelerators of a node.

    Attributes:
        namespace: of the pod.
        pod: its name.
        container: that asks for the accelerators.
        last_container: of the pod's manifest.
        device: the accelerators and what a server has put on them.
        accelerators: their places on the node; none if the exporter is to choose.
    """

    namespace: str
    pod: str
    container: str
    last_container: str
    device: Device
    accelerators: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What a server says when it is asked.

    Attributes:
        hold: who it is.
        at_seconds: of the model, since the server's start.
        activity: what it has done by then; None while its model is not loaded.
    """

    hold: Hold
    at_seconds: float
    activity: Activity | None


class ActivityFeed:
    """A server's end of the feed, one of the services of its process.

    Args:
        folder: of the node; made if it is not there.
        hold: who the server is.
        now: the model's seconds since the server's start.
        activity: what the server has done.

    Raises:
        UsageError: if the folder can't be had, or its path is too long for a socket.
    """

    name = "activity"

    def __init__(
        self,
        folder: Path,
        hold: Hold,
        *,
        now: Callable[[], float],
        activity: Callable[[], Activity],
    ) -> None:
        self._path = folder / f"{uuid.uuid4().hex[:12]}{SUFFIX}"
        self._hold = hold
        self._now = now
        self._activity = activity
        self._loaded = False
        self._server: asyncio.Server | None = None
        self._socket = _bound(self._path)

    @property
    def address(self) -> str:
        """The path of its socket."""
        return str(self._path)

    async def start(self) -> None:
        """Listen, and answer from now on."""
        self._server = await asyncio.start_unix_server(self._answer, sock=self._socket)
        _hidden(self._path).rename(self._path)

    async def model_loaded(self) -> None:
        """Tell from now on what the server does: before, nothing is on its accelerators."""
        self._loaded = True

    def stop_accepting(self) -> None:
        """Do nothing: a server that works off its requests still holds its accelerators."""

    async def stop(self) -> None:
        """Close and remove the socket."""
        for path in (self._path, _hidden(self._path)):
            path.unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
        self._socket.close()

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        activity = self._activity() if self._loaded else None
        look = Look(self._hold, self._now(), activity)
        with contextlib.suppress(ConnectionError):
            writer.write(msgspec.json.encode(look) + b"\n")
            await writer.drain()
        writer.close()


async def look_around(folder: Path) -> dict[str, Look | None]:
    """Ask every server of a node; return what each one says, by its socket's name.

    One that does not answer in time, or not as it should, has None. Sockets without a server are
    removed.
    """
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    asked = await asyncio.gather(*(_ask(path) for path in paths), return_exceptions=True)
    looks: dict[str, Look | None] = {}
    for path, look in zip(paths, asked, strict=True):
        if isinstance(look, ConnectionRefusedError):
            path.unlink(missing_ok=True)
        elif isinstance(look, Look):
            looks[path.name] = look
        elif isinstance(look, TimeoutError | OSError | msgspec.DecodeError):
            if not isinstance(look, FileNotFoundError):
                looks[path.name] = None
        elif isinstance(look, BaseException):
            raise look
    return looks


async def _ask(path: Path) -> Look:
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer = await asyncio.open_unix_connection(str(path), limit=_MOST_LINE_BYTES)
        try:
            line = await reader.read(_MOST_LINE_BYTES)
            while not line.endswith(b"\n") and (more := await reader.read(_MOST_LINE_BYTES)):
                line += more
        finally:
            writer.close()
    return msgspec.json.decode(line, type=Look)


def _hidden(path: Path) -> Path:
    """Return where a socket is until somebody listens on it: found sooner, it would seem dead."""
    return path.with_suffix(".new")


def _bound(path: Path) -> socket.socket:
    """Return a socket bound beside its later place, for this user alone."""
    if len(os.fsencode(path)) > _MOST_PATH_BYTES:
        raise UsageError(
            f"--node-dir {path.parent}: found a path of {len(os.fsencode(path.parent))} bytes,"
            f" expected at most {_MOST_PATH_BYTES - len(path.name) - 1}",
            hint="the address of a Unix socket is short: take a folder nearer to the root",
        )
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        bound.bind(str(_hidden(path)))
        _hidden(path).chmod(0o600)
    except OSError as error:
        bound.close()
        raise UsageError(f"--node-dir {path.parent}: {error.strerror}") from error
    bound.setblocking(False)
    return bound
