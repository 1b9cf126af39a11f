"""Every process that descends from this one, found in /proc and ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from scalecert.clock import monotonic_seconds

_LOOK_SECONDS = 0.005


def children_of(parent: int) -> set[int]:
    """Return the processes whose parent is `parent`, those that nobody has waited for included."""
    return {pid for pid, its_parent in _parents() if its_parent == parent}


def descendants_of(ancestor: int) -> set[int]:
    """Return all that descend from a process as they are at the moment, without itself."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    open_ends = [ancestor]
    while open_ends:
        new = [pid for pid in children.get(open_ends.pop(), ()) if pid not in found]
        found.update(new)
        open_ends += new
    return found


def kill_descendants(timeout_seconds: float) -> bool:
    """SIGKILL all that descends from this process until nothing does; return whether it is so.

    This process must adopt orphans: whoever forks while it is killed leaves a child that comes
    back here. It must not care for exit statuses any more: all are waited for.
    """
    deadline = monotonic_seconds() + timeout_seconds
    while True:
        for pid in descendants_of(os.getpid()):
            kill(pid, signal.SIGKILL)
        if not wait_for_any():
            return True
        if monotonic_seconds() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)  # noqa: TID251 - the loop's limit is above


def wait_for_any() -> bool:
    """Wait for every child that has ended; return whether there are others."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    return False


def kill(pid: int, number: int) -> None:
    """Send a signal to a process, which may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_group(leader: int, number: int) -> None:
    """Send a signal to a process group, which may be empty or still unmade."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _parents() -> Iterator[tuple[int, int]]:
    """Yield each process with its parent."""
    for folder in os.listdir("/proc"):  # noqa: PTH208 - hundreds of names, no paths
        if folder.isdigit():
            with suppress(OSError):
                stat = Path("/proc", folder, "stat").read_bytes()
                # pid (name) state parent: the name may hold blanks and brackets
                yield int(folder), int(stat.rpartition(b")")[2].split()[1])
