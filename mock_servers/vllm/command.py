"""`scalecert mock vllm`."""

from __future__ import annotations

from collections.abc import Sequence

from mock_servers.serving.backend import Backend
from mock_servers.serving.command import engine_command
from mock_servers.serving.services import HttpService, Service
from mock_servers.vllm.app import vllm_app


def _build(backend: Backend, host: str, port: int) -> Sequence[Service]:
    return [HttpService("API", vllm_app(backend), host, port)]


command = engine_command("vllm", _build)
