"""A vLLM mock's backend in the test's own process, for its ASGI application."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from mock_servers.serving.backend import Backend, Given
from scalecert.engines.profiles import EngineProfile, load_profile
from scalecert.engines.registry import engine_kind

PROFILE = "vllm_llama-2-7b_l4"


def backend(
    *words: str,
    speed: float = 1000.0,
    ready: bool = True,
    metrics_version: str | None = None,
    answer_tokens: int = 128,
    env: Mapping[str, str] | None = None,
) -> Backend:
    """Return the backend of an idle server that was started with the flags `words`."""
    made = Backend.start(
        Given(
            kind=engine_kind("vllm"),
            profile=_profile(),
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
def _profile() -> EngineProfile:
    return load_profile(PROFILE)
