"""What a world has for itself on this machine: its name, a /24 of loopback addresses, ports.

Names are locks on files. Subnets are names of sockets in the abstract namespace (unix(7)), which
the kernel keeps per network, as it does addresses: other users' worlds, whose files are elsewhere,
see them too. Either lasts as long as a process has the descriptor open: the supervisor.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from scalecert.errors import EnvironmentFault

_SUBNETS = [f"127.{second}.{third}" for second in range(64, 128) for third in range(256)]
"""The /24s of 127.64.0.0/10; systemd-resolved and Debian's host name are below."""
_STRIDE = 769
"""From one process id's first subnet to the next one's; coprime with the number of subnets."""
_PORTS = range(20000, 30000)
"""Below those that the kernel gives to outgoing connections (32768 and up by default)."""
_LISTENING = "0A"


class NameLock:
    """The lock of a world's name.

    Args:
        file: made if it is missing; its folder must exist.

    Raises:
        BlockingIOError: if somebody holds it.
        FileNotFoundError: if the folder is gone.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        while True:
            self.descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self.close()
                raise
            if self._is_the_file():
                return
            self.close()  # its holder removed it before we had the lock

    def close(self) -> None:
        """Let go, unless another process has the descriptor too."""
        os.close(self.descriptor)

    def _is_the_file(self) -> bool:
        try:
            return os.path.samestat(self.file.stat(), os.fstat(self.descriptor))
        except FileNotFoundError:
            return False


def is_locked(file: Path) -> bool:
    """Return whether somebody holds the lock of a name."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return is_held(descriptor)
    finally:
        os.close(descriptor)


def is_held(descriptor: int) -> bool:
    """Return whether another process holds the lock of an open file, which may be removed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


class Subnet:
    """A /24 that no other world has and nobody listens in.

    Raises:
        EnvironmentFault: if there is none.
    """

    def __init__(self) -> None:
        busy = set(_listening_subnets())
        for prefix in _from(os.getpid()):
            if prefix not in busy and self._lease(prefix):
                return
        raise EnvironmentFault("no /24 of 127.64.0.0/10 is free, or none can be listened on")

    def close(self) -> None:
        """Let go, unless another process has the descriptor too."""
        self._socket.close()

    @property
    def descriptor(self) -> int:
        """What holds the lease."""
        return self._socket.fileno()

    def _lease(self, prefix: str) -> bool:
        if not _binds(f"{prefix}.1", 0):
            return False
        lease = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lease.bind(f"\0scalecert/{prefix}")
        except OSError as error:
            lease.close()
            if error.errno != errno.EADDRINUSE:
                raise
            return False
        self.prefix, self._socket = prefix, lease
        return True


class Ports:
    """Ports of an address, each given once; any thread may ask."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._left = iter(_PORTS)
        self._lock = threading.Lock()

    def free(self) -> int:
        """Return a port that nobody listens on.

        Raises:
            EnvironmentFault: if there is none left.
        """
        with self._lock:
            for port in self._left:
                if _binds(self._address, port):
                    return port
        raise EnvironmentFault(f"no port of {self._address} is free")


def _from(process: int) -> Iterator[str]:
    """Yield every subnet; another process begins elsewhere, so that addresses rest for a while."""
    for i in range(len(_SUBNETS)):
        yield _SUBNETS[(process * _STRIDE + i) % len(_SUBNETS)]


def _binds(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _listening_subnets() -> Iterator[str]:
    """Yield the /24s in which somebody listens, such as what is left of a killed world."""
    try:
        table = Path("/proc/net/tcp").read_text()
    except OSError:  # a sandbox that hides it
        return
    for line in table.splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        if state == _LISTENING:
            packed = bytes.fromhex(local.partition(":")[0])
            address = packed[::-1] if sys.byteorder == "little" else packed
            yield socket.inet_ntoa(address).rpartition(".")[0]
