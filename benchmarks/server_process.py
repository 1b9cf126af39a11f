"""A server under measurement: a process on a core of its own, and what the kernel says of it."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE, CLIENT_CORE = 0, 1
"""Places in the sorted set of cores that this process may use."""
_START_SECONDS = 30.0
"""Until a server has to answer."""
_BETWEEN_TRIES_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    pid: int
    port: int
    start_seconds: float
    """From the start of its process to its first answer."""

    def resident_mb(self) -> float:
        """Return the resident memory of the process."""
        return _status_of(f"/proc/{self.pid}/status", "VmRSS") / 1024

    def wakeups_per_second(self, seconds: float) -> float:
        """Return how often the threads of the process wake up, over the next `seconds`."""
        begin, before = time.perf_counter(), self._wakeups()
        time.sleep(seconds)  # noqa: TID251 - nothing happens meanwhile: that is measured
        return (self._wakeups() - before) / (time.perf_counter() - begin)

    def _wakeups(self) -> int:
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(_status_of(f"{thread}/status", "voluntary_ctxt_switches") for thread in threads)


def _status_of(file: str, field: str) -> int:
    lines = dict(line.split(":", 1) for line in Path(file).read_text().splitlines())
    return int(lines[field].split()[0])


@contextmanager
def pinned(place: int) -> Iterator[None]:
    """Let processes that are started meanwhile run on one core only."""
    allowed = os.sched_getaffinity(0)
    cores = sorted(allowed)
    if len(cores) < 2:
        sys.exit("the server needs a core and its client another; this machine gives one")
    os.sched_setaffinity(0, {cores[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def serving(
    command: Sequence[str], port: int, health: str, health_port: int | None = None
) -> Iterator[Server]:
    """Start a server, wait until it answers GET `health` with 200, and kill it in the end."""
    begin = time.perf_counter()
    with pinned(SERVER_CORE):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not _is_up(health_port or port, health):
            if process.poll() is not None or time.perf_counter() - begin > _START_SECONDS:
                sys.exit(f"no answer from: {' '.join(command)}")
            time.sleep(_BETWEEN_TRIES_SECONDS)  # noqa: TID251 - between two tries, with a limit
        yield Server(process.pid, port, time.perf_counter() - begin)
    finally:
        process.kill()
        process.wait()


def _is_up(port: int, path: str) -> bool:
    with suppress(OSError, http.client.HTTPException):
        return status_and_body(port, path)[0] == 200
    return False


def status_and_body(port: int, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Return what is answered to a GET, to a POST of JSON if there is a body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
    try:
        headers = {"content-type": "application/json"}
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def seconds_of(command: Sequence[str]) -> float:
    """Return how long a command takes on the server's core."""
    begin = time.perf_counter()
    with pinned(SERVER_CORE):
        subprocess.run(command, check=True)
    return time.perf_counter() - begin
