"""A TGI mock's backend in the test's own process, for its ASGI application."""

from __future__ import annotations

from functools import cache

from mock_servers.serving.backend import Backend, Given
from scalecert.engines.profiles import EngineProfile, load_profile
from scalecert.engines.registry import engine_kind

PROFILE = "tgi_llama-2-7b_l4"


def backend(
    *words: str, speed: float = 1e6, ready: bool = True, answer_tokens: int = 128
) -> Backend:
    """Return the backend of an idle server that was started with the flags `words`."""
    made = Backend.start(
        Given(
            kind=engine_kind("tgi"),
            profile=_profile(),
            words=words,
            speed=speed,
            answer_tokens=answer_tokens,
        )
    )
    made.ready = ready
    return made


@cache
def _profile() -> EngineProfile:
    return load_profile(PROFILE)
