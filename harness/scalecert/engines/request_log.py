"""The request log of a run: what the client saw of each request, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Status(IntEnum):
    """How a request ended."""

    PENDING = 0
    OK = 1
    REJECTED = 2
    """Refused by the server at its limits (503, 429)."""
    ABORTED = 3
    """Lost with its server: killed at the end of the grace period, or no server was there."""


@dataclass(slots=True)
class RequestLog:
    """What the client saw, one entry a request; lists because engines write single items.

    Times are seconds of the run at the client; NaN until they happen. `replica` is the ordinal
    of the pod that served the request, -1 if none did.
    """

    first_token_seconds: list[float]
    last_token_seconds: list[float]
    scheduled_seconds: list[float]
    """When the server first scheduled it: the end of its queueing. At the server's clock, set when
    it finishes."""
    status: list[int]
    replica: list[int]

    @classmethod
    def of_size(cls, count: int) -> RequestLog:
        """Return an empty log of `count` requests."""
        first, last, scheduled = ([float("nan")] * count for _ in range(3))
        return cls(first, last, scheduled, [int(Status.PENDING)] * count, [-1] * count)

    def grow(self, count: int) -> None:
        """Make room for `count` more requests."""
        more = RequestLog.of_size(count)
        self.first_token_seconds += more.first_token_seconds
        self.last_token_seconds += more.last_token_seconds
        self.scheduled_seconds += more.scheduled_seconds
        self.status += more.status
        self.replica += more.replica

    def reset(self, ident: int) -> None:
        """Let `ident` stand for another request."""
        for times in (self.first_token_seconds, self.last_token_seconds, self.scheduled_seconds):
            times[ident] = float("nan")
        self.status[ident] = int(Status.PENDING)
        self.replica[ident] = -1

    def abort(self, ids: Iterable[int]) -> None:
        """Let requests end as ABORTED."""
        for ident in ids:
            self.status[ident] = int(Status.ABORTED)
