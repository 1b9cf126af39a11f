"""Connections to pods: one for each request, or idle ones used again.

A connection sticks to its pod, as kube-proxy's choice holds for as long as it is open: a client
that keeps connections sends to new pods only when none of them is idle. The one that was used
last is taken first, as HTTP clients do (Go's net/http, urllib3).
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from math import inf

from gevent import socket as gevent_socket  # type: ignore[import-untyped]

from scalecert.clock import monotonic_seconds
from scalecert.load.routes import Pod

CONNECT_SECONDS = 10.0
"""How long to wait for a pod's kernel to take a connection; on one machine it does so at once."""


class RefusedError(Exception):
    """A pod's port is closed."""


@dataclass(slots=True, eq=False)
class Connection:
    """An open connection."""

    socket: gevent_socket.socket
    pod: Pod
    idle_since: float = 0.0
    is_used_again: bool = False


def connect(pod: Pod, port: int) -> Connection:
    """Return a new connection to a pod.

    Raises:
        RefusedError: if nobody listens, or takes it in time.
        OSError: if this process can have no more.
    """
    opened = gevent_socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.settimeout(CONNECT_SECONDS)
        opened.connect((pod.address, port))
        opened.settimeout(None)
    except (ConnectionError, TimeoutError) as error:
        opened.close()
        raise RefusedError from error
    except BaseException:
        opened.close()
        raise
    return Connection(opened, pod)


class IdleConnections:
    """Connections that wait for a next request.

    Args:
        idle_seconds: after which the server closes one that nobody uses, wall seconds; None: never.
    """

    def __init__(self, idle_seconds: float | None) -> None:
        self._idle_seconds = inf if idle_seconds is None else idle_seconds
        self._idle: list[Connection] = []

    def take(self) -> Connection | None:
        """Return the one that was used last; None if none is open any more."""
        now = monotonic_seconds()
        while self._idle:
            connection = self._idle.pop()
            if now - connection.idle_since < self._idle_seconds and _is_open(connection.socket):
                connection.is_used_again = True
                return connection
            connection.socket.close()
        return None

    def keep(self, connection: Connection) -> None:
        """Keep one whose answer has been read to its end."""
        connection.idle_since = monotonic_seconds()
        self._idle.append(connection)


def _is_open(idle: gevent_socket.socket) -> bool:
    """Tell whether the server has neither closed a connection nor said anything on it."""
    try:
        idle._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)  # noqa: SLF001 - without waiting
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
