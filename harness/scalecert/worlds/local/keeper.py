"""The process that keeps a world open for people: `scalecert world up` starts it and returns.

It runs in a session of its own and tells once, on a pipe, how the start went: a line of JSON. Then
it waits for the world's end: SIGTERM, or that of its supervisor, which `scalecert world down` asks
for.
"""

from __future__ import annotations

import contextlib
import os
import pkgutil
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType
from typing import NoReturn, Protocol

import msgspec

from scalecert.errors import EnvironmentFault, UsageError
from scalecert.worlds.local.directory import WorldDirectory


class ByHand(Protocol):
    """A world that is open for people.

    directory: where it is.
    kubeconfig: the file that kubectl takes.
    about: what runs where, as names and texts.
    """

    @property
    def directory(self) -> WorldDirectory: ...  # noqa: D102 - see above
    @property
    def kubeconfig(self) -> Path: ...  # noqa: D102
    @property
    def about(self) -> dict[str, str]: ...  # noqa: D102


class OpenByHand(Protocol):
    """What opens a world for people: `open_by_hand` of `scalecert.worlds.local.world`."""

    def __call__(
        self, name: str, *, time_lapse: int, profile: str | None
    ) -> AbstractContextManager[ByHand]:
        """Open it.

        Raises:
            UsageError: if it can't run here, or the name is taken.
            EnvironmentFault: if it did not come up.
        """


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the keeper is to do: open a world with these words, and tell on a descriptor.

    opener is the `OpenByHand`, as `module:name`.
    """

    name: str
    time_lapse: int
    profile: str | None
    opener: str
    told: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How the start went: where the world is, or what went wrong and whether the user can help."""

    kubeconfig: str = ""
    about: dict[str, str] = {}
    problem: str = ""
    is_usage: bool = False


def keep(order: Order) -> None:
    """Open a world and keep it until it ends."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    open_by_hand: OpenByHand = pkgutil.resolve_name(order.opener)
    tell = _teller(order.told)
    try:
        with open_by_hand(order.name, time_lapse=order.time_lapse, profile=order.profile) as world:
            world.directory.tell_kubeconfig(world.kubeconfig)
            _print_to(world.directory.processes.log("keeper"))
            tell(Told(kubeconfig=str(world.kubeconfig), about=world.about))
            world.directory.processes.wait_until_gone()
    except UsageError as error:
        tell(Told(problem=str(error), is_usage=True))
    except EnvironmentFault as error:
        tell(Told(problem=str(error)))


def _teller(descriptor: int) -> Callable[[Told], None]:
    """Return what tells the first thing that it is given, if somebody still listens."""
    left = [descriptor]

    def tell(told: Told) -> None:
        if left:
            with os.fdopen(left.pop(), "wb") as pipe:
                pipe.write(msgspec.json.encode(told))

    return tell


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    sys.exit()


def _print_to(log: Path) -> None:
    """Let what is printed from now on go to the world's logs."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # whoever asked for the world has gone
        keep(msgspec.json.decode(sys.argv[1], type=Order))
