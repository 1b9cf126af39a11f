"""Mock servers as processes of their own, for tests that speak to them as any client does.

    with mock_server("vllm", "--profile", "vllm_llama-2-7b_l4") as server:
        httpx.get(f"{server.api}/health")

Free ports, addresses read from what the process prints, waits on conditions with a limit; and at
the end every test holds the server to ending by itself, with nothing on stderr.
"""

from __future__ import annotations

import http.client
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
LIMIT_SECONDS = 60.0
"""Of any wait: a machine that is busy is slow, one that hangs is a failure."""


@dataclass(slots=True)
class MockServer:
    """A mock server that runs.

    Attributes:
        process: it.
        addresses: by service name, as printed: `API`, `metrics`, `gRPC`, `faults`.
        lines: printed so far.
    """

    process: subprocess.Popen[bytes]
    _errors: IO[bytes]
    addresses: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    _unread: bytes = b""

    @property
    def api(self) -> str:
        """The URL of its API."""
        return self.addresses["API"]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def get(
        self, path: str, *, service: str = "API", method: str = "GET", body: bytes | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers (names in lower case) and body of one small request."""
        place = urlsplit(self.addresses[service])
        connection = http.client.HTTPConnection(
            place.hostname or "", place.port, timeout=LIMIT_SECONDS
        )
        try:
            headers = {"content-type": "application/json"} if body is not None else {}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, named, answer.read()
        finally:
            connection.close()

    def post(self, path: str, body: bytes, *, service: str = "API") -> tuple[int, bytes]:
        """Return status and body of a POST of JSON."""
        status, _, answer = self.get(path, service=service, method="POST", body=body)
        return status, answer

    def wait_for_line(self, *starts: str) -> str:
        """Return the next line that begins so; what is printed until then is kept."""
        until = time.monotonic() + LIMIT_SECONDS
        while True:
            line = self._line(until)
            self.lines.append(line)
            name, colon, address = line.partition(": ")
            if colon and "://" in address:
                self.addresses[name] = address
            if line.startswith(starts):
                return line

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal, wait for the end and return the exit code (negative: by a signal)."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(LIMIT_SECONDS)

    def errors(self) -> str:
        """Return what it wrote on stderr so far."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def _line(self, until: float) -> str:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                assert selector.select(until - time.monotonic()), f"printed {self.lines}, then hung"
                read = os.read(self.process.stdout.fileno(), 65536)
                assert read, f"printed {self.lines}, then ended; stderr: {self.errors()}"
                self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()


@contextmanager
def mock_server(
    name: str,
    *arguments: str,
    port: int | None = 0,
    ready: bool = True,
    expected_errors: str = "",
    env: Mapping[str, str] | None = None,
) -> Iterator[MockServer]:
    """Run `scalecert mock NAME ARGUMENTS`; stop it at the end, whatever happens.

    Args:
        name: of the mock server.
        arguments: more words of its command line.
        port: `--port`; None leaves the option away.
        ready: wait until it is ready, or only until it listens.
        expected_errors: what must stand on stderr at the end, exactly.
        env: more variables.
    """
    ports = [] if port is None else ["--port", str(port)]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "scalecert", "mock", name, *ports, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=ROOT,
            env=_environment() | (env or {}),
            start_new_session=True,
        )
        server = MockServer(process, errors)
        try:
            server.wait_for_line(*(["ready"] if ready else ["ready", "loading"]))
            yield server
            server.stop()
            assert server.errors() == expected_errors
            assert not children(process.pid), "left a child behind"
        finally:
            _kill(process)


def children(group: int) -> list[int]:
    """Return the ids of the processes in a process group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            found.append(int(stat.parent.name))
    return found


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _environment() -> dict[str, str]:
    """Return our environment, with this checkout's package and warnings of leaks on stderr."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return kept | {
        "PYTHONPATH": str(ROOT / "harness"),
        "PYTHONWARNINGS": "default::ResourceWarning",
    }
