"""Kubernetes' log text: `I1123 03:04:05.678901 4711 horizontal.go:907] "Message" key=value ...`.

A header has neither year nor zone: the log is read as one in UTC that was written within half a
year of a given time. Values with line ends stand on lines of their own (`key=<` to ` >`).
Format: klog's internal/buffer and internal/serialize.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_HEADER: Final = re.compile(
    r"^[IWEF](?P<month>\d\d)(?P<day>\d\d) (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"\.(?P<micro>\d{6}) +\d+ (?P<source>[^:\]]+):\d+\] ",
    re.MULTILINE,
)
_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_MESSAGE: Final = re.compile(_STRING)
_PAIR: Final = re.compile(rf"(\w+)=({_STRING}|<\n.*?\n >|\S+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry: `source` is the file that logged it, `values` are texts by key."""

    time_unix: float
    source: str
    message: str
    values: Mapping[str, str]


def read_klog(text: str, *, near_unix: float) -> Iterator[LogEntry]:
    """Yield the structured entries of a log in their order; what is none is passed over.

    Args:
        text: of the log.
        near_unix: a time within half a year of which it was written.
    """
    headers = list(_HEADER.finditer(text))
    starts = [*(header.start() for header in headers), len(text)]
    for header, end in zip(headers, starts[1:], strict=True):
        message = _MESSAGE.match(text, header.end(), end)
        if message is None:
            continue
        values = {pair[1]: _plain(pair[2]) for pair in _PAIR.finditer(text, message.end(), end)}
        time_unix = _time_unix(header, near_unix)
        yield LogEntry(time_unix, header["source"], _plain(message[0]), values)


def _plain(value: str) -> str:
    """Return a value without its quotes, escapes and indentation."""
    if value.startswith('"'):
        return str(ast.literal_eval(value))  # Go's escapes are Python's
    if value.startswith("<\n"):
        return "\n".join(line.removeprefix("\t") for line in value.split("\n")[1:-1])
    return value


def _time_unix(header: re.Match[str], near_unix: float) -> float:
    near = datetime.fromtimestamp(near_unix, UTC)
    times = (_in_year(header, year) for year in range(near.year - 1, near.year + 2))
    return min(
        (time.timestamp() for time in times if time is not None),
        key=lambda time_unix: abs(time_unix - near_unix),
    )


def _in_year(header: re.Match[str], year: int) -> datetime | None:
    """Return a header's time in a year, None where that has no such day."""
    fields = ("month", "day", "hour", "minute", "second", "micro")
    month, day, hour, minute, second, micro = (int(header[field]) for field in fields)
    try:
        return datetime(year, month, day, hour, minute, second, micro, UTC)
    except ValueError:
        return None
