"""The feed from the engines' mock servers of a node to the accelerator exporters there.

    mock server of an engine ── NODE_DIR/0-1.<id>.sock ──► mock accelerator exporters
                               one JSON line for each connection

Each server listens on a socket of its own in a folder of the node, whose name begins with the
places of its accelerators: one that is not told which are its own takes the first that no other
has, as a device plugin would give them to it. Whoever connects is told who holds them and what the
server has done since its start, computed at that moment: a server that nobody asks does nothing. A
socket that nobody listens on any more is a server that was killed; whoever finds one removes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
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
_AGAIN_SECONDS = 0.01
"""Until a server that starts tries again to have the folder to itself."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds accelerators of a node.

    Attributes:
        namespace: of the pod.
        pod: its name.
        container: that asks for the accelerators.
        last_container: of the pod's manifest.
        device: the accelerators and what a server has put on them.
        accelerators: their places on the node; none before the server has taken some.
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
        self._folder = folder
        self._ident = uuid.uuid4().hex[:8]
        self._hold = hold
        self._now = now
        self._activity = activity
        self._loaded = False
        self._server: asyncio.Server | None = None
        self._path = folder / f"{self._ident}.new"
        longest = _name(range(10, 10 + hold.device.count), self._ident)
        self._socket = _bound(self._path, len(longest))

    @property
    def address(self) -> str:
        """The path of its socket."""
        return str(self._path)

    async def start(self) -> None:
        """Take the accelerators, listen, and answer from now on.

        The socket has its name from when somebody listens on it: sooner it would seem dead.
        """
        async with _alone_in(self._folder):
            places = self._hold.accelerators
            if not places:
                places = _free_places(self._folder, self._hold.device.count)
            self._hold = replace(self._hold, accelerators=places)
            self._server = await asyncio.start_unix_server(self._answer, sock=self._socket)
            self._path = self._path.rename(self._folder / _name(places, self._ident))

    async def model_loaded(self) -> None:
        """Tell from now on what the server does: before, nothing is on its accelerators."""
        self._loaded = True

    def stop_accepting(self) -> None:
        """Do nothing: a server that works off its requests still holds its accelerators."""

    async def stop(self) -> None:
        """Close and remove the socket."""
        self._path.unlink(missing_ok=True)
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


def _name(places: Sequence[int], ident: str) -> str:
    return f"{'-'.join(map(str, places))}.{ident}{SUFFIX}"


@contextlib.asynccontextmanager
async def _alone_in(folder: Path) -> AsyncIterator[None]:
    """Let one server at a time take accelerators: the lock is the folder's own."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_AGAIN_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _free_places(folder: Path, wanted: int) -> tuple[int, ...]:
    """Return the first places that no server has which is there."""
    there = [path.name for path in folder.glob(f"*{SUFFIX}") if not _is_dead(path)]
    taken = {place for name in there for place in name.partition(".")[0].split("-")}
    return tuple(islice((place for place in count() if str(place) not in taken), wanted))


def _is_dead(path: Path) -> bool:
    """Tell whether nobody listens on a socket any more; nobody's answer is waited for."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as asking:
        try:
            asking.connect(str(path))
        except BlockingIOError:
            return False
        except OSError:
            return True
    return False


def _bound(path: Path, longest_name: int) -> socket.socket:
    """Return a bound socket, for this user alone."""
    length = len(os.fsencode(path.parent))
    if length + 1 + longest_name > _MOST_PATH_BYTES:
        raise UsageError(
            f"--node-dir {path.parent}: found a path of {length} bytes,"
            f" expected at most {_MOST_PATH_BYTES - longest_name - 1}",
            hint="the address of a Unix socket is short: take a folder nearer to the root",
        )
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        bound.bind(str(path))
        path.chmod(0o600)
    except OSError as error:
        bound.close()
        raise UsageError(f"--node-dir {path.parent}: {error.strerror}") from error
    bound.setblocking(False)
    return bound
