"""How much a mock server takes: of one request's head, and of connections at once.

What a real server bounds itself is its dialect's; these hold whatever is behind, so that no client
can make a mock server large.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

from scalecert.errors import UsageError

MOST_CONNECTIONS = 4096
_OTHER_FILES = 64
"""Open files that are no connections: sockets that listen, the event loop's, libraries'."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What an HTTP service takes.

    Attributes:
        connections: at once; one more is told 503 and closed.
        head_bytes: of request line and headers together.
        headers: in number, as hyper has it; more, or longer ones, are answered with 431.
        pipelined: requests that may wait for the one before them on a connection.
    """

    connections: int = MOST_CONNECTIONS
    head_bytes: int = 1 << 16
    headers: int = 100
    pipelined: int = 32


def make_room_for(connections: int | None) -> int:
    """Let this process have so many connections; return how many it can have.

    Args:
        connections: None for as many as usual, or fewer where the system allows no more.

    Raises:
        UsageError: if the system allows fewer than asked for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = (connections or MOST_CONNECTIONS) + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted - _OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if connections is not None and allowed < wanted:
        raise UsageError(
            f"--max-connections {connections}: this process may open {hard} files,"
            f" expected {wanted}",
            hint="raise the hard limit of open files (ulimit -Hn) or ask for fewer",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - _OTHER_FILES, 1)
