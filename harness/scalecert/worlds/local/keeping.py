"""Worlds for people: kept open in the background, and ended."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from scalecert.clock import monotonic_seconds
from scalecert.errors import EnvironmentFault, UsageError
from scalecert.lines import one_line
from scalecert.worlds.local import keeper, state
from scalecert.worlds.local.keeper import Order, Told
from scalecert.worlds.local.leases import is_held
from scalecert.worlds.local.supervisor.environment import whole_environment

OPENER = "scalecert.worlds.local.world:open_by_hand"
_STARTING_SECONDS = 2.0
"""Between the lock of a world and its world.json."""
_END_SECONDS = 5.0
"""Until a world that was told to end has; it takes one to three."""
_LOOK_SECONDS = 0.02


def keep(name: str, *, time_lapse: int, profile: str | None) -> Told:
    """Open a world that goes on when this process has ended, and return once it is ready.

    Args:
        name: of the world.
        time_lapse: seconds of the world that pass in one of the clock.
        profile: of the engine, where an image and accelerator do not say it.

    Raises:
        UsageError: if it can't run here, or the name is taken.
        EnvironmentFault: if it did not come up.
    """
    state.check_name(name)
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    order = Order(name=name, time_lapse=time_lapse, profile=profile, opener=OPENER, told=writing)
    with tempfile.TemporaryFile() as printed, os.fdopen(reading, "rb") as pipe:
        process = _start(order, printed.fileno())
        os.close(writing)
        try:
            answer = pipe.read()
        except BaseException:
            os.kill(process, signal.SIGTERM)
            os.waitpid(process, 0)
            raise
        told = msgspec.json.decode(answer, type=Told) if answer else Told(problem="")
        if told.kubeconfig:
            return told
        os.waitpid(process, 0)
        printed.seek(0)
        last = printed.read().decode(errors="replace").rstrip().rpartition("\n")[2]
    if told.is_usage:
        raise UsageError(told.problem)
    raise EnvironmentFault(told.problem or one_line(f"world {name!r} did not come up: {last}"))


def end(name: str) -> state.Holder:
    """End a world, whoever holds it; return who did, when nothing of it is left.

    Raises:
        UsageError: if no world of that name runs.
        EnvironmentFault: if it does not end.
    """
    state.check_name(name)
    base = state.base_directory()
    try:
        lock = os.open(state.lock_file(base, name), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _not_running(base, name) from None
    try:
        return _end(base, name, lock)
    finally:
        os.close(lock)


def _end(base: Path, name: str, lock: int) -> state.Holder:
    """End the world that holds a lock, which both processes of its supervisor do to their ends."""
    _wait(lambda: state.holder_of(base, name) is not None or not is_held(lock), _STARTING_SECONDS)
    if not is_held(lock):
        raise _not_running(base, name)
    holder = state.holder_of(base, name)
    if holder is None:
        raise EnvironmentFault(f"world {name!r} is just starting or ending: try again")
    # SIGKILL of the outer process is SIGTERM to the inner one.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(holder.supervisor_pid, number)
        if _wait(lambda: not is_held(lock), _END_SECONDS):
            return holder
    raise EnvironmentFault(f"world {name!r} does not end: see pid {holder.supervisor_pid}")


def _not_running(base: Path, name: str) -> UsageError:
    others = ", ".join(state.running(base)) or "(none)"
    found = f"found {name!r}, which does not run, expected one that does: {others}"
    return UsageError(found, field="--name")


def _start(order: Order, output: int) -> int:
    """Start the keeper in a session of its own and return its pid."""
    words = [sys.executable, "-P", "-m", keeper.__name__, msgspec.json.encode(order).decode()]
    return os.posix_spawn(
        sys.executable,
        words,
        whole_environment(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
        ],
        setsid=True,
    )


def _wait(condition: Callable[[], bool], limit_seconds: float) -> bool:
    """Wait until a condition holds; return whether it does."""
    deadline = monotonic_seconds() + limit_seconds
    while not condition():
        if monotonic_seconds() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)  # noqa: TID251 - the loop's limit is above
    return True
