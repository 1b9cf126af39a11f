"""Durations as people write them (`2s`, `100ms`, `5m`), in seconds; what else has a unit, as read.

Shares, money, counts, memory.
"""

from __future__ import annotations

import math
import re
from typing import Any, Self

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def parse_duration_seconds(text: str) -> float:
    """Return the seconds of a duration such as `1m30s`.

    Raises:
        ValueError: if the text is not a sequence of numbers with the units ms, s, m, h.
    """
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"found {text!r}, expected a duration such as 2s, 100ms or 5m")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def format_seconds(seconds: float) -> str:
    """Return seconds in the unit that reads best: `87 ms`, `2 s`, `12.5 min`."""
    if not math.isfinite(seconds):
        return str(seconds)
    size = abs(seconds)
    if size < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.4g} s" if size < 600 else f"{seconds / 60:.4g} min"


def format_clock(seconds: float) -> str:
    """Return seconds as people plan with: `45 s`, `6 min 40 s`, `13 h 50 min`."""
    whole = round(seconds)
    minutes, left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left} min" if minutes_left else f"{hours} h"
    if minutes:
        return f"{minutes} min {left} s" if left else f"{minutes} min"
    return f"{whole} s"


def format_percent(share: float, digits: int = 3) -> str:
    """Return a share as percent with so many significant digits: `12.5 %`."""
    return f"{share * 100:.{digits}g} %"


def money_unit(currency: str) -> str:
    """Return a currency (ISO 4217) as it stands behind a slash: `$`, `EUR`."""
    return "$" if currency == "USD" else currency


def format_money(amount: float, currency: str) -> str:
    """Return an amount with its currency (ISO 4217): `$2.33`, `2.33 EUR`."""
    return f"${amount:,.2f}" if currency == "USD" else f"{amount:,.2f} {currency}"


_BINARY = (("Ti", 2.0**40), ("Gi", 2.0**30), ("Mi", 2.0**20), ("Ki", 2.0**10))


def format_figure(value: float, unit: str, digits: int = 4) -> str:
    """Return a figure of a metric with so many significant digits: `45,474`, `126 GiB`, `0.66`.

    Only bytes say their unit; the others follow from the metric's name.
    """
    if unit == "bytes":
        word, size = next(((f"{name}B", one) for name, one in _BINARY if value >= one), ("", 1.0))
        return f"{value / size:.3g} {word or 'bytes'}"
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def memory_quantity(count: float) -> str:
    """Return bytes as a manifest has them (`126Gi`), with three significant digits."""
    name, size = next(((name, one) for name, one in _BINARY if count >= one), ("", 1.0))
    return f"{count / size:.3g}{name}"


def times(count: int) -> str:
    """Return how often something happened: `once`, `3 times`."""
    return "once" if count == 1 else f"{count} times"


LONGEST_SECONDS = 10 * 365 * 24 * 3600.0
"""Of any duration: ten years. A double counts microseconds up to there, and loses the seconds of
a run beside a longer one."""


class Duration(float):
    """Seconds, written as a duration (`90s`, `5m`) or as a plain number of seconds."""

    @classmethod
    def decode(cls, value: object) -> Self:
        """Return the duration that `value` stands for.

        Raises:
            ValueError: if it is negative, longer than ten years, or no duration.
        """
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"found {value!r}, expected a duration such as 90s or 5m")  # noqa: TRY004 - as msgspec asks
        seconds = parse_duration_seconds(value) if isinstance(value, str) else float(value)
        if not (0 <= seconds < math.inf):
            raise ValueError(f"found {value!r}, expected zero or a positive duration")
        if seconds > LONGEST_SECONDS:
            raise ValueError(f"found {value!r}, expected 87600h (ten years) or less")
        return cls(seconds)

    def encode(self) -> str:
        """Return the duration in seconds as text (`90s`)."""
        return f"{float(self):.12g}s"

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of a duration."""
        text = {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h))+$"}
        return {"oneOf": [text, {"type": "number", "minimum": 0}]}
