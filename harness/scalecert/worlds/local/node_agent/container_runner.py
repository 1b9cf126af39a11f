"""One container of a pod: its process is started, watched, restarted and ended."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from scalecert.clock import unix_seconds
from scalecert.worlds.local.node_agent.back_off import BackOff
from scalecert.worlds.local.node_agent.container_state import CRASH_LOOP, ContainerState
from scalecert.worlds.local.node_agent.processes import Process, exit_code_of_container

Launch = Callable[[int], Awaitable[Process]]
"""Starts the container's process for the n-th time, counted from 0."""

CAN_NOT_START = 128
"""Exit code of a container whose process can't be started, as container runtimes have it."""


@dataclass(slots=True)
class ContainerRunner:
    """One container.

    Attributes:
        state: what is known of it.
        launch: starts its process; None: it has none, and is taken to run.
        pre_stop_seconds: that its preStop hook sleeps.
        back_off: until it is started again.
        restarts: tells by the exit code whether it is started again.
        changed: is called after every change of `state`.
        exited: is told the exit code of each process.
        process: that runs.
    """

    state: ContainerState
    launch: Launch | None
    pre_stop_seconds: float
    back_off: BackOff
    restarts: Callable[[int], bool]
    changed: Callable[[], None]
    exited: Callable[[int], None]
    process: Process | None = None
    _attempts: int = 0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Run until it is stopped, or has ended for good."""
        while True:
            code = await self._once()
            self.state.end(code, unix_seconds())
            self.changed()
            if self._stopping.is_set() or not self.restarts(code):
                return
            await self._wait_for_restart()
            if self._stopping.is_set():
                return

    async def end(self, grace_seconds: float, least_seconds: float) -> None:
        """End its process: preStop hook, SIGTERM, SIGKILL after the grace period.

        Args:
            grace_seconds: from now on, hook included.
            least_seconds: between SIGTERM and SIGKILL in any case.
        """
        process = self.process
        if process is None or process.ended.done():
            return
        loop = asyncio.get_running_loop()
        asked = loop.time()
        hook = min(self.pre_stop_seconds, grace_seconds)
        if hook > 0:
            await asyncio.wait([process.ended], timeout=hook)
        process.send(signal.SIGTERM)
        left = max(grace_seconds - (loop.time() - asked), least_seconds)
        await asyncio.wait([process.ended], timeout=left)
        process.send(signal.SIGKILL)
        await asyncio.wait([process.ended])

    def stop(self) -> None:
        """Start it no more; one without a process ends."""
        self._stopping.set()

    def kill(self) -> None:
        """End its process at once."""
        self.stop()
        if self.process is not None:
            self.process.send(signal.SIGKILL)

    async def _once(self) -> int:
        """Run it once and return its exit code."""
        attempt, self._attempts = self._attempts, self._attempts + 1
        if self.launch is None:
            self._runs()
            await self._stopping.wait()
            return 0
        try:
            self.process = await self.launch(attempt)
        except OSError:
            self.exited(CAN_NOT_START)
            return CAN_NOT_START
        if self._stopping.is_set():
            self.process.send(signal.SIGKILL)
        self._runs()
        code = exit_code_of_container(await self.process.ended)
        self.exited(code)
        self.process = None
        return code

    def _runs(self) -> None:
        self.state.run(unix_seconds(), f"scalecert://{uuid.uuid4().hex}")
        self.changed()

    async def _wait_for_restart(self) -> None:
        now = unix_seconds()
        delay = self.back_off.next_start(now) - now
        if delay <= 0:
            return
        name = self.state.name
        self.state.wait(CRASH_LOOP, f"back-off {delay:g}s restarting failed container={name}")
        self.changed()
        try:
            await asyncio.wait_for(self._stopping.wait(), delay)
        except TimeoutError:
            return
