"""`scalecert mock jetstream`."""

from __future__ import annotations

from collections.abc import Sequence

from mock_servers.jetstream.orchestrator import Orchestrator
from mock_servers.serving.backend import Backend
from mock_servers.serving.command import engine_command
from mock_servers.serving.services import Service


def _build(backend: Backend, host: str, port: int) -> Sequence[Service]:
    from mock_servers.jetstream.grpc_service import GrpcService

    orchestrator = Orchestrator(backend)
    most = backend.given.most_body_bytes
    return [GrpcService(orchestrator, host, port, most_body_bytes=most)]


command = engine_command("jetstream", _build)
