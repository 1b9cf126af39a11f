"""The Locust file: one user a process, who sends every request of that process's part at its time.

Locust starts it, keeps its statistics and ends it; whatever the number of users says, the load is
the schedule's. Only ever imported by Locust (`__main__`).
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from locust import User, events, task
from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner

from scalecert.engines.request_log import Status
from scalecert.load.answer_log import Seen
from scalecert.load.distributed.master import Distribution
from scalecert.load.distributed.worker import MessageSource
from scalecert.load.generating import FolderSource, Source, generate
from scalecert.load.generator_options import FOLDER, GENERATOR

_SOURCES: list[Source] = []
"""Where this process's part comes from, until a user has taken it."""


@events.init.add_listener  # type: ignore[untyped-decorator]
def find_source(environment: Environment, runner: Runner, **_: object) -> None:
    """Find out what this process is: a master, a worker, or a generator by itself."""
    if isinstance(runner, MasterRunner):
        distribution = Distribution(runner, Path(os.environ[FOLDER]))
        gevent.spawn(_run, environment, distribution.run)
    elif isinstance(runner, WorkerRunner):
        _SOURCES.append(MessageSource(runner))
    else:
        _SOURCES.append(FolderSource(Path(os.environ[FOLDER]), int(os.environ[GENERATOR])))


class Requests(User):
    """All users of the service at once."""

    @task
    def offer(self) -> None:
        """Send this process's part; then wait to be ended."""
        if _SOURCES:
            source = _SOURCES.pop()
            _run(self.environment, lambda: generate(source, self._report))
        Event().wait()

    def _report(self, seen: Seen) -> None:
        """Tell Locust of a request, in its words: milliseconds, and an exception if it failed."""
        seconds = seen.last_token_seconds - seen.sent_seconds
        failed = None if seen.status is Status.OK else ConnectionError(seen.status.name)
        self.environment.events.request.fire(
            request_type="POST",
            name="answer",
            response_time=0.0 if failed else seconds * 1000,
            response_length=0,
            exception=failed,
            context={},
        )


def _run(environment: Environment, work: Callable[[], None]) -> None:
    """Do the work of this process; if it fails, the process ends with exit code 1."""
    try:
        work()
    except Exception:  # noqa: BLE001 - Locust would go on, and begin a user's task again
        traceback.print_exc()
        environment.process_exit_code = 1
        if environment.runner is not None:
            gevent.spawn(environment.runner.quit)  # which kills its users, who may be us
