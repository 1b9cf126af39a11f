"""Scalars of our documents that YAML lacks (durations, rates, quantities): one convention.

Such a type has a classmethod `decode(value)` (ValueError if it can't be used), a method
`encode()` (the text or number it is written as) and a classmethod `json_schema()`. The three
hooks below teach msgspec all of them at once.
"""

from __future__ import annotations

from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import msgspec

_T = TypeVar("_T")


def default(value: _T) -> _T:
    """Give a field a scalar as its default, which a JSON Schema can't show and need not."""
    field: _T = msgspec.field(default_factory=lambda: value)
    return field


@runtime_checkable
class Scalar(Protocol):
    """A value written in one word."""

    @classmethod
    def decode(cls, value: object) -> Self:
        """Return the scalar that a document's `value` stands for; ValueError if none."""

    def encode(self) -> str | int | float:
        """Return what the document says."""

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what may be written."""


def decode_hook(kind: type, value: object) -> object:
    """Decode a scalar for `msgspec.convert(..., dec_hook=decode_hook)`."""
    if issubclass(kind, Scalar):
        return kind.decode(value)
    raise TypeError(f"no scalar type: {kind.__name__}")


def encode_hook(value: object) -> object:
    """Encode a scalar for `msgspec.to_builtins(..., enc_hook=encode_hook)`."""
    if isinstance(value, Scalar):
        return value.encode()
    raise TypeError(f"no scalar: {type(value).__name__}")


def schema_hook(kind: type) -> dict[str, Any]:
    """Describe a scalar for `msgspec.json.schema(..., schema_hook=schema_hook)`."""
    if issubclass(kind, Scalar):
        return kind.json_schema()
    raise TypeError(f"no scalar type: {kind.__name__}")
