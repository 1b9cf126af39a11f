"""What was seen of the API server while a run went on, each with the time at which it was heard.

Objects are as the API has them (JSON); what the recorder wants of them is read here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from scalecert.hpa.pods import Pod, PodSpec, ReadyCondition
from scalecert.metrics.canary import CanaryPath, Heartbeat
from scalecert.worlds.recorder.controller_log import HpaEvent

What: TypeAlias = Literal["hpa", "target", "pod", "event"]
Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Observation:
    """One change of one object, when it was heard of.

    `change` is `ADDED`, `MODIFIED`, `DELETED`, or `LISTED` of what was there when watching began.
    """

    time_unix: float
    what: What
    change: str
    object: Json


@dataclass(frozen=True, slots=True)
class Heard:
    """What came over one path of the canary when it was asked for; its age is in the run's time."""

    time_unix: float
    beat: Heartbeat


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a watcher saw, in order of time; `paths` are those of the canary."""

    changes: tuple[Observation, ...] = ()
    heard: tuple[Heard, ...] = ()
    paths: tuple[CanaryPath, ...] = ()


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of the HPA's status: (type, status, reason), in its order."""

    time_unix: float
    states: tuple[tuple[str, str, str], ...]


def conditions(changes: Iterable[Observation]) -> list[Conditions]:
    """Return the HPA's conditions at each of its changes."""
    return [
        Conditions(one.time_unix, _states(one.object))
        for one in changes
        if one.what == "hpa" and one.change != "DELETED"
    ]


def _states(hpa: Json) -> tuple[tuple[str, str, str], ...]:
    found = hpa.get("status", {}).get("conditions") or ()
    return tuple((one["type"], one["status"], one.get("reason", "")) for one in found)


def hpa_events(changes: Iterable[Observation]) -> list[HpaEvent]:
    """Return the HPA's events, each as often as the API counted it while it was watched."""
    return [
        HpaEvent(
            one.time_unix,
            one.object.get("type", ""),
            one.object.get("reason", ""),
            one.object.get("message", ""),
        )
        for one in changes
        if one.what == "event" and one.change in ("ADDED", "MODIFIED")
    ]


def status_replicas(changes: Sequence[Observation], time_unix: float) -> int | None:
    """Return `status.replicas` of the scaled object at a time, None while it was not seen."""
    seen = [one for one in changes if one.what == "target" and one.time_unix <= time_unix]
    return int(seen[-1].object.get("status", {}).get("replicas", 0)) if seen else None


class PodViews:
    """The pods as the HPA controller sees them, at any time; `spec` is what each of them asks for.

    Times of the pods are unix milliseconds.
    """

    def __init__(self, changes: Iterable[Observation], spec: PodSpec) -> None:
        self._changes = [
            (one.time_unix, one.object["metadata"]["name"], _pod(one, spec))
            for one in changes
            if one.what == "pod"
        ]

    def at(self, time_unix: float) -> list[Pod]:
        """Return the pods that exist at a time."""
        pods: dict[str, Pod | None] = {}
        for since, name, pod in self._changes:
            if since > time_unix:
                break
            pods[name] = pod
        return [pod for pod in pods.values() if pod is not None]


def _pod(one: Observation, spec: PodSpec) -> Pod | None:
    """Return the pod of an observation, None where it is gone."""
    if one.change == "DELETED":
        return None
    metadata, status = one.object["metadata"], one.object.get("status", {})
    started = status.get("startTime")
    return Pod(
        name=metadata["name"],
        labels=metadata.get("labels") or {},
        phase=status.get("phase", "Pending"),
        start_time_ms=None if started is None else milliseconds(started),
        ready=_ready(status.get("conditions") or ()),
        deleted="deletionTimestamp" in metadata,
        spec=spec,
    )


def _ready(conditions: Iterable[Json]) -> ReadyCondition | None:
    for one in conditions:
        if one["type"] == "Ready":
            since = one.get("lastTransitionTime")
            if since is None:
                return ReadyCondition(one["status"])
            return ReadyCondition(one["status"], milliseconds(since))
    return None


def milliseconds(time: str) -> int:
    """Return a time of the API (RFC 3339) as unix milliseconds."""
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def nearest_heartbeat(
    heard: Iterable[Heard], path: CanaryPath, time_unix: float, within_seconds: float
) -> Heartbeat:
    """Return what was heard over a path closest to a time; nothing, if that was not near it."""
    near = min(
        (one for one in heard if one.beat.path == path),
        key=lambda one: abs(one.time_unix - time_unix),
        default=None,
    )
    if near is None or abs(near.time_unix - time_unix) > within_seconds:
        return Heartbeat(path, math.nan, "nobody asked for the canary")
    return near.beat
