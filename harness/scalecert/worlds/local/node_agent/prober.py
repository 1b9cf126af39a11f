"""Runs one probe of one container for as long as its pod lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from scalecert.clock import unix_seconds
from scalecert.worlds.local.node_agent.checks import Check
from scalecert.worlds.local.node_agent.container_state import ContainerState, Running
from scalecert.worlds.local.node_agent.probe_worker import ProbeWorker, Ticker


@dataclass(slots=True)
class Prober:
    """One probe.

    Attributes:
        worker: decides when it asks, and what answers mean.
        check: asks.
        state: of the container.
        conclude: is told what is true of the container from now on.
    """

    worker: ProbeWorker
    check: Check
    state: ContainerState
    conclude: Callable[[bool], None]
    _trigger: asyncio.Event = field(default_factory=asyncio.Event)

    def ask_now(self) -> None:
        """Ask at once, and a period after that."""
        self._trigger.set()

    async def run(self) -> None:
        """Tick until cancelled."""
        loop = asyncio.get_running_loop()
        ticker = Ticker(loop.time(), float(self.worker.probe.period_seconds or 10))
        container = ""
        while True:
            await self._tick_or_trigger(ticker, loop)
            if self.state.container_id != container:
                container = self.state.container_id
                self.worker.of_new_container()
            state = self.state.state
            since = unix_seconds() - state.since if isinstance(state, Running) else None
            if not self.worker.is_due(running_seconds=since, started=self.state.started):
                continue
            succeeded = await self.check()
            if self.state.container_id == container and isinstance(self.state.state, Running):
                self._take(succeeded)

    def _take(self, succeeded: bool) -> None:
        verdict = self.worker.observe(succeeded)
        if verdict is not None:
            self.conclude(verdict)

    async def _tick_or_trigger(self, ticker: Ticker, loop: asyncio.AbstractEventLoop) -> None:
        due = ticker.next(loop.time())
        try:
            async with asyncio.timeout_at(due):
                await self._trigger.wait()
        except TimeoutError:
            return
        self._trigger.clear()
        ticker.reset(loop.time())
