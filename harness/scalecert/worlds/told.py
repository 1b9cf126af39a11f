"""A world that says when a run begins: on the clock a run takes minutes, and somebody waits."""

from __future__ import annotations

from collections.abc import Callable

from scalecert.planning.trial import Trial
from scalecert.recording.model import Recording
from scalecert.recording.plan import Plan
from scalecert.worlds.base import World


class ToldWorld:
    """`world`, with each run's plan passed to `tell` before it begins."""

    def __init__(self, world: World, tell: Callable[[Plan], None]) -> None:
        self.name = world.name
        self._world = world
        self._tell = tell

    def run(self, trial: Trial) -> Recording:
        """Say what begins, and run it."""
        self._tell(trial.plan)
        return self._world.run(trial)
