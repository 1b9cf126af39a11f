"""The Locust file: one user a process, who sends every request of that process's part at its time.

Locust starts it, keeps its statistics and ends it; whatever the number of users says, the load is
the schedule's. Only ever imported by Locust (`__main__`).
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from locust import User, events, task

from scalecert.engines.request_log import Status
from scalecert.load.answer_log import Seen
from scalecert.load.generating import FolderSource, Source, generate
from scalecert.load.generator_options import FOLDER, GENERATOR

_SOURCES: list[Source] = []


@events.init.add_listener  # type: ignore[untyped-decorator]
def find_source(**_: object) -> None:
    """Find out where this process's part comes from."""
    _SOURCES.append(FolderSource(Path(os.environ[FOLDER]), int(os.environ[GENERATOR])))


class Requests(User):
    """All users of the service at once."""

    fixed_count = 1

    @task
    def offer(self) -> None:
        """Send this process's part; then wait to be ended. What fails ends the process."""
        try:
            if _SOURCES:
                generate(_SOURCES.pop(), self._report)
        except Exception:  # noqa: BLE001 - Locust would begin the task again
            traceback.print_exc()
            self.environment.process_exit_code = 1
            gevent.spawn(self.environment.runner.quit)  # which kills its users, this one too
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
