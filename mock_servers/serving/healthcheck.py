"""The image's health check: whether the mock server that is process 1 answers as a healthy one.

It stands alone, on the standard library, and asks where the server's own command line says that it
listens. Kubernetes has probes instead.
"""

from __future__ import annotations

import http.client
import sys
from collections.abc import Sequence
from pathlib import Path

HEALTH = {
    "vllm": (("--port", 8000, "/health"),),
    "tgi": (("--port", 80, "/health"),),
    "jetstream": (
        ("--sidecar-port", 8000, "/healthcheck"),
        ("--http-port", 8080, "/"),
        ("--metrics-port", 9100, "/metrics"),
    ),
    "accelerator": (("--port", 9400, "/health"), ("--plugin-port", 2112, "/metrics")),
}
"""Option, default and path by server; the first that anybody listens on counts."""

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked for, not listened on
_SECONDS = 3.0


def main(command_line: Sequence[str]) -> int:
    """Return 0 if the server of that command line is healthy, else 1."""
    words = list(command_line)
    name = words[words.index("mock") + 1] if "mock" in words[:-1] else ""
    host = _option(words, "--host", "127.0.0.1")
    for option, default, path in HEALTH.get(name, ()):
        port = _option(words, option, str(default))
        if port.isdecimal() and (status := _ask(_EVERYWHERE.get(host, host), int(port), path)):
            return 0 if status < http.client.INTERNAL_SERVER_ERROR else 1
    return 1


def _option(words: Sequence[str], option: str, default: str) -> str:
    """Return the last value of an option, in either form."""
    value = default
    for word, following in zip(words, [*words[1:], default], strict=False):
        if word == option:
            value = following
        elif word.startswith(f"{option}="):
            value = word.partition("=")[2]
    return value


def _ask(host: str, port: int, path: str) -> int | None:
    """Return the status of a GET; None if nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(Path("/proc/1/cmdline").read_text().split("\0")[:-1]))
