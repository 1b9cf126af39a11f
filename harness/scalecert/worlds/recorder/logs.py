"""The logs that the processes of a world write line by line, as JSON.

A process that was ended may have left half a line at the end; every line before it is whole. Times
are unix seconds. Fields that a log has beside these are passed over.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from scalecert.errors import EnvironmentFault

T = TypeVar("T", bound=msgspec.Struct)


class PodLine(msgspec.Struct, frozen=True):
    """One step of a pod's life, as the node agent saw it.

    `ordinal` counts pods in order of their creation, from 0 in each run. `what` is `created`,
    `bound`, `started`, `listening`, `ready`, `unready`, `terminating`, `gone`, or `exited` (a
    container, with its exit code).
    """

    time: float
    pod: str
    ordinal: int
    what: str
    container: str = ""
    code: int = 0


class AnsweredValue(msgspec.Struct, frozen=True):
    """One value of an answer.

    Custom and external metrics have `milli`; the resource metrics API `usage` (milli-units by
    resource) of one container of a pod, with the window that it is a mean of.
    """

    name: str = ""
    milli: int = 0
    container: str = ""
    usage: dict[str, int] = {}
    timestamp: float | None = None
    window: float | None = None


class MetricsAnswer(msgspec.Struct, frozen=True):
    """One request to a metrics API, and what it was answered; `time` is when it came in."""

    time: float
    agent: str
    api: Literal["custom", "external", "resource"]
    status: int
    metric: str = ""
    values: tuple[AnsweredValue, ...] = ()
    message: str = ""


def read_lines(path: Path, type_: type[T]) -> tuple[T, ...]:
    """Return a log's lines; half a line at the end is passed over.

    Raises:
        EnvironmentFault: if the log can't be read, or a whole line is not what it should be.
    """
    whole, half = _split(path)
    lines = [_decode(line, type_, path, number) for number, line in enumerate(whole, 1) if line]
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        lines.append(msgspec.json.decode(half, type=type_))
    return tuple(lines)


def read_text(path: Path) -> str:
    """Return a log's whole lines as text.

    Raises:
        EnvironmentFault: if it can't be read.
    """
    whole, _ = _split(path)
    return b"\n".join([*whole, b""]).decode(errors="replace")


def _split(path: Path) -> tuple[list[bytes], bytes]:
    """Return the lines that have an end, and what is after the last of them."""
    try:
        *whole, half = path.read_bytes().split(b"\n")
    except OSError as error:
        raise EnvironmentFault(f"{path} can't be read: {error.strerror}") from error
    return whole, half


def _decode(line: bytes, type_: type[T], path: Path, number: int) -> T:
    try:
        return msgspec.json.decode(line, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EnvironmentFault(f"{path}:{number}: {error}") from error
