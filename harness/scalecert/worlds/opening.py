"""Which worlds there are, and how one is opened: the only place that knows their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from scalecert.documents import Document
from scalecert.errors import UsageError
from scalecert.policy.model import Policy
from scalecert.scenario.model import Scenario
from scalecert.worlds.base import TIME_LAPSES, World

VIRTUAL: Final = "sim"
WORLDS: Final = (VIRTUAL, "local")
DEFAULT_INSTANCE: Final = "default"


def on_the_clock(name: str) -> bool:
    """Tell whether a world's runs take their time: one after the other, each as long as it is."""
    return name != VIRTUAL


def check_world(name: str, time_lapse: int = 1) -> None:
    """Raise UsageError if there is no world of that name, or none here, or not so fast."""
    if name not in WORLDS:
        raise UsageError(f"found {name!r}, expected one of {', '.join(WORLDS)}", field="--world")
    if time_lapse not in TIME_LAPSES:
        expected = ", ".join(str(one) for one in TIME_LAPSES)
        raise UsageError(f"found {time_lapse}, expected one of {expected}", field="--time-lapse")
    if not on_the_clock(name):
        _check_virtual(name, time_lapse)
        return
    from scalecert.worlds.local.linux import require_linux

    require_linux()


def prepare_world(name: str) -> None:
    """Get what a world needs once and for all, where it is missing: minutes, told on stderr.

    Raises:
        UsageError: if it can't be had; it says what to do.
        EnvironmentFault: if getting it fails.
    """
    if on_the_clock(name):
        from scalecert.worlds.local.control_plane.preparing import prepare_assets

        prepare_assets()


def _check_virtual(name: str, time_lapse: int) -> None:
    if time_lapse != 1:
        raise UsageError(
            f"found {time_lapse} with --world {name}, expected --world local",
            field="--time-lapse",
            hint="virtual time passes as fast as it can",
        )


def check_policy(name: str, policy: Policy, time_lapse: int) -> None:
    """Raise UsageError if the world can't run a policy."""
    if on_the_clock(name):
        from scalecert.worlds.local import suitability

        suitability.check_policy(policy, time_lapse)


def check_scenario(name: str, document: Document, scenario: Scenario, time_lapse: int) -> None:
    """Raise UsageError if the world can't run a scenario; `document` has its lines."""
    if on_the_clock(name):
        from scalecert.worlds.local import suitability

        suitability.check_scenario(document, scenario.spec.cluster, time_lapse)


@contextmanager
def open_world(
    name: str, *, time_lapse: int = 1, instance: str = DEFAULT_INSTANCE
) -> Iterator[World]:
    """Open a world for any number of trials, one after the other; nothing of it is left at the end.

    Args:
        name: one of `WORLDS`.
        time_lapse: seconds of a run that pass in one of the clock; virtual time has no such thing.
        instance: which of several worlds on this machine (`--name`).

    Raises:
        UsageError: if there is no such world, it can't run here, or the instance is taken.
        EnvironmentFault: if it did not come up.
    """
    check_world(name, time_lapse)
    if not on_the_clock(name):
        from scalecert.worlds.sim import SimWorld

        yield SimWorld()
        return
    from scalecert.worlds.local.world import open_local_world

    with open_local_world(instance, time_lapse=time_lapse) as world:
        yield world
