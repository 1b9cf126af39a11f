"""Gauges as Go's Prometheus client keeps and writes them.

Text: prometheus/common, expfmt (`MetricFamilyToText`): families by name, labels by name, series by
their labels, numbers by Go's `strconv.FormatFloat(value, 'g', -1, 64)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_EXPONENT_FROM = 6
"""Power of ten from which on Go writes an exponent, for the shortest digits (strconv/ftoa.go)."""
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Labels = tuple[tuple[str, str], ...]


class Gauges:
    """Gauges by family and labels.

    Args:
        helps: of each family that there may be.
    """

    def __init__(self, helps: Mapping[str, str]) -> None:
        self._helps = helps
        self._values: dict[str, dict[Labels, float]] = {}

    def set(self, name: str, labels: Mapping[str, str], value: float) -> Labels:
        """Give one series a value; return its labels, for `drop`."""
        key = in_order(labels)
        self._values.setdefault(name, {})[key] = value
        return key

    def drop(self, name: str, labels: Labels) -> None:
        """Remove one series, if it is there."""
        self._values.get(name, {}).pop(labels, None)

    def reset(self, names: Iterable[str] = ()) -> None:
        """Remove all series of some families; of all if none is named."""
        for name in tuple(names) or tuple(self._values):
            self._values.pop(name, None)

    def text(self) -> str:
        """Return the page."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for name, series in sorted(self._values.items()):
            if series:
                yield f"# HELP {name} {self._helps[name]}"
                yield f"# TYPE {name} gauge"
                for labels, value in sorted(series.items()):
                    yield f"{name}{{{_written(labels)}}} {go_number(value)}"


def in_order(labels: Mapping[str, str]) -> Labels:
    """Return labels by name: what a series is known by."""
    return tuple(sorted(labels.items()))


def _written(labels: Labels) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)


def go_number(value: float) -> str:
    """Return a finite number as Go's `FormatFloat(value, 'g', -1, 64)` does."""
    number = Decimal(repr(value)).normalize()
    scale = number.adjusted()
    if not number or -4 <= scale < _EXPONENT_FROM:
        return f"{number:f}"
    mantissa = f"{number.scaleb(-scale):f}"
    return f"{mantissa}e{scale:+03d}"
