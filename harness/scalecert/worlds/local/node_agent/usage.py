"""What the processes of pods use, as a kubelet's summary has it: `usage.json`.

CPU seconds are those of a process and of its children, ended ones included, since its start; so
they begin anew when a container is started again. The working set is the memory that is resident.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from scalecert.documents import write_atomic
from scalecert.worlds.local.node_agent.pod_objects import PodIdentity

USAGE_FILE = "usage.json"
_PROC = Path("/proc")
_TICK_SECONDS = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TIMES = slice(11, 15)
_RSS = 21
"""Fields of /proc/PID/stat behind the name (proc_pid_stat(5), counted from the state)."""


class ContainerUsage(msgspec.Struct, frozen=True):
    """What one container uses; `since` is its start, in unix seconds."""

    name: str
    since: float
    cpu_seconds: float
    working_set_bytes: int


class PodUsage(msgspec.Struct, frozen=True):
    """What the containers of one pod use."""

    namespace: str
    name: str
    containers: list[ContainerUsage]


class Usage(msgspec.Struct, frozen=True):
    """`usage.json`: what was used at `time`, in unix seconds."""

    time: float
    pods: list[PodUsage]


def write_usage(directory: Path, usage: Usage) -> None:
    """Replace the file."""
    write_atomic(directory / USAGE_FILE, msgspec.json.encode(usage))


def tree_usage(pid: int, proc: Path = _PROC) -> tuple[float, int]:
    """Return CPU seconds and resident bytes of a process and its descendants; 0 if it is gone."""
    seconds, resident = 0.0, 0
    for one in _tree(pid, proc):
        with suppress(OSError):
            of_one = parse_stat((proc / str(one) / "stat").read_text())
            seconds, resident = seconds + of_one[0], resident + of_one[1]
    return seconds, resident


def parse_stat(text: str) -> tuple[float, int]:
    """Return CPU seconds, those of children that ended included, and resident bytes."""
    fields = text.rpartition(")")[2].split()
    ticks = sum(int(field) for field in fields[_TIMES])
    return ticks * _TICK_SECONDS, int(fields[_RSS]) * _PAGE_BYTES


def _tree(pid: int, proc: Path) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for children in (proc / str(pid) / "task").glob("*/children"):
            for child in children.read_text().split():
                yield from _tree(int(child), proc)


def usage_of(pods: Mapping[PodIdentity, Mapping[str, tuple[float, int]]], now: float) -> Usage:
    """Return what pods use.

    Args:
        pods: the start and the process id of each container that runs; 0 is no process.
        now: unix seconds.
    """
    found = []
    for pod, containers in pods.items():
        each = [
            ContainerUsage(name, since, *(tree_usage(pid) if pid else (0.0, 0)))
            for name, (since, pid) in containers.items()
        ]
        found.append(PodUsage(pod.namespace, pod.name, each))
    return Usage(now, found)
