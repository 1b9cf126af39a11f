"""What was seen of one script at one server, a real one or a model, and what follows from that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from jetstream_golden.scripts import PLATEAU

BACKLOG = "jetstream_prefill_backlog_size"
USED = "jetstream_slots_used_percentage"


@dataclass(frozen=True, slots=True)
class Gauges:
    """What the metrics port showed at a moment: the backlog, and the share of slots not free."""

    seconds: float
    backlog: float
    used: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of one request.

    Attributes:
        sent: when it sent it, seconds.
        prefilled: when the message of the prefill came; None where a server sends none.
        messages: when each message of a generate step came.
        tokens: how many token ids each of these had; empty where nobody counts.
        ended: when the answer ended; None if the client gave it up.
    """

    sent: float
    prefilled: float | None
    messages: tuple[float, ...]
    tokens: tuple[int, ...]
    ended: float | None


@dataclass(frozen=True, slots=True)
class Record:
    """A script at one server.

    Attributes:
        step_seconds: of its generate steps.
        idle: its gauges before the first request, and once all was over.
        seen: by request.
        gauges: while it went on, in their order.
    """

    step_seconds: float
    idle: tuple[Gauges, Gauges]
    seen: tuple[Seen, ...]
    gauges: tuple[Gauges, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing can have been missed while requests came and were prefilled.

        All came within half a step, and the gauges were looked at twice a step, until the first
        had all messages, or as many as the plateau of a burst begins with.
        """
        first = self.seen[0].messages
        until = first[: PLATEAU[0]][-1]
        looks = [one.seconds for one in self.gauges if one.seconds < until]
        longest = max(later - one for one, later in pairwise([*looks, until]))
        together = [one.sent for one in self.seen if one.sent < first[0]]
        return max(longest, together[-1] - together[0]) < self.step_seconds / 2

    def between(self, begin: float, end: float) -> Iterator[Gauges]:
        """Yield the gauges after one moment and before another."""
        return (one for one in self.gauges if begin < one.seconds < end)

    def by(self, moment: float, times: Sequence[float]) -> int:
        """Return how many of `times` are not after the step that ended at `moment`."""
        return sum(time <= moment + self.step_seconds / 2 for time in times)

    def lasting(self, values: Sequence[tuple[float, float]]) -> list[float]:
        """Return the values of (time, value) pairs, in order, that last for half a step or more."""
        runs: list[tuple[float, float, float]] = []
        for time, value in values:
            if runs and runs[-1][0] == value:
                runs[-1] = (value, runs[-1][1], time)
            else:
                runs.append((value, time, time))
        lasting = (value for value, begin, end in runs if end - begin >= self.step_seconds / 2)
        return [value for value, _ in groupby(lasting)]
