"""The outer process of the supervisor: it forks the one that serves, and cleans up behind it.

Either notices the other's death, so that SIGKILL of one leaves nothing of the world: the kernel
kills what the server started by name, the guard adopts and kills the rest. If the guard goes, the
server gets SIGTERM.
"""

from __future__ import annotations

import os
import shutil
import signal
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from scalecert.worlds.local.supervisor.descendants import kill_descendants
from scalecert.worlds.local.supervisor.kernel import adopt_orphans, signal_at_parents_death
from scalecert.worlds.local.supervisor.server import Server

_KILL_SECONDS = 1.5
"""Until all that got SIGKILL must be gone; what hangs in the kernel stays."""


@dataclass(frozen=True)
class Home:
    """What is removed at the end.

    directory: the world's.
    lock: the file whose lock says that the name is taken.
    lock_descriptor: it, open and locked, inherited from the harness.
    """

    directory: Path
    lock: Path
    lock_descriptor: int

    def remove(self) -> None:
        """Remove directory and lock, and the folder around them if no other world is in it.

        Nothing happens if that was done already: the name may be somebody else's by now.
        """
        if not self._is_ours():
            return
        shutil.rmtree(self.directory, ignore_errors=True)
        self.lock.unlink(missing_ok=True)
        with suppress(OSError):
            self.lock.parent.rmdir()

    def _is_ours(self) -> bool:
        try:
            return os.path.samestat(self.lock.stat(), os.fstat(self.lock_descriptor))
        except FileNotFoundError:
            return False


def run(home: Home, harness: int) -> None:
    """Serve the harness through standard input and output until the world ends; leave nothing.

    Args:
        home: the world's place.
        harness: the process id of who started this.
    """
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which commands would inherit
    watched = _pidfd(harness)
    if os.getppid() != harness:  # it was quick to end
        home.remove()
        return
    adopt_orphans()
    guard = os.getpid()
    server = os.fork()
    if server == 0:
        _serve(home, watched, guard)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(server, signal.SIGTERM))
    _let_go_of_pipes()
    os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)
    signal.signal(signal.SIGTERM, lambda *_: None)
    kill_descendants(_KILL_SECONDS)
    home.remove()


def _serve(home: Home, watched: int | None, guard: int) -> NoReturn:
    """Be the process that serves, to its end."""
    try:
        os.setsid()
        signal_at_parents_death(signal.SIGTERM, guard)
        adopt_orphans()
        Server(0, 1, watched, home.directory).serve()
        kill_descendants(_KILL_SECONDS)
        if os.getppid() != guard:
            home.remove()
    except BaseException:  # noqa: BLE001 - the process ends here, in a fork of the guard
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _pidfd(process: int) -> int | None:
    with suppress(OSError):
        return os.pidfd_open(process)
    return None


def _let_go_of_pipes() -> None:
    """Leave them to the server, at whose end the harness must see theirs."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for pipe in (0, 1):
        os.dup2(nothing, pipe)
