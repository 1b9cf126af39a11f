"""Which pods there are to send to: the file that a node agent keeps, and the choice among them.

    {"pods": [{"ordinal": 0, "name": "web-0", "address": "127.77.3.10"}, ...]}

Those that are ready and not terminating, oldest first. The file is replaced at every change; it
is looked at whenever a request is about to be sent, which takes a few microseconds and no timer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from scalecert.scenario.model import Routing


class Pod(msgspec.Struct, frozen=True):
    """A pod that new connections may go to."""

    ordinal: int
    name: str
    address: str


class _Routes(msgspec.Struct, frozen=True):
    pods: tuple[Pod, ...] = ()


_read_routes = msgspec.json.Decoder(_Routes).decode


class RouteFile:
    """The file, read again when it was replaced; no pod while it is not there.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, ...] = ()
        self._pods: tuple[Pod, ...] = ()

    def pods(self) -> tuple[Pod, ...]:
        """Return the pods as the file has them now."""
        try:
            now = self._path.stat()
        except FileNotFoundError:
            self._version, self._pods = (), ()
            return ()
        version = (now.st_ino, now.st_mtime_ns, now.st_size)
        if version != self._version:
            self._pods = _read_routes(self._path.read_bytes()).pods
            self._version = version
        return self._pods


class RoutesSent:
    """Routes that come in messages instead, from where the file is."""

    def __init__(self) -> None:
        self._pods: tuple[Pod, ...] = ()

    def take(self, document: bytes) -> None:
        """Take what the file says by now."""
        self._pods = _read_routes(document).pods

    def pods(self) -> tuple[Pod, ...]:
        """Return the pods as the last message has them."""
        return self._pods


class Choice:
    """Which pod a connection goes to, as `routing.Router` chooses.

    Args:
        routing: the way.
        first: whose turn a generator's first request is, of round-robin.
        step: how many generators take turns.
    """

    def __init__(self, routing: Routing, *, first: int = 0, step: int = 1) -> None:
        self._routing = routing
        self._turn = first
        self._step = step
        self._open: dict[int, int] = {}

    def of(self, draw: float, pods: Sequence[Pod]) -> Pod:
        """Return the pod for a new connection; there must be one.

        Args:
            draw: the request's, in [0, 1).
            pods: that are ready, oldest first.
        """
        if self._routing == "random":
            return pods[int(draw * len(pods))]
        if self._routing == "round-robin":
            turn = self._turn % len(pods)
            self._turn = (turn + self._step) % len(pods)
            return pods[turn]
        return min(pods, key=lambda pod: self._open.get(pod.ordinal, 0))

    def opened(self, pod: Pod) -> None:
        """Note that a request is on its way to a pod."""
        self._open[pod.ordinal] = self._open.get(pod.ordinal, 0) + 1

    def closed(self, pod: Pod) -> None:
        """Note that it has ended."""
        self._open[pod.ordinal] -= 1
