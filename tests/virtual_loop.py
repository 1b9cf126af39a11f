"""An event loop whose time only passes when nothing is left to do: timers without waiting."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Lets the time pass that the loop would wait for."""

    seconds = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Look at the sockets, which are ready or never."""
        found = super().select(0)
        if not found:
            if timeout is None:
                raise RuntimeError("nothing is left to wait for")
            self.seconds += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its `time` is what its timers have waited for."""

    def __init__(self) -> None:
        self._passed = _Selector()
        super().__init__(self._passed)

    def time(self) -> float:
        """Return the seconds that have passed."""
        return self._passed.seconds


def run_in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
