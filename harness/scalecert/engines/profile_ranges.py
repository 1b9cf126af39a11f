"""What numbers an engine profile may have: wide ranges around what servers are.

Beyond them is a slip of the pen, and a simulation that would not end: a step that takes no time,
a table of a billion entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from scalecert.errors import UsageError

MOST_SEQUENCES = 65_536
MOST_TOKENS = 10_000_000
"""Of a context or a step; a longer one than any model's."""
_HOUR, _WEEK = 3600.0, 7 * 24 * 3600.0

RANGES: Mapping[str, tuple[float, float]] = {
    "model.maxContext": (1, MOST_TOKENS),
    "accelerator.count": (1, 1024),
    "costs.weightsSeconds": (1e-6, 60.0),
    "costs.tokenSeconds": (1e-9, 60.0),
    "costs.blend": (0.1, 30.0),
    "memory.acceleratorBytes": (1, 10**15),
    "memory.weightsBytes": (0, 10**15),
    "memory.fixedBytes": (0, 10**15),
    "memory.activationBytesPerToken": (0, 10**12),
    "memory.kvBytesPerToken": (1, 10**12),
    "startup.modelLoadSeconds": (0.0, _WEEK),
    "price.perHour": (0.0, 1e6),
}
"""Least and most by field of `spec`; every other cost is from 0 to an hour."""


def check_ranges(spec: msgspec.Struct, file: str) -> None:
    """Refuse a profile's body with a number out of its range.

    Raises:
        UsageError: for the first such field.
    """
    fields: dict[str, Any] = msgspec.to_builtins(spec)
    costs = {f"costs.{name}": (0.0, _HOUR) for name in fields["costs"]}
    for field, (least, most) in (costs | dict(RANGES)).items():
        part, _, name = field.partition(".")
        found = fields[part][name]
        if not least <= found <= most:
            raise UsageError(
                f"found {found:g}, expected {least:g} to {most:g}", file=file, field=f"spec.{field}"
            )
