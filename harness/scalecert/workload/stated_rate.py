"""Rates as a workload writes them: absolute, or in units of capacity."""

from __future__ import annotations

import re
from typing import Any, Self

MAX_NUMBER = 1e9

_NUMBER = r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_RATE = re.compile(rf"(?P<number>{_NUMBER}) ?(?P<unit>/s|max|replicas?)")
_EXPECTED = "expected a rate such as 3.5/s, 0.4 max or 1.5 replicas"


class Rate:
    """A rate of requests, as written; equal if number and unit are.

    `3.5/s` (or the number 3.5) is absolute; `1.5 replicas` is 1.5 times one replica's capacity;
    `0.4 max` is 0.4 of maxReplicas x capacity. Capacity is in requests/s (see `planning`).
    """

    __slots__ = ("_number", "_unit")

    def __init__(self, text: str) -> None:
        match = _RATE.fullmatch(text)
        if match is None or float(match["number"]) > MAX_NUMBER:
            raise ValueError(f"found {text[:40]!r}, {_EXPECTED}")
        self._number = float(match["number"])
        self._unit = {"replica": "replicas"}.get(match["unit"], match["unit"])

    def per_second(self, *, capacity_per_second: float, max_replicas: int) -> float:
        """Return requests/s, given one replica's capacity in requests/s."""
        units = {
            "/s": 1.0,
            "replicas": capacity_per_second,
            "max": capacity_per_second * max_replicas,
        }
        return self._number * units[self._unit]

    @classmethod
    def decode(cls, value: object) -> Self:
        """Return the rate that a document's `value` stands for; ValueError if none."""
        if isinstance(value, str):
            return cls(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"found {value!r}, {_EXPECTED}")  # noqa: TRY004 - what msgspec turns into its own
        if not 0 <= value <= MAX_NUMBER:
            raise ValueError(f"found {value!r:.40}, {_EXPECTED}")
        return cls(f"{float(value)!r}/s")

    def encode(self) -> str:
        """Return the canonical text."""
        number = repr(self._number).removesuffix(".0")
        return f"{number}/s" if self._unit == "/s" else f"{number} {self._unit}"

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of a rate."""
        text = {
            "type": "string",
            "pattern": rf"^{_NUMBER} ?(/s|max|replicas?)$",
            "examples": ["3.5/s", "0.4 max", "1.5 replicas"],
        }
        return {"oneOf": [text, {"type": "number", "minimum": 0, "maximum": MAX_NUMBER}]}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rate) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        return f"Rate({self.encode()!r})"
