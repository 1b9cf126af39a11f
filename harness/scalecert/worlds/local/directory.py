"""A world's place on this machine: opened by name, gone at the end with all that ran in it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scalecert.errors import UsageError
from scalecert.worlds.local import state
from scalecert.worlds.local.leases import NameLock, Ports, Subnet
from scalecert.worlds.local.linux import require_linux
from scalecert.worlds.local.supervisor.client import Processes

_TRIES = 25
_PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class WorldDirectory:
    """What a named world has for itself.

    name: as the user says it.
    path: its directory, mode 0700, removed at the end.
    address: the loopback address of its control plane.
    subnet: the first three numbers of all its addresses.
    processes: the processes of the world.
    """

    name: str
    path: Path
    subnet: str
    processes: Processes
    _ports: Ports
    _holder: state.Holder

    @property
    def address(self) -> str:
        """Where what is no pod and no node listens."""
        return self._holder.address

    def free_port(self) -> int:
        """Return a port of `address` that nobody listens on; each is returned once."""
        return self._ports.free()

    def tell_kubeconfig(self, kubeconfig: Path) -> None:
        """Let `scalecert world status` say how to reach the API server."""
        told = msgspec.structs.replace(self._holder, kubeconfig=str(kubeconfig))
        state.write_holder(told)


@contextmanager
def open_directory(name: str, *, purpose: str) -> Iterator[WorldDirectory]:
    """Open a world's directory and start its supervisor; nothing of either is left at the end.

    Args:
        name: of the world.
        purpose: what it is for, for whoever finds the name taken.

    Raises:
        UsageError: if the name is none or taken, this is not Linux, or there is no place for it.
        EnvironmentFault: if the supervisor does not come up, or hangs at the end.
    """
    require_linux()
    state.check_name(name)
    with ExitStack() as starting:
        lock = _lock(name)
        starting.callback(lock.close)
        base = lock.file.parent
        starting.callback(_remove_empty, base)
        starting.callback(lock.file.unlink, missing_ok=True)
        _sweep(base)
        subnet = Subnet()
        starting.callback(subnet.close)
        path = _fresh(state.world_directory(base, name))
        starting.callback(shutil.rmtree, path, ignore_errors=True)
        processes = Processes(
            path,
            lock=lock.file,
            lock_descriptor=lock.descriptor,
            leases=(subnet.descriptor,),
        )
        # From here on the supervisor holds and removes it all.
        starting.pop_all()
        lock.close()
        subnet.close()
    try:
        holder = state.this_process(
            path, purpose=purpose, supervisor_pid=processes.pid, address=f"{subnet.prefix}.1"
        )
        state.write_holder(holder)
        yield WorldDirectory(name, path, subnet.prefix, processes, Ports(holder.address), holder)
    finally:
        processes.end()


def _lock(name: str) -> NameLock:
    """Take the lock of a name, unless somebody holds it for longer than to start, end or look."""
    pause = threading.Event()
    for _ in range(_TRIES):
        base = state.make_base_directory()
        try:
            return NameLock(state.lock_file(base, name))
        except FileNotFoundError:
            continue
        except BlockingIOError:
            if state.holder_of(base, name) is not None:
                break
            pause.wait(_PAUSE_SECONDS)
    raise _taken(base, name)


def _sweep(base: Path) -> None:
    """Remove what is left of worlds that were killed together with their supervisors."""
    for name in state.names(base):
        with suppress(OSError):
            lock = NameLock(state.lock_file(base, name))
            shutil.rmtree(state.world_directory(base, name), ignore_errors=True)
            lock.file.unlink(missing_ok=True)
            lock.close()


def _remove_empty(base: Path) -> None:
    with suppress(OSError):
        base.rmdir()


def _fresh(path: Path) -> Path:
    """Make a world's directory, without what a killed world left in it."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    (path / "logs").mkdir(mode=0o700)
    return path


def _taken(base: Path, name: str) -> UsageError:
    holder = state.holder_of(base, name)
    return UsageError(
        f"world {name!r} is held by {holder or 'a process that is just starting or ending'}",
        field="--name",
        hint=f"--name OTHER, or scalecert world down --name {name}",
    )
