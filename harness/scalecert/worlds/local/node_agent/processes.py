"""The agent's processes: started by the fork server, watched, signalled.

Processes.start(...) -> Process        its `pid`, `ended` (exit code) and signals
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from scalecert.bundled import bundled
from scalecert.engines.registry import engine_names
from scalecert.worlds.local.node_agent import fork_server
from scalecert.worlds.local.node_agent.fork_server import MOST_BYTES, Answer, Signal, Start, Started

_MODULE = "scalecert"
"""What processes run: `python -m scalecert ...`."""
_MOST_READ_BYTES = 1 << 16


class Process(Protocol):
    """A process that was started."""

    pid: int
    ended: asyncio.Future[int]
    """Its exit code, negative after a signal; the future of one that runs is not done."""

    def send(self, number: int) -> None:
        """Send it a signal, with all that it has started; nothing happens if it has ended."""


Hears = Callable[[str], None]
"""Is told each line that a process prints on its standard output."""


class Starts(Protocol):
    """Whatever starts processes."""

    async def start(
        self, arguments: Sequence[str], env: Mapping[str, str], *, log: Path, hears: Hears
    ) -> Process:
        """Start `scalecert ARGUMENTS`; what it prints goes to the end of `log`."""


@dataclass(slots=True, eq=False)
class _Forked:
    """A process of the fork server."""

    key: int
    tell: Callable[[Signal], None]
    started: asyncio.Future[None]
    ended: asyncio.Future[int]
    pid: int = 0

    def send(self, number: int) -> None:
        """Send it a signal."""
        if not self.ended.done():
            self.tell(Signal(self.key, number))


class Processes:
    """Processes of this agent, which end with it whatever happens.

    To be made in the main thread, whose end ends the fork server.

    Args:
        directory: that they work in.
        lost: is told if the fork server ends by itself.
    """

    def __init__(self, directory: Path, lost: Callable[[], None]) -> None:
        self._directory = directory
        self._lost = lost
        self._running: dict[int, _Forked] = {}
        self._next_key = 0
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = _fork_server(theirs.fileno())
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._hear)

    async def start(
        self, arguments: Sequence[str], env: Mapping[str, str], *, log: Path, hears: Hears
    ) -> Process:
        """Start `scalecert ARGUMENTS`; what it prints goes to the end of `log`."""
        loop = asyncio.get_running_loop()
        process = _Forked(self._next_key, self._tell, loop.create_future(), loop.create_future())
        self._next_key += 1
        self._running[process.key] = process
        request = Start(
            process.key, _MODULE, list(arguments), dict(env), directory=str(self._directory)
        )
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        read, written = os.pipe()
        try:
            message = msgspec.json.encode(request)
            socket.send_fds(self._socket, [message], [written, output])
        finally:
            os.close(written)
        listen(read, output, hears)
        await process.started
        return process

    def close(self) -> None:
        """Kill the fork server, and so all processes."""
        if self._socket.fileno() < 0:
            return
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._server.kill()
        self._server.wait()

    def _tell(self, request: Signal) -> None:
        self._socket.send(msgspec.json.encode(request))

    def _hear(self) -> None:
        """Take one answer of the fork server."""
        message = self._socket.recv(MOST_BYTES)
        if not message:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._lost()
            return
        answer: Answer = msgspec.json.decode(message, type=Answer)
        process = self._running[answer.key]
        if isinstance(answer, Started):
            process.pid = answer.pid
            process.started.set_result(None)
        else:
            del self._running[answer.key]
            process.ended.set_result(answer.code)


def _fork_server(descriptor: int) -> subprocess.Popen[bytes]:
    words = [str(descriptor), str(os.getpid()), *preloaded_modules()]
    return subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", fork_server.__name__, *words],
        stdin=subprocess.DEVNULL,
        pass_fds=[descriptor],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(import_paths())},
    )


def listen(read: int, log: int, hears: Hears) -> None:
    """Copy what comes from a pipe to a log, and tell every line of it; both are closed at its end.

    Args:
        read: the pipe's descriptor.
        log: the log's descriptor.
        hears: is told the lines.
    """
    loop, unread = asyncio.get_running_loop(), bytearray()

    def copy() -> None:
        found = os.read(read, _MOST_READ_BYTES)
        if not found:
            loop.remove_reader(read)
            os.close(read)
            os.close(log)
            return
        os.write(log, found)
        unread.extend(found)
        *lines, rest = bytes(unread).split(b"\n")
        unread[:] = rest[-_MOST_READ_BYTES:]
        for line in lines:
            hears(line.decode(errors="replace"))

    loop.add_reader(read, copy)


def preloaded_modules() -> list[str]:
    """Return what the fork server imports: all that mock servers of engines are made of."""
    commands = [f"mock_servers.{name}.command" for name in engine_names()]
    return ["scalecert.cli", "mock_servers.serving.process", *commands]


def import_paths() -> list[str]:
    """Return where Python finds the package and the mock servers beside it."""
    return [str(bundled()), *(path for path in sys.path if path)]


def exit_code_of_container(code: int) -> int:
    """Return a process's exit code as container runtimes have it: 128 and the signal."""
    return 128 - code if code < 0 else code
