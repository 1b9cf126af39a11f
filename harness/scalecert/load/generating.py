"""One generator from its start to the last answer; where its part of the load comes from is told.

A `Source` is a folder on this machine, or messages from another one (`distributed`).
"""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import gevent  # type: ignore[import-untyped]

from scalecert.engines.request_log import Status
from scalecert.load.answer_log import AnswerLog, Seen
from scalecert.load.dispatcher import Dispatcher, Routes
from scalecert.load.routes import RouteFile
from scalecert.load.schedule import (
    Rows,
    Settings,
    answers_file,
    read_beginning,
    read_rows,
    read_settings,
    ready_file,
    touch,
)

_LOOK_SECONDS = 0.01
_NICE = -10
_GC_THRESHOLDS = (100_000, 50, 1000)
"""So rare that no collection of all objects falls into a run; they are counted by reference."""


class Source(Protocol):
    """Where a generator's part comes from, and its log goes to."""

    def part(self) -> tuple[Settings, Rows, Routes]:
        """Return how requests are asked, which ones, and the pods."""

    def say_ready(self) -> None:
        """Say that everything is there."""

    def beginning(self) -> float:
        """Wait until somebody says when the run begins; return it, in seconds since 1970."""

    def write(self, records: bytes) -> None:
        """Take records of the log."""

    def close(self) -> None:
        """Take the end of the log."""


class FolderSource:
    """A folder on this machine.

    Args:
        folder: of the load (`schedule`).
        generator: which of the generators this is.
    """

    def __init__(self, folder: Path, generator: int) -> None:
        self._folder, self._generator = folder, generator
        log, done = (answers_file(folder, generator, done=done) for done in (False, True))
        self._log = AnswerLog(log, done)

    def part(self) -> tuple[Settings, Rows, Routes]:
        """Return what the folder says."""
        settings = read_settings(self._folder)
        rows = read_rows(self._folder, self._generator, settings.generators)
        return settings, rows, RouteFile(Path(settings.routes))

    def say_ready(self) -> None:
        """Create the file that says so."""
        touch(ready_file(self._folder, self._generator))

    def beginning(self) -> float:
        """Wait for the file."""
        while (seconds := read_beginning(self._folder)) is None:
            gevent.sleep(_LOOK_SECONDS)
        return seconds

    def write(self, records: bytes) -> None:
        """Write records."""
        self._log.write(records)

    def close(self) -> None:
        """Rename the file."""
        self._log.close()


def generate(source: Source, report: Callable[[Seen], None]) -> None:
    """Offer a part of a load; `report` is told of each request that has ended."""
    settings, rows, routes = source.part()

    def tell(seen: Seen) -> None:
        source.write(seen.packed())
        if seen.status is not Status.PENDING:
            report(seen)

    dispatcher = Dispatcher(settings, rows, routes, tell)
    _use_all_descriptors()
    _go_first()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    source.say_ready()
    dispatcher.run(source.beginning())
    source.close()


def _go_first() -> None:
    """Have this process run before others that want the CPU, where that is allowed.

    It needs little of it, but at once: a generator that is late makes a run worthless. Linux
    shares the CPU between sessions first, then within them (sched(7), autogroup).
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(f"{_NICE}")


def _use_all_descriptors() -> None:
    """Let this process have as many open connections as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
