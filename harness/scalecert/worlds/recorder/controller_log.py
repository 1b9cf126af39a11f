"""What kube-controller-manager's log tells of one HPA (horizontal.go, run with `-vmodule`).

Every sync ends with one entry, whatever became of it:

    "Successfully rescaled"     level 0   HPA, currentReplicas, desiredReplicas
    "Decided not to scale"      level 4   scaleTarget, desiredReplicas
    "Unhandled Error"           error     of metrics, or of a target not to be read or written

and where metrics could be computed, "Proposing desired replicas" (level 4) comes before that.
Events of the HPA are in it too (record/event.go, level 3); unlike in the API, none is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from scalecert.worlds.recorder.klog import LogEntry

VMODULE: Final = "horizontal=4,event=3"
"""The flag of kube-controller-manager with which its log has all of this."""

_PROPOSING: Final = ("Proposing desired replicas", "Proposing desired replicas from zero")
_FAILED: Final = re.compile(
    r"failed to compute desired number of replicas based on listed metrics for (?P<target>[^:]+): "
    r"|failed to rescale (?P<rescaled>[^:]+): "
    r"|failed to query scale subresource for (?P<queried>[^:]+): "
)


@dataclass(frozen=True, slots=True)
class SyncEnd:
    """The end of one sync of the HPA.

    `proposed` is what its metrics together asked for, None where they could not be computed or were
    not looked at. `before` and `desired` are replicas, None where the sync failed.
    """

    time_unix: float
    before: int | None
    desired: int | None
    proposed: int | None

    @property
    def failed(self) -> bool:
        """Whether the sync ended with an error, and left the target alone."""
        return self.desired is None


@dataclass(frozen=True, slots=True)
class HpaEvent:
    """A Kubernetes Event of the HPA."""

    time_unix: float
    type: str
    reason: str
    message: str


@dataclass(slots=True)
class ControllerLog:
    """What the log has of one HPA, in order of time."""

    syncs: list[SyncEnd] = field(default_factory=list)
    events: list[HpaEvent] = field(default_factory=list)


def read_controller_log(entries: Iterable[LogEntry], hpa: str, target: str) -> ControllerLog:
    """Return what a log tells of one HPA.

    Args:
        entries: of the log.
        hpa: its `namespace/name`.
        target: what it scales, `kind/namespace/name`.
    """
    found, proposed = ControllerLog(), None
    for entry in entries:
        if entry.message in _PROPOSING and entry.values.get("scaleTarget") == target:
            proposed = int(entry.values["desiredReplicas"])
        elif entry.message == "Event occurred" and _is_of(entry, hpa):
            found.events.append(_event(entry))
        else:
            end = _end(entry, hpa, target, proposed)
            if end is not None:
                found.syncs.append(end)
                proposed = None
    return found


def _is_of(entry: LogEntry, hpa: str) -> bool:
    values = entry.values
    return values.get("kind") == "HorizontalPodAutoscaler" and values.get("object") == hpa


def _event(entry: LogEntry) -> HpaEvent:
    type_, reason, message = (entry.values.get(key, "") for key in ("type", "reason", "message"))
    return HpaEvent(entry.time_unix, type_, reason, message)


def _end(entry: LogEntry, hpa: str, target: str, proposed: int | None) -> SyncEnd | None:
    """Return the end of a sync that an entry is, None if it is none."""
    values, time = entry.values, entry.time_unix
    if entry.message == "Successfully rescaled" and values.get("HPA") == hpa:
        current, desired = int(values["currentReplicas"]), int(values["desiredReplicas"])
        return SyncEnd(time, current, desired, proposed)
    if entry.message == "Decided not to scale" and values.get("scaleTarget") == target:
        replicas = int(values["desiredReplicas"])
        return SyncEnd(time, replicas, replicas, proposed)
    if entry.message == "Unhandled Error" and target in _failed_target(values.get("err", "")):
        return SyncEnd(time, None, None, proposed)
    return None


def _failed_target(error: str) -> Sequence[str]:
    """Return whose sync an error ended."""
    found = _FAILED.match(error)
    return () if found is None else tuple(name for name in found.groups() if name is not None)
