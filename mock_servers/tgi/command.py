"""`scalecert mock tgi`."""

from __future__ import annotations

from collections.abc import Sequence

from mock_servers.serving.backend import Backend
from mock_servers.serving.command import check_metrics_version, engine_command
from mock_servers.serving.limits import HttpLimits
from mock_servers.serving.services import HttpService, Service
from mock_servers.tgi.app import tgi_app
from scalecert.engines.versions import Versions

_KNOWN = Versions(since="2", until="4")
"""Versions whose metrics were read, which are the same."""
_HEAD_BYTES = 8192 + 100 * 4096
"""Of a request that hyper reads (hyper 1.6.0, src/proto/h1/io.rs)."""
_KEEP_ALIVE_SECONDS = 24 * 3600.0
"""hyper closes no idle connection by itself."""


class RouterService(HttpService):
    """The router's port.

    On SIGTERM it is closed with all idle connections, and what runs or waits is answered to its end
    (axum 0.7.9, src/serve.rs).
    """

    def stop_accepting(self) -> None:
        """Close the listening socket and idle connections."""
        self.refuse()


def _build(backend: Backend, host: str, port: int) -> Sequence[Service]:
    check_metrics_version(backend, _KNOWN, expected="a version from 2 on", hint="such as 3.3.7")
    service = RouterService(
        "API",
        tgi_app(backend),
        host,
        port,
        limits=HttpLimits(head_bytes=_HEAD_BYTES),
        server_header="",
        keep_alive_seconds=_KEEP_ALIVE_SECONDS,
    )
    return [service]


command = engine_command("tgi", _build)
