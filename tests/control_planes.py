"""Control planes for end-to-end tests: one that runs, kubectl on it, and what it left open.

with open_plane(find_assets()) as plane:
    plane.kubectl("get", "namespaces")
"""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from scalecert.errors import UsageError
from scalecert.worlds.local.control_plane import Assets, ControlPlane, KeyPair, find_assets
from scalecert.worlds.local.control_plane.readiness import answer_status
from scalecert.worlds.local.directory import WorldDirectory, open_directory
from scalecert.worlds.local.supervisor.descendants import descendants_of

LIMIT_SECONDS = 60.0
"""Of any wait: a machine that is busy is slow, one that hangs is a failure."""

_LISTEN = "0A"
"""A socket's state in /proc/net/tcp."""


def require_assets() -> Assets:
    """Return the binaries; skip the test where there are none."""
    try:
        return find_assets()
    except UsageError as missing:
        pytest.skip(str(missing))


@dataclass(frozen=True, slots=True)
class Plane:
    """A control plane that runs, in a world's directory of its own."""

    directory: WorldDirectory
    control_plane: ControlPlane
    assets: Assets

    def kubectl(self, *words: str, given: Mapping[str, Any] | None = None) -> str:
        """Run kubectl as the administrator, and return what it prints."""
        done = subprocess.run(
            [self.assets.kubectl, f"--kubeconfig={self.control_plane.kubeconfig}", *words],
            input=None if given is None else json.dumps(given),
            env={"HOME": str(self.directory.path)},
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Apply one manifest."""
        self.kubectl("apply", "--server-side", "-f", "-", given=manifest)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """Return an object of the namespace `default`, or one of none."""
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def log(self, name: str) -> str:
        """Return what a process has logged so far."""
        return self.directory.processes.log(name).read_text()

    def listening(self) -> set[str]:
        """Return where the world's processes listen: IPv4 addresses, or `IPv6`."""
        return listening_in(descendants_of(self.directory.processes.pid))


@contextmanager
def open_plane(name: str) -> Iterator[Plane]:
    """Start a control plane in a world of that name; nothing of it is left at the end."""
    assets = require_assets()
    with open_directory(name, purpose="tests") as directory:
        control_plane = ControlPlane(directory, assets)
        control_plane.start()
        yield Plane(directory, control_plane, assets)
        directory.processes.check()


def wait_until(is_so: Callable[[], bool], *, limit_seconds: float = LIMIT_SECONDS) -> None:
    """Return once a condition holds."""
    looks = Retrying(
        retry=retry_if_result(lambda holds: not holds),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(limit_seconds),
    )
    looks(is_so)


def status_at(url: str, ca: Path, client: KeyPair | None) -> int | None:
    """Return with what status a server answers a client; None if the connection is refused it."""
    context = ssl.create_default_context(cafile=ca)
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    return answer_status(url, context)


def listening_in(pids: set[int] | None) -> set[str]:
    """Return where processes listen, or anybody: IPv4 addresses, or `IPv6`."""
    own = None if pids is None else _sockets_of(pids)
    return {address for inode, address in _listening_sockets() if own is None or inode in own}


def _sockets_of(pids: set[int]) -> set[str]:
    """Return the inodes of all sockets that these processes have open."""
    found = set()
    for pid in pids:
        try:
            links = [str(link.readlink()) for link in Path("/proc", str(pid), "fd").iterdir()]
        except OSError:
            continue
        found.update(link[8:-1] for link in links if link.startswith("socket:["))
    return found


def _listening_sockets() -> Iterator[tuple[str, str]]:
    """Yield inode and address of each TCP socket that listens."""
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            local, state, inode = fields[1], fields[3], fields[9]
            if state == _LISTEN:
                octets = bytes.fromhex(local.partition(":")[0])[::-1]
                yield inode, ".".join(map(str, octets)) if table == "tcp" else "IPv6"
