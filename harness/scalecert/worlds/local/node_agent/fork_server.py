"""The process that mock servers are forked from: Python with everything imported already.

    python -m scalecert.worlds.local.node_agent.fork_server SOCKET PARENT MODULE...

A mock server takes most of a second of CPU to import what it is made of, on cores that the load
and other servers share; forked from here it is there in some milliseconds, so its model begins to
load when its container starts. The agent asks over a socket (`processes` is its end): each message
is a JSON document, with the two descriptors of a new process's output beside it.

There is one thread here, as a process that forks should have. Every child is killed when this
process ends, and this one when the agent's does.
"""

from __future__ import annotations

import gc
import importlib
import os
import runpy
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypeAlias

import msgspec

from scalecert.worlds.local.supervisor.kernel import signal_at_parents_death

MOST_BYTES = 1 << 17
"""Of a message."""
_LONGEST_NAME = 15
_MOST_DESCRIPTORS = 256
"""More than this process ever has open; a child closes as many."""


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Asks for a process that runs a Python module.

    Attributes:
        key: what answers call it.
        module: run as by `python -m`.
        arguments: behind its name.
        env: all its variables.
        directory: that it works in.
    """

    key: int
    module: str
    arguments: list[str]
    env: dict[str, str]
    directory: str


class Signal(msgspec.Struct, frozen=True, tag="signal"):
    """Asks to send a process and what it has started a signal; nothing happens if it has ended."""

    key: int
    number: int


class Started(msgspec.Struct, frozen=True, tag="started"):
    """Says that a process is there."""

    key: int
    pid: int


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """Says that a process has ended: its exit code, negative after a signal."""

    key: int
    code: int


Request: TypeAlias = Start | Signal
Answer: TypeAlias = Started | Ended


class ForkServer:
    """Forks processes as it is asked to, and tells of their ends.

    Args:
        asked: where requests come from; its end is the end of this process.
    """

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._keys: dict[int, int] = {}
        self._requests = msgspec.json.Decoder(Request)

    def serve(self) -> None:
        """Serve until nobody asks any more."""
        woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._asked, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if woken in ready:
                    with suppress(BlockingIOError):
                        os.read(woken, 4096)
                self._tell_of_ends()
                if self._asked.fileno() in ready and not self._answer():
                    return

    def _answer(self) -> bool:
        """Do what the next message asks for; False if there is none to come."""
        message, descriptors = _receive(self._asked)
        if not message:
            return False
        request = self._requests.decode(message)
        if isinstance(request, Start):
            self._fork(request, descriptors)
        elif (pid := self._pid(request.key)) is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, request.number)
        return True

    def _fork(self, request: Start, descriptors: Sequence[int]) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become(request, descriptors, parent)
        with suppress(OSError):  # the child does the same: whoever comes first
            os.setpgid(pid, pid)
        for descriptor in descriptors:
            os.close(descriptor)
        self._keys[pid] = request.key
        self._say(Started(request.key, pid))

    def _pid(self, key: int) -> int | None:
        """Return the process of a key; nobody else can have its number before it is waited for."""
        return next((pid for pid, known in self._keys.items() if known == key), None)

    def _tell_of_ends(self) -> None:
        while self._keys:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            key = self._keys.pop(pid)
            self._say(Ended(key, os.waitstatus_to_exitcode(status)))

    def _say(self, answer: Answer) -> None:
        self._asked.send(msgspec.json.encode(answer))


def _receive(asked: socket.socket) -> tuple[bytes, list[int]]:
    """Return the next message and the descriptors that came with it; nothing if there is none."""
    message, descriptors, _, _ = socket.recv_fds(asked, MOST_BYTES, 2)
    return message, list(descriptors)


def _become(request: Start, descriptors: Sequence[int], parent: int) -> NoReturn:
    """Be the process that was asked for, to its end; what it inherited is put away first."""
    code = 1
    try:
        _leave_parent(parent)
        for target, descriptor in enumerate(descriptors, start=1):
            os.dup2(descriptor, target)
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor is what is needed
            os.dup2(nothing.fileno(), 0)
        os.closerange(3, _MOST_DESCRIPTORS)
        os.environ.clear()
        os.environ.update(request.env)
        os.chdir(request.directory)
        _be_called(" ".join(request.arguments[:2]))
        code = _run(request)
    except BaseException:  # noqa: BLE001 - what is left of it is its log
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def _leave_parent(parent: int) -> None:
    """Be a process group of one's own, with no signal handled, that does not outlive its parent."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setpgid(0, 0)
    signal_at_parents_death(signal.SIGKILL, parent)


def _be_called(name: str) -> None:
    """Have the kernel call this process by what it runs (proc_pid_comm(5)): its words are ours."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name[:_LONGEST_NAME], encoding="utf-8")


def _run(request: Start) -> int:
    """Run the module as `python -m` does, and return the exit code."""
    sys.argv = [request.module, *request.arguments]
    try:
        runpy.run_module(request.module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)  # noqa: T201 - as the interpreter does
        return 1
    return 0


def main(words: Sequence[str]) -> None:
    """Import the modules, then serve.

    Args:
        words: descriptor of the socket, pid of the agent, names of modules.
    """
    descriptor, parent, *modules = words
    signal_at_parents_death(signal.SIGKILL, int(parent))
    for name in modules:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(descriptor)) as asked:
        ForkServer(asked).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
