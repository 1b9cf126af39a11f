"""What harness and supervisor say to each other: a JSON object per line, in both directions.

Requests have an `id`, which their one answer has too; what the supervisor says by itself has none.
"""

from __future__ import annotations

import json
from typing import Any, TypedDict


class Request(TypedDict, total=False):
    """What the harness asks for; which of these it has follows from `do`.

    do: "start" (name, command, env), "signal" (name, number), "stop" (name, timeout_seconds), or
    "end", which has no answer but the end of the pipe.
    env: the whole environment.
    """

    id: int
    do: str
    name: str
    command: list[str]
    env: dict[str, str]
    number: int
    timeout_seconds: float


class Message(TypedDict, total=False):
    """What the supervisor says.

    "ready" once it serves; an answer (`id`) with the `pid` of what was started, the exit `code` of
    what was stopped, or an `error`; `exited` when a process ended, with its exit `code` (negative:
    the signal that ended it).
    """

    ready: bool
    id: int
    pid: int
    error: str
    exited: str
    code: int


def line_of(message: Request | Message) -> bytes:
    """Return a message as it goes through the pipe."""
    return json.dumps(message).encode() + b"\n"


class Lines:
    """Bytes as they come out of a pipe, cut into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Any]:
        """Return the messages that are whole now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]
