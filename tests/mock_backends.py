"""Backends of mock servers in the test's own process, for their ASGI applications."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from mock_servers.serving.backend import Backend, Given
from scalecert.engines.profiles import EngineProfile, load_profile
from scalecert.engines.registry import engine_kind


def idle_backend(
    profile: str,
    *words: str,
    speed: float = 1000.0,
    ready: bool = True,
    answer_tokens: int = 128,
    metrics_version: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Backend:
    """Return the backend of an idle server that was started with the flags `words`."""
    loaded = _loaded(profile)
    made = Backend.start(
        Given(
            kind=engine_kind(loaded.spec.engine),
            profile=loaded,
            words=words,
            env=env or {},
            speed=speed,
            metrics_version=metrics_version,
            answer_tokens=answer_tokens,
        )
    )
    made.ready = ready
    return made


@cache
def _loaded(profile: str) -> EngineProfile:
    return load_profile(profile)
