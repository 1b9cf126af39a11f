"""The event kernel: virtual time as a heap of (time, priority, sequence).

Events at one time run by priority, then in the order in which they were scheduled; nothing else
decides, so a run is the same in every process.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from enum import IntEnum

Action = Callable[[float], None]


class Priority(IntEnum):
    """What happens first at one time: the cluster changes, is observed, then is controlled."""

    CLUSTER = 0
    SCRAPE = 1
    CONTROL = 2


class Kernel:
    """A clock that jumps from event to event.

    An event either may change who serves requests (`CLUSTER`, `CONTROL`) or only observes
    (`SCRAPE`); `next_change` says until when the set of serving pods cannot change.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, int, Action]] = []
        self._changes: list[float] = []
        self._sequence = 0

    def at(self, time_seconds: float, priority: Priority, action: Action) -> None:
        """Run `action(time)` at `time_seconds`, or now if that is past."""
        time_seconds = max(time_seconds, self.now)
        self._sequence += 1
        heapq.heappush(self._heap, (time_seconds, priority, self._sequence, action))
        if priority is not Priority.SCRAPE:
            heapq.heappush(self._changes, time_seconds)

    def next_change(self) -> float:
        """Return the time of the next event that may change who serves; inf if none is known."""
        return self._changes[0] if self._changes else float("inf")

    def run(self, until_seconds: float) -> None:
        """Run every event up to and including `until_seconds`."""
        while self._heap and self._heap[0][0] <= until_seconds:
            time_seconds, priority, _, action = heapq.heappop(self._heap)
            if priority is not Priority.SCRAPE:
                heapq.heappop(self._changes)
            self.now = time_seconds
            action(time_seconds)
        self.now = max(self.now, until_seconds)
