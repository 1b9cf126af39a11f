"""The engines that there are: the only list that a new one is added to."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from scalecert.engines.base import EngineKind

_MODULES = {
    "jetstream": "scalecert.engines.jetstream.kind",
    "tgi": "scalecert.engines.tgi.kind",
    "vllm": "scalecert.engines.vllm.kind",
}
"""Where each engine's `KIND` is; imported when first asked for."""


def engine_names() -> tuple[str, ...]:
    """Return the names of all engines, sorted."""
    return tuple(sorted(_MODULES))


@cache
def engine_kind(name: str) -> EngineKind:
    """Return the engine `name`.

    Raises:
        KeyError: if there is none such.
    """
    kind: EngineKind = import_module(_MODULES[name]).KIND
    return kind


def engine_kinds() -> tuple[EngineKind, ...]:
    """Return all engines, by name."""
    return tuple(engine_kind(name) for name in engine_names())
