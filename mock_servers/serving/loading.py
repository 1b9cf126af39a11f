"""The loading of a mock server's model: at the start, and again when a fault says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mock_servers.serving.backend import Backend
from mock_servers.serving.output import say
from mock_servers.serving.services import Service


class Loading:
    """The model's loading.

    Args:
        backend: whose model it is.
        services: that are told each time that the model is there.
    """

    def __init__(self, backend: Backend, services: Sequence[Service]) -> None:
        self._backend = backend
        self._services = services
        self._task: asyncio.Task[None] | None = None
        self._until = 0.0

    def begin(self, seconds: float) -> None:
        """Load for so long from now on; 0 is done at once."""
        self.cancel()
        self._backend.ready = False
        self._until = asyncio.get_running_loop().time() + seconds
        self._task = asyncio.create_task(self._load(seconds))

    def remaining_seconds(self) -> float:
        """Return how long it still takes."""
        if self._backend.ready:
            return 0.0
        return max(self._until - asyncio.get_running_loop().time(), 0.0)

    def cancel(self) -> None:
        """Never get ready."""
        if self._task is not None:
            self._task.cancel()

    async def _load(self, seconds: float) -> None:
        if seconds > 0.0:
            say(f"loading the model takes {seconds:g} s")
            await asyncio.sleep(seconds)
        for service in self._services:
            await service.model_loaded()
        self._backend.ready = True
        say("ready")
