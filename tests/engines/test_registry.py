"""The registry of engines."""

from __future__ import annotations

import pytest

from scalecert.engines.registry import engine_kind, engine_kinds, engine_names


def test_every_engine_goes_by_its_own_name() -> None:
    """Names in the registry are those of the kinds, and each is made once."""
    assert [kind.name for kind in engine_kinds()] == list(engine_names())
    assert engine_kind("vllm") is engine_kind("vllm")


def test_an_unknown_engine_is_a_key_error() -> None:
    """Callers turn it into their own message."""
    with pytest.raises(KeyError):
        engine_kind("onnx")
