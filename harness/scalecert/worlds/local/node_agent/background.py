"""What goes on beside the event loop's callbacks: calls in threads, tasks that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any

from scalecert.worlds.api_server import ApiUnavailable, Refused
from scalecert.worlds.local.node_agent.log import Log

_THREADS = 2
"""That speak to the API server, beside that of the watch."""
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
"""What the API server says of a pod that is not there any more, or is another one by now."""


class Background:
    """Runs work beside; what goes wrong in it is logged.

    Args:
        log: for people.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="api")
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, call: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401
        """Call the API server in a thread; about what is gone there is nothing more to do."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, partial(call, *arguments))
        except ApiUnavailable as error:
            if not isinstance(error, Refused) or error.status not in _GONE:
                self._log.say(f"API server: {error}")

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task and return it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.say(f"internal error: {type(error).__name__}: {error}")
