"""`scalecert mock vllm`."""

from __future__ import annotations

from collections.abc import Sequence

from mock_servers.serving.backend import Backend
from mock_servers.serving.command import check_metrics_version, engine_command
from mock_servers.serving.services import HttpService, Service
from mock_servers.vllm.app import vllm_app
from scalecert.engines.versions import Versions

_KNOWN = Versions(since="0.8", until="0.34")
"""Versions whose metrics were read, and those between."""


def _build(backend: Backend, host: str, port: int) -> Sequence[Service]:
    check_metrics_version(
        backend,
        _KNOWN,
        expected="a version of vLLM from 0.8 to 0.33",
        hint="such as 0.8, 0.10, 0.12, 0.24 or 0.33",
    )
    # A server that works off its requests listens on; others are told that they are aborted.
    drains = backend.drain_seconds() > 0.0
    return [HttpService("API", vllm_app(backend), host, port, open_to_the_end=drains)]


command = engine_command("vllm", _build)
