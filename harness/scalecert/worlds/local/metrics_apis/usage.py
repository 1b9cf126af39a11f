"""The resource metrics API: what containers use, as metrics-server has it from kubelets.

The node agent writes what its pods have used into a file, again and again; usage is the rate
between two such readings. A pod has usage from its second reading on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from scalecert.worlds.local.metrics_apis.answers import ContainerUse, PodUse

_NANO: Final = 1_000_000_000


class ContainerReading(msgspec.Struct, frozen=True):
    """What a container has used since its start, and holds now."""

    container: str
    cpu_seconds: float
    working_set_bytes: int


class PodReading(msgspec.Struct, frozen=True):
    """What the containers of a pod have used."""

    namespace: str
    pod: str
    containers: tuple[ContainerReading, ...]


class Reading(msgspec.Struct, frozen=True):
    """The file: all pods at one time, unix seconds."""

    time: float
    pods: tuple[PodReading, ...] = ()


def pod_use(before: Reading, last: Reading, namespace: str, pod: str) -> PodUse | None:
    """Return what a pod used between two readings.

    None if it is not in both with all of its containers, or one of them began anew in between.
    """
    old, new = _containers(before, namespace, pod), _containers(last, namespace, pod)
    window = last.time - before.time
    if not new or window <= 0 or not new.keys() <= old.keys():
        return None
    used = {name: new[name].cpu_seconds - old[name].cpu_seconds for name in new}
    if min(used.values()) < 0:
        return None
    containers = tuple(
        ContainerUse(name, round(used[name] / window * _NANO), new[name].working_set_bytes)
        for name in new
    )
    return PodUse(pod, last.time, window, containers)


def _containers(reading: Reading, namespace: str, pod: str) -> dict[str, ContainerReading]:
    for one in reading.pods:
        if one.namespace == namespace and one.pod == pod:
            return {container.container: container for container in one.containers}
    return {}


class UsageFile:
    """The two newest readings of a file that is replaced again and again.

    Args:
        path: of the file; it may not be there yet.
        ignores: tells of a reading's time whether nothing was collected then.
    """

    def __init__(self, path: Path, ignores: Callable[[float], bool]) -> None:
        self._path = path
        self._ignores = ignores
        self._seen: tuple[int, int] | None = None
        self._newest: tuple[Reading, ...] = ()

    def refresh(self) -> None:
        """Take the file's reading if it is a new one."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        seen = (status.st_ino, status.st_mtime_ns)
        if seen == self._seen:
            return
        self._seen = seen
        reading = msgspec.json.decode(self._path.read_bytes(), type=Reading)
        fresh = not self._newest or reading.time > self._newest[-1].time
        if fresh and not self._ignores(reading.time):
            self._newest = (*self._newest[-1:], reading)

    def of_pod(self, namespace: str, pod: str) -> PodUse | None:
        """Return a pod's usage, None if there is none."""
        newest = self._newest
        return pod_use(*newest, namespace, pod) if len(newest) == 2 else None

    def heartbeat(self, name: str) -> PodUse | None:
        """Return the usage of nothing, under a name: it says when the last reading was."""
        newest = self._newest
        if len(newest) < 2:
            return None
        before, last = newest
        return PodUse(name, last.time, last.time - before.time, (ContainerUse("canary", 0, 0),))
