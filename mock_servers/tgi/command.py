"""`scalecert mock tgi`."""

from __future__ import annotations

from collections.abc import Sequence

from mock_servers.serving.backend import Backend
from mock_servers.serving.command import engine_command
from mock_servers.serving.services import HttpService, Service
from mock_servers.tgi.app import tgi_app


def _build(backend: Backend, host: str, port: int) -> Sequence[Service]:
    return [HttpService("API", tgi_app(backend), host, port, server_header="")]


command = engine_command("tgi", _build)
