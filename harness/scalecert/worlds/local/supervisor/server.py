"""The supervisor's loop: requests, signals and ends of processes, one at a time."""

from __future__ import annotations

import os
import selectors
import signal
import socket
from contextlib import suppress
from enum import Enum
from pathlib import Path
from types import FrameType

from scalecert.worlds.local.supervisor.children import Children
from scalecert.worlds.local.supervisor.messages import Lines, Message, Request, line_of

GRACE_SECONDS = 1.0
"""Between SIGTERM and SIGKILL where the world ends as planned; nothing of it needs saving."""
_CHUNK_BYTES = 65536


class Ending(Enum):
    """Why the world ends: as planned, or because nobody is left to use it."""

    PLANNED = "planned"
    ABANDONED = "abandoned"


class Server:
    """Serves one harness.

    Args:
        requests: the pipe from the harness.
        answers: the pipe to it.
        harness: its pidfd, beside the pipe because a fork of the harness keeps that open; None
            where the kernel has none.
        directory: the world's.
    """

    def __init__(self, requests: int, answers: int, harness: int | None, directory: Path) -> None:
        self._requests, self._answers, self._harness = requests, answers, harness
        self._children = Children(directory)
        self._lines = Lines()
        self._stopping: dict[str, list[int]] = {}  # name: requests to be answered at its end
        self._ending: Ending | None = None
        self._signals, wakeup = socket.socketpair()
        self._wakeup = wakeup
        for end in (self._signals, wakeup):
            end.setblocking(False)

    def serve(self) -> None:
        """Serve until the harness has ended or says so, or SIGTERM comes; end the children."""
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._say({"ready": True})
        with selectors.DefaultSelector() as selector:
            selector.register(self._signals, selectors.EVENT_READ)
            selector.register(self._requests, selectors.EVENT_READ)
            if self._harness is not None:
                selector.register(self._harness, selectors.EVENT_READ)
            while self._ending is None:
                self._turn(selector)
            selector.unregister(self._requests)
            if self._ending is Ending.PLANNED:
                self._children.stop_all(GRACE_SECONDS)
                while self._children.running and self._ending is Ending.PLANNED:
                    self._turn(selector)

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._ending = self._ending or Ending.PLANNED

    def _turn(self, selector: selectors.BaseSelector) -> None:
        """Wait for anything to happen, and see to it."""
        for key, _ in selector.select(self._children.seconds_to_deadline()):
            if key.fd == self._requests:
                self._read()
            elif key.fd == self._harness:
                self._ending = Ending.ABANDONED
            else:
                with suppress(BlockingIOError):
                    self._signals.recv(_CHUNK_BYTES)
        self._children.kill_overdue()
        for name, code in self._children.reap():
            self._say({"exited": name, "code": code})
            for waiting in self._stopping.pop(name, ()):
                self._say({"id": waiting, "code": code})

    def _read(self) -> None:
        data = os.read(self._requests, _CHUNK_BYTES)
        if not data:
            self._ending = Ending.ABANDONED
        for request in self._lines.feed(data):
            self._do(request)

    def _do(self, request: Request) -> None:
        if request["do"] == "end":
            self._ending = Ending.PLANNED
            return
        try:
            answer = self._answer(request)
        except (OSError, ValueError) as error:
            answer = {"error": str(error)}
        if answer is not None:
            self._say({"id": request["id"], **answer})

    def _answer(self, request: Request) -> Message | None:
        """Do what is asked for; None if the answer comes later."""
        name = request["name"]
        if request["do"] == "start":
            return {"pid": self._children.start(name, request["command"], request["env"])}
        if request["do"] == "signal":
            self._children.signal(name, request["number"])
            return {}
        if self._children.stop(name, request["timeout_seconds"]):
            self._stopping.setdefault(name, []).append(request["id"])
            return None
        return {}

    def _say(self, message: Message) -> None:
        try:
            os.write(self._answers, line_of(message))
        except BrokenPipeError:
            self._ending = Ending.ABANDONED
