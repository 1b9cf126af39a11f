"""What the generators saw: records on disk as they happen, columns at the end.

A request has two records: when it was sent, and when it ended. Each is one write, so what a
generator had seen when it was killed is there. Times are wall seconds after the beginning.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scalecert.engines.request_log import Status
from scalecert.load.offer import Offer

Floats = npt.NDArray[np.float64]


class Way(IntEnum):
    """What became of a request on its way to a server."""

    SENT = 0
    REFUSED = 1
    """No pod was ready, or its port was closed."""
    DROPPED = 2
    """Not sent: the generator had no connection left."""


RECORD = np.dtype(
    [
        ("request", "<i4"),
        ("status", "<i1"),
        ("way", "<i1"),
        ("replica", "<i4"),
        ("sent_seconds", "<f8"),
        ("first_token_seconds", "<f8"),
        ("last_token_seconds", "<f8"),
        ("scheduled_seconds", "<f8"),
    ]
)
_PACK = struct.Struct("<ibbidddd").pack
_TIMES = ("sent_seconds", "first_token_seconds", "last_token_seconds", "scheduled_seconds")


class Seen(NamedTuple):
    """What is known of one request so far: a record's fields."""

    request: int
    sent_seconds: float = nan
    replica: int = -1
    status: Status = Status.PENDING
    way: Way = Way.SENT
    first_token_seconds: float = nan
    last_token_seconds: float = nan
    scheduled_seconds: float = nan

    def packed(self) -> bytes:
        """Return the record."""
        return _PACK(
            self.request,
            self.status,
            self.way,
            self.replica,
            self.sent_seconds,
            self.first_token_seconds,
            self.last_token_seconds,
            self.scheduled_seconds,
        )


class AnswerLog:
    """A generator's log, open for writing.

    Args:
        path: of the file, which must not be there yet.
        done: what it is called when everything is in it.
    """

    def __init__(self, path: Path, done: Path) -> None:
        self._path, self._done = path, done
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)

    def write(self, records: bytes) -> None:
        """Write whole records."""
        os.write(self._file, records)

    def close(self) -> None:
        """Say that everything is in it."""
        os.close(self._file)
        self._path.rename(self._done)


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the clients saw of the requests of an offer, n entries in its order.

    Times are wall seconds after the beginning, NaN where it never happened or nobody knows.

    Attributes:
        arrival_seconds: f8[n], intended.
        sent_seconds: f8[n].
        first_token_seconds: f8[n]; NaN where the answer came in one piece.
        last_token_seconds: f8[n].
        scheduled_seconds: f8[n], the end of queueing, where the server tells it.
        status: i1[n], `engines.request_log.Status`; PENDING was not answered in time, or not sent.
        replica: i4[n], ordinal of the pod, -1: none.
        streamed: i1[n].
        refused_seconds: f8, sorted: when requests met no ready pod, or a closed port.
        dropped: requests that were not sent because the generator had no connection left.
        problems: what went wrong with the generators, a sentence each.
    """

    arrival_seconds: Floats
    sent_seconds: Floats
    first_token_seconds: Floats
    last_token_seconds: Floats
    scheduled_seconds: Floats
    status: npt.NDArray[np.int8]
    replica: npt.NDArray[np.int32]
    streamed: npt.NDArray[np.int8]
    refused_seconds: Floats
    dropped: int
    problems: tuple[str, ...] = ()


def read_log(path: Path) -> npt.NDArray[np.void]:
    """Return the whole records of a log, in the order of writing."""
    data = path.read_bytes()
    return np.frombuffer(data[: len(data) - len(data) % RECORD.itemsize], dtype=RECORD)


def answers_of(
    offer: Offer, logs: Iterable[npt.NDArray[np.void]], problems: Iterable[str] = ()
) -> Answers:
    """Return the answers to an offer; of a request the last record counts."""
    last = np.zeros(len(offer), dtype=RECORD)
    for name in _TIMES:
        last[name] = nan
    last["replica"] = -1
    for log in logs:
        last[log["request"]] = log
    refused = last["sent_seconds"][last["way"] == Way.REFUSED]
    return Answers(
        arrival_seconds=offer.arrival_seconds,
        **{name: last[name].copy() for name in _TIMES},
        status=last["status"].copy(),
        replica=last["replica"].copy(),
        streamed=offer.streamed.astype(np.int8),
        refused_seconds=np.sort(refused),
        dropped=int(np.count_nonzero(last["way"] == Way.DROPPED)),
        problems=tuple(problems),
    )
