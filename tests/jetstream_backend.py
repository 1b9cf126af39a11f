"""A JetStream mock's backend in the test's own process, for its ASGI applications."""

from __future__ import annotations

from collections.abc import Callable

from mock_backends import idle_backend

from mock_servers.jetstream.orchestrator import Orchestrator
from mock_servers.serving.backend import Backend
from mock_servers.serving.pacing import Pacer

PROFILE = "jetstream_llama-2-7b_v5e"


def orchestrator(*, speed: float = 1000.0, ready: bool = True) -> Orchestrator:
    """Return the orchestrator of an idle server with twelve slots."""
    return Orchestrator(backend(speed=speed, ready=ready))


def backend(
    *, speed: float = 1000.0, ready: bool = True, clock: Callable[[], float] | None = None
) -> Backend:
    """Return the backend of an idle server with twelve slots; `clock` in place of the wall's."""
    made = idle_backend(PROFILE, speed=speed, ready=ready)
    if clock is not None:
        behind = made.given.profile.spec.costs.delivery_seconds
        made.pacer = Pacer(made.engine, made.pacer._log, behind_seconds=behind, clock=clock)
    return made
