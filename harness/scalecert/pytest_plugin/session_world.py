"""The world of a session: opened once, when its first case runs, and closed at the session's end.

Virtual time is there at once, and its runs go side by side. A world on the clock has one run at a
time, because its processes, and what it measures, have the machine to themselves.
"""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack

import pytest

from scalecert import pipeline
from scalecert.errors import ScaleCertError, UsageError
from scalecert.pytest_plugin.events import Events
from scalecert.recording.plan import Plan
from scalecert.worlds.base import World
from scalecert.worlds.told import ToldWorld


class SessionWorld:
    """A world that is opened when it is first asked for.

    Args:
        inputs: which one.
        events: who watches is told of each run that begins, if that takes time.
    """

    def __init__(self, inputs: pipeline.Inputs, events: Events) -> None:
        self._inputs = inputs
        self._events = events
        self._open = ExitStack()
        self._world: World | None = None
        self._problem: ScaleCertError | None = None

    def opened(self) -> World:
        """Return the open world.

        Raises:
            UsageError: if it can't run here, or another session has it.
            EnvironmentFault: if it did not come up; so it is for every later case.
        """
        if self._problem is not None:
            raise self._problem
        if self._world is None:
            try:
                self._world = self._opened()
            except ScaleCertError as error:
                self._problem = error
                raise
        return self._world

    def close(self) -> None:
        """Leave nothing of it behind."""
        self._world = None
        self._open.close()

    def _opened(self) -> World:
        inputs = self._inputs
        if self._events.watched and pipeline.on_the_clock(inputs.world):
            _end_with_the_command_line()
        world = self._open.enter_context(
            pipeline.open_world(
                inputs.world, time_lapse=inputs.time_lapse, instance=inputs.instance
            )
        )
        return ToldWorld(world, self._tell) if pipeline.on_the_clock(inputs.world) else world

    def _tell(self, plan: Plan) -> None:
        self._events.tell(
            begins=plan.variation.name,
            subject=plan.policy.name,
            scenario=plan.scenario.metadata.name,
            seconds=float(plan.scenario.spec.duration) / self._inputs.time_lapse,
        )


def _end_with_the_command_line() -> None:
    """Have the kernel end us with who started us, as SIGKILL lets it end no child itself.

    The world's supervisor sees that we have gone. If the command line went before, the next event
    finds nobody.
    """
    from scalecert.worlds.local.supervisor.kernel import signal_at_parents_death

    signal_at_parents_death(signal.SIGKILL, os.getppid())


def check_one_at_a_time(config: pytest.Config, world: str) -> None:
    """Raise UsageError if runs of a world on the clock are to go side by side."""
    if not pipeline.on_the_clock(world):
        return
    if getattr(config.option, "dist", "no") != "no":
        raise _side_by_side("-n", world)
    if int(config.getoption("scalecert_jobs")) > 1:
        raise _side_by_side("--scalecert-jobs", world)


def _side_by_side(option: str, world: str) -> UsageError:
    return UsageError(
        f"found runs side by side with --world {world}, expected one after the other",
        field=option,
        hint=f"leave {option} out",
    )
