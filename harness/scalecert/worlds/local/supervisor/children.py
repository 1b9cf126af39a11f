"""The supervisor's own children, by name: started, signalled, stopped, waited for."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scalecert.clock import monotonic_seconds
from scalecert.worlds.local.supervisor import descendants
from scalecert.worlds.local.supervisor.kernel import signal_at_parents_death


@dataclass
class _Child:
    process: subprocess.Popen[bytes]
    deadline_seconds: float | None = None
    """When it is killed, on the monotonic clock."""


class Children:
    """The processes of a world that were started by name.

    Each leads a session of its own and is killed by the kernel when this process ends. What one
    leaves behind, in its group or as an orphan, is killed when it ends.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: dict[str, _Child] = {}

    def start(self, name: str, command: list[str], env: dict[str, str]) -> int:
        """Start a process in the world's directory and return its pid.

        Its log is `logs/<name>.log`, which is emptied.

        Raises:
            OSError: if the command can't be executed.
            ValueError: if one of that name runs.
        """
        if name in self._running:
            raise ValueError(f"{name} runs already")
        log = os.open(
            self._directory / "logs" / f"{name}.log",
            os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND,
            0o600,
        )
        try:
            process = subprocess.Popen(  # noqa: S603 - what the harness asks for
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env=env,
                start_new_session=True,
                preexec_fn=partial(signal_at_parents_death, signal.SIGKILL, os.getpid()),  # noqa: PLW1509 - there is one thread
            )
        finally:
            os.close(log)
        self._running[name] = _Child(process)
        return process.pid

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a process.

        Raises:
            ValueError: if it does not run.
        """
        if name not in self._running:
            raise ValueError(f"{name} does not run")
        self._running[name].process.send_signal(number)

    def stop(self, name: str, timeout_seconds: float) -> bool:
        """Send SIGTERM, and SIGKILL to its group later; return False if it does not run."""
        child = self._running.get(name)
        if child is None:
            return False
        child.deadline_seconds = monotonic_seconds() + timeout_seconds
        child.process.terminate()
        return True

    def stop_all(self, timeout_seconds: float) -> None:
        """Stop all at once."""
        for name in self._running:
            self.stop(name, timeout_seconds)

    @property
    def running(self) -> bool:
        """Whether any of them runs."""
        return bool(self._running)

    def seconds_to_deadline(self) -> float | None:
        """Return how long until the first of them is to be killed; None if none is."""
        deadlines = [one.deadline_seconds for one in self._running.values()]
        due = min((one for one in deadlines if one is not None), default=None)
        return None if due is None else max(due - monotonic_seconds(), 0.0)

    def kill_overdue(self) -> None:
        """Kill those that did not stop in time, with their groups."""
        now = monotonic_seconds()
        for child in self._running.values():
            if child.deadline_seconds is not None and now >= child.deadline_seconds:
                child.deadline_seconds = None
                descendants.kill_group(child.process.pid, signal.SIGKILL)

    def reap(self) -> Iterator[tuple[str, int]]:
        """Wait for all that ended; yield the names of ours with their exit codes."""
        names = {child.process.pid: name for name, child in self._running.items()}
        anything = False
        while ended := _ended():
            anything = True
            if ended not in names:
                os.waitpid(ended, 0)
                continue
            # Nobody else can have its number as long as nobody has waited for it.
            descendants.kill_group(ended, signal.SIGKILL)
            name = names[ended]
            yield name, self._running.pop(name).process.wait()
        if anything:
            self._kill_orphans()

    def _kill_orphans(self) -> None:
        """Kill what lost its parent and came to us; its own children come next."""
        ours = {child.process.pid for child in self._running.values()}
        for pid in descendants.children_of(os.getpid()) - ours:
            descendants.kill(pid, signal.SIGKILL)


def _ended() -> int | None:
    """Return a child that ended, without waiting for it."""
    with suppress(ChildProcessError):
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return found.si_pid if found is not None else None
    return None
