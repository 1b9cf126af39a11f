"""Stand-ins for a world's processes and for the harness that opens it, all quick to start."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scalecert.errors import EnvironmentFault, UsageError
from scalecert.worlds.local.directory import WorldDirectory, open_directory
from scalecert.worlds.local.supervisor.descendants import descendants_of

ROOT = Path(__file__).parents[1]
GONE_SECONDS = 10.0
"""Within which nothing may be left of a world, however it ended."""

_STUBBORN = """\
import os, signal, socket, sys
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
address, *ports = sys.argv[1:]
reading, writing = os.pipe()
port = ports[0]
for other in ports[1:]:
    if os.fork() == 0:
        os.setsid()
        port = other
        break
    os.read(reading, 1)
listener = socket.create_server((address, int(port)))
if port == ports[0]:
    print("ready", flush=True)
else:
    os.write(writing, b".")
while True:
    signal.pause()
"""

_HARNESS = """\
import json, os, signal, sys
import world_stand_ins
from scalecert.worlds.local.directory import open_directory
with open_directory(sys.argv[1], purpose="a test") as directory:
    ports = [directory.free_port() for _ in range(3)]
    directory.processes.start("stubborn", world_stand_ins.stubborn(directory.address, ports))
    directory.processes.wait_for_line("stubborn", "ready", timeout_seconds=10)
    fork = os.fork() if "fork" in sys.argv else None
    if fork == 0:
        signal.pause()
    facts = {
        "path": str(directory.path),
        "subnet": directory.subnet,
        "address": directory.address,
        "ports": ports,
        "supervisor": directory.processes.pid,
        "fork": fork,
    }
    print(json.dumps(facts), flush=True)
    sys.stdin.read()
"""


def stubborn(address: str, ports: Sequence[int]) -> list[str]:
    """Return the command of a process that takes no SIGTERM, and says `ready`.

    It listens on the first port, and on each other one a child that has left its session.
    """
    return [sys.executable, "-S", "-c", _STUBBORN, address, *map(str, ports)]


def environment() -> dict[str, str]:
    """Return an environment in which a Python finds the package and this module."""
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'harness'}{os.pathsep}{ROOT / 'tests'}"}


class Watched:
    """Processes as they were at a moment, by descriptors that no other process can get."""

    def __init__(self, pids: set[int]) -> None:
        self._open = {os.pidfd_open(pid): pid for pid in pids}

    def left_after(self, seconds: float) -> set[int]:
        """Return which of them still run after that time, or none as soon as none does."""
        poll = select.poll()
        for descriptor in self._open:
            poll.register(descriptor, select.POLLIN)
        left = dict(self._open)
        deadline_milliseconds = seconds * 1000
        while left and (ended := poll.poll(deadline_milliseconds)):
            for descriptor, _ in ended:
                poll.unregister(descriptor)
                del left[descriptor]
        return set(left.values())

    def close(self) -> None:
        """End what still runs."""
        for descriptor in self._open:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            os.close(descriptor)


@dataclass(frozen=True)
class Harness:
    """A harness in a process of its own, which has opened a world; where that is.

    process leads a process group of its own, as a command in a terminal does.
    """

    process: subprocess.Popen[str]
    path: Path
    subnet: str
    address: str
    ports: list[int]
    supervisor: int
    fork: int | None
    world: Watched

    @property
    def server(self) -> int:
        """The inner process of the supervisor."""
        (inner,) = (
            pid for pid in descendants_of(self.supervisor) if _parent(pid) == self.supervisor
        )
        return inner

    def assert_nothing_is_left(self, *, within_seconds: float) -> None:
        """No process, port, lease, lock or directory."""
        assert self.world.left_after(within_seconds) == set()
        for port in self.ports:
            socket.create_server((self.address, port)).close()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lease:
            lease.bind(f"\0scalecert/{self.subnet}")
        assert not self.path.parent.exists()


@contextmanager
def open_harness(name: str, *words: str) -> Iterator[Harness]:
    """Start a harness that has opened a world of that name; kill whatever it leaves."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HARNESS, name, *words],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            facts = json.loads(process.stdout.readline() or '"nothing was opened"')
            assert isinstance(facts, dict), process.stderr.read()
            world = Watched(descendants_of(facts["supervisor"]) | {facts["supervisor"]})
            facts["path"] = Path(facts["path"])
            try:
                yield Harness(process, world=world, **facts)
            finally:
                world.close()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@dataclass(frozen=True)
class Kept:
    """A world that is open for people."""

    directory: WorldDirectory
    kubeconfig: Path
    about: dict[str, str]


@contextmanager
def open_by_hand(name: str, *, time_lapse: int, profile: str | None) -> Iterator[Kept]:
    """Open a world of one process; some names go wrong."""
    if name == "unusable":
        raise UsageError(f"found {profile}, expected a profile", field="--profile")
    with open_directory(name, purpose="kept by hand") as directory:
        if name == "broken":
            raise EnvironmentFault("the API server was not ready in 20 s")
        if name == "buggy":
            raise ZeroDivisionError("a bug")
        if name == "slow":
            directory.processes.wait_until_gone()
        directory.processes.start("one", stubborn(directory.address, [directory.free_port()]))
        directory.processes.wait_for_line("one", "ready", timeout_seconds=10)
        kubeconfig = directory.path / "kube config"
        kubeconfig.touch(0o600)
        yield Kept(directory, kubeconfig, {"time lapse": str(time_lapse)})
