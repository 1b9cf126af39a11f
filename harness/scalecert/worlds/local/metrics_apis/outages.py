"""Outages of the harness's own pipeline, told in a file while the process runs.

A scenario counts its outages from the start of the load, which is not known when the process
starts: the world writes them down, in unix seconds, once it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from scalecert.metrics.conditions import PipelinePart


class OutageSpan(msgspec.Struct, frozen=True):
    """A part of the pipeline is down in [start, end), unix seconds."""

    part: PipelinePart
    start: float
    end: float


def write_outages(path: Path, spans: Iterable[OutageSpan]) -> None:
    """Put spans in the place of those that the file holds, at once."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(msgspec.json.encode(list(spans)))
    fresh.replace(path)


class Outages:
    """The spans in a file, read anew when it was replaced; none while there is no file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._spans: tuple[OutageSpan, ...] = ()

    def is_down(self, part: PipelinePart, now: float) -> bool:
        """Tell whether a part is down at `now`, unix seconds."""
        self._refresh()
        return any(one.part == part and one.start <= now < one.end for one in self._spans)

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        seen = (status.st_ino, status.st_mtime_ns)
        if seen != self._seen:
            self._spans = msgspec.json.decode(self._path.read_bytes(), type=tuple[OutageSpan, ...])
            self._seen = seen
