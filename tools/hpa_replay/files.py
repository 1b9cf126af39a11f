"""Reads files of records, plain or gzipped, and tells their kind by their content."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from hpa_replay.calculator import replay_calculator
from hpa_replay.tables import replay_percent_limit, replay_quantity
from hpa_replay.trajectories import replay_trajectory
from hpa_replay.upstream import replay_upstream_case
from hpa_replay.verdict import Verdict

Replay = Callable[[bytes], Verdict]

_GZIP_MAGIC = b"\x1f\x8b"
# a field that only records of that kind have
_REPLAY_BY_FIELD: dict[str, Replay] = {
    "method": replay_calculator,
    "syncs": replay_trajectory,
    "q": replay_quantity,
    "case": replay_upstream_case,
}


class UnknownRecordError(Exception):
    """A line is no record of a known kind."""


def replay_file(path: Path) -> Iterator[Verdict]:
    """Replay the records of a file, one by one.

    Raises:
        OSError: the file can't be read.
        UnknownRecordError: a line is no record; the text says which.
    """
    for number, line in enumerate(_lines(path), start=1):
        try:
            yield kind_of(line)(line)
        except (msgspec.MsgspecError, UnknownRecordError) as error:
            raise UnknownRecordError(f"{path}:{number}: {error}") from error


def kind_of(line: bytes) -> Replay:
    """Return the replay for a record.

    Raises:
        UnknownRecordError: there is none.
        msgspec.MsgspecError: the line is not JSON.
    """
    if line.lstrip().startswith(b"["):
        return replay_percent_limit
    fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    for field, replay in _REPLAY_BY_FIELD.items():
        if field in fields:
            return replay
    raise UnknownRecordError("not a record of a calculator, trajectory, limit, quantity or case")


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as raw:
        zipped = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    opener = gzip.open if zipped else open
    with opener(path, "rb") as lines:
        for line in lines:
            if line.strip():
                yield line
