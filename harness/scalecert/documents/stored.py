"""JSON that ScaleCert wrote itself, read back: it may have been damaged or edited since."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from scalecert.documents.composing import MAX_DEPTH
from scalecert.errors import UsageError
from scalecert.scalars import decode_hook

T = TypeVar("T")


def read_stored(path: Path) -> bytes:
    """Return what a file of ours holds.

    Raises:
        UsageError: if it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"can't be read: {error.strerror}", file=str(path)) from error


def decode_stored(
    data: bytes,
    type_: type[T],
    path: Path,
    *,
    line: int | None = None,
    problem: str = "",
    hint: str | None = None,
) -> T:
    """Return the JSON in `data` as a value of `type_`.

    Args:
        data: the file, or one line of it.
        type_: what to decode.
        path: the file, for messages.
        line: 1-based, where `data` is one line.
        problem: what to say before what is wrong.
        hint: the next step for the user.

    Raises:
        UsageError: if it is not UTF-8, not JSON, nested deeper than a YAML document may be, has
            an integer beyond 64 bits, or does not fit `type_`.
    """
    try:
        _check_plain(msgspec.json.decode(data))
        return msgspec.json.decode(data, type=type_, dec_hook=decode_hook)
    except UnicodeDecodeError as error:
        found = f"found the byte 0x{error.object[error.start]:02x}, expected UTF-8"
        raise UsageError(problem + found, file=str(path), line=line, hint=hint) from error
    except RecursionError as error:
        found = "found nesting that is too deep"
        raise UsageError(problem + found, file=str(path), line=line, hint=hint) from error
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise UsageError(problem + str(error), file=str(path), line=line, hint=hint) from error


def _check_plain(value: object, depth: int = 0) -> None:
    """Refuse what arithmetic and recursion further on would trip over."""
    if depth > MAX_DEPTH:
        raise RecursionError
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ValueError("found an integer beyond 64 bits")
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _check_plain(part, depth + 1)
