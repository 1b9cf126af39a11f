"""Which worlds there are, and how one is opened: the only place that knows their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from scalecert.errors import UsageError
from scalecert.worlds.base import World

WORLDS: Final = ("sim", "local")


def check_world(name: str) -> None:
    """Raise UsageError if there is no world of that name."""
    if name not in WORLDS:
        raise UsageError(f"found {name!r}, expected one of {', '.join(WORLDS)}", field="--world")


@contextmanager
def open_world(name: str, *, time_lapse: int = 1, instance: str = "default") -> Iterator[World]:
    """Open a world for any number of trials, one after the other; nothing of it is left at the end.

    Args:
        name: one of `WORLDS`.
        time_lapse: seconds of a run that pass in one of the clock; virtual time has no such thing.
        instance: which of several worlds on this machine (`--name`).

    Raises:
        UsageError: if there is no such world, it can't run here, or the instance is taken.
        EnvironmentFault: if it did not come up.
    """
    check_world(name)
    if name == "sim":
        from scalecert.worlds.sim import SimWorld

        yield SimWorld()
        return
    from scalecert.worlds.local.world import open_local_world

    with open_local_world(instance, time_lapse=time_lapse) as world:
        yield world
