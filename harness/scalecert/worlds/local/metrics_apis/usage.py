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
from scalecert.worlds.local.node_agent.usage import ContainerUsage, Usage

_NANO: Final = 1_000_000_000
_HEARTBEAT: Final = (ContainerUse("canary", 0, 0),)


def pod_use(before: Usage, last: Usage, namespace: str, pod: str) -> PodUse | None:
    """Return what a pod used between two readings.

    None if one of its containers is not in both, or began anew in between.
    """
    old, new = _containers(before, namespace, pod), _containers(last, namespace, pod)
    window = last.time - before.time
    same = all(name in old and old[name].since == new[name].since for name in new)
    if not new or not same:
        return None
    containers = tuple(_use(old[name], new[name], window) for name in new)
    return PodUse(pod, last.time, window, containers)


def _use(old: ContainerUsage, new: ContainerUsage, window_seconds: float) -> ContainerUse:
    # A process that is gone has used nothing that the kernel still knows of.
    used = max(0.0, new.cpu_seconds - old.cpu_seconds)
    return ContainerUse(new.name, round(used / window_seconds * _NANO), new.working_set_bytes)


def _containers(reading: Usage, namespace: str, pod: str) -> dict[str, ContainerUsage]:
    for one in reading.pods:
        if one.namespace == namespace and one.name == pod:
            return {container.name: container for container in one.containers}
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
        self._newest: tuple[Usage, ...] = ()

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
        reading = msgspec.json.decode(self._path.read_bytes(), type=Usage)
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
        return PodUse(name, last.time, last.time - before.time, _HEARTBEAT)
