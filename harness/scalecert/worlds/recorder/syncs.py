"""Which of what was logged and seen belongs to which sync of the HPA.

The controller's log has one entry for the end of each sync. What the controller asked of the
metrics APIs since the sync before is part of it, and its first question is when the sync began;
events and conditions come out of a sync within moments of its end, and syncs are seconds apart.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from scalecert.worlds.recorder.controller_log import HpaEvent, SyncEnd
from scalecert.worlds.recorder.logs import MetricsAnswer
from scalecert.worlds.recorder.observations import Conditions

CONTROLLER_AGENT: Final = "kube-controller-manager"
"""How the User-Agent of the HPA controller begins."""


@dataclass(frozen=True, slots=True)
class Sync:
    """One sync of the HPA; `before` and `desired` are replicas of the target's spec.

    `time_unix` is its beginning. `conditions` are those that the sync left behind, empty where it
    changed nothing of the HPA's status.
    """

    time_unix: float
    before: int
    desired: int
    proposed: int | None
    answers: tuple[MetricsAnswer, ...]
    events: tuple[HpaEvent, ...]
    conditions: tuple[tuple[str, str, str], ...]


class _Timed(Protocol):
    @property
    def time_unix(self) -> float: ...


_T = TypeVar("_T", bound=_Timed)


def group_syncs(
    ends: Sequence[SyncEnd],
    answers: Iterable[MetricsAnswer],
    events: Iterable[HpaEvent],
    conditions: Iterable[Conditions],
    initial_replicas: int,
) -> list[Sync]:
    """Return the syncs of an HPA, in order of time.

    Args:
        ends: of its syncs, in order of time.
        answers: of the metrics APIs, to anybody.
        events: of the HPA.
        conditions: of the HPA, at each change of its status.
        initial_replicas: of the target before the first sync.
    """
    asked = _by_end(ends, answers)
    told = _by_nearest(ends, events)
    left = _by_nearest(ends, conditions)
    syncs, replicas = [], initial_replicas
    for index, end in enumerate(ends):
        before = replicas if end.before is None else end.before
        replicas = before if end.desired is None else end.desired
        syncs.append(
            Sync(
                time_unix=min([end.time_unix, *(one.time for one in asked[index])]),
                before=before,
                desired=replicas,
                proposed=end.proposed,
                answers=tuple(asked[index]),
                events=tuple(told[index]),
                conditions=left[index][-1].states if left[index] else (),
            )
        )
    return syncs


def _by_end(ends: Sequence[SyncEnd], answers: Iterable[MetricsAnswer]) -> list[list[MetricsAnswer]]:
    """Return per sync what the controller was answered since the sync before."""
    times, groups = [end.time_unix for end in ends], [list[MetricsAnswer]() for _ in ends]
    for answer in answers:
        index = bisect_left(times, answer.time)
        if index < len(groups) and answer.agent.startswith(CONTROLLER_AGENT):
            groups[index].append(answer)
    return groups


def _by_nearest(ends: Sequence[SyncEnd], things: Iterable[_T]) -> list[list[_T]]:
    """Return per sync the things that were told closest to its end."""
    times, groups = [end.time_unix for end in ends], [list[_T]() for _ in ends]
    for thing in things if times else ():
        after = bisect_left(times, thing.time_unix)
        near = range(max(after - 1, 0), min(after + 1, len(times)))
        nearest = min(near, key=lambda index: abs(times[index] - thing.time_unix))
        groups[nearest].append(thing)
    return groups
