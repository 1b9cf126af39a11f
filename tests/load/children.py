"""The load's processes as children of a test, each in a session of its own; none outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from scalecert.clock import monotonic_seconds

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 60.0
"""Of any wait: a machine that is busy is slow, one that hangs is a failure."""


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    until, never = monotonic_seconds() + LIMIT_SECONDS, Event()
    while not condition():
        assert monotonic_seconds() < until, f"waited for {what}"
        never.wait(0.01)


class Children:
    """Processes by name; implements `scalecert.load.Processes`."""

    def __init__(self, logs: Path, env: Mapping[str, str] | None = None) -> None:
        self.logs = logs
        self.env = env or {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> None:
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": "", "PYTHONPATH": str(ROOT / "harness"), **self.env, **(env or {})},
                start_new_session=True,
                cwd=self.logs,
            )

    def stop(self, name: str, *, timeout_seconds: float = 20.0) -> None:
        process = self.running.get(name)
        if process is None:
            return
        process.terminate()
        process.wait(timeout_seconds)

    def exit_code(self, name: str) -> int | None:
        return self.running[name].poll()

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.out"

    def kill(self) -> None:
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def children(logs: Path, env: Mapping[str, str] | None = None) -> Iterator[Children]:
    """Yield the processes of a test; kill what is left of them at its end."""
    started = Children(logs, env)
    try:
        yield started
    finally:
        started.kill()
