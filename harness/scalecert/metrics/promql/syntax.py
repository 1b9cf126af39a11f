"""PromQL expressions as values. `str()` writes one as a query that parses to an equal one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from scalecert.errors import ScaleCertError
from scalecert.metrics.tsdb import NAME_LABEL, Matcher


class PromqlError(ScaleCertError):
    """A query that is no PromQL, or is outside of the documented subset; the text says what."""


@dataclass(frozen=True, slots=True)
class Element:
    """One sample of an instant vector; `labels` include the name as long as the query keeps it."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Number:
    """A scalar literal."""

    value: float

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "NaN"
        if math.isinf(self.value):
            return "Inf" if self.value > 0 else "-Inf"
        return repr(self.value)


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """An instant vector: series that satisfy every matcher, `offset_seconds` ago."""

    matchers: tuple[Matcher, ...]
    offset_seconds: float = 0.0

    def __str__(self) -> str:
        return self.written("")

    def written(self, suffix: str) -> str:
        """Return the selector with `suffix` (a range) before its offset."""
        body = ",".join(str(matcher) for matcher in self.matchers)
        offset = f" offset {_duration(self.offset_seconds)}" if self.offset_seconds else ""
        return f"{{{body}}}{suffix}{offset}"

    @property
    def name(self) -> str | None:
        """The metric's name if the selector states exactly one."""
        exact = (one for one in self.matchers if one.label == NAME_LABEL and one.operator == "=")
        found = next(exact, None)
        return None if found is None else found.value


@dataclass(frozen=True, slots=True)
class RangeSelector:
    """A range vector: the samples of the last `range_seconds`."""

    selector: VectorSelector
    range_seconds: float

    def __str__(self) -> str:
        return self.selector.written(f"[{_duration(self.range_seconds)}]")


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple[Expression, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(str(argument) for argument in self.arguments)})"


@dataclass(frozen=True, slots=True)
class Aggregation:
    """`sum` and the like, over groups of equal values of `labels` (or of all others: without)."""

    operator: str
    expression: Expression
    labels: tuple[str, ...] = ()
    without: bool = False

    def __str__(self) -> str:
        word = "without" if self.without else "by"
        clause = f" {word} ({', '.join(self.labels)}) " if self.labels or self.without else ""
        return f"{self.operator}{clause}({self.expression})"


@dataclass(frozen=True, slots=True)
class Matching:
    """Which labels pair the two sides of an operator: only these (`on`), or all but these."""

    on: bool
    labels: tuple[str, ...]

    def __str__(self) -> str:
        return f" {'on' if self.on else 'ignoring'} ({', '.join(self.labels)})"


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two expressions; `returns_bool` is a comparison's `bool`."""

    operator: str
    left: Expression
    right: Expression
    matching: Matching | None = None
    returns_bool: bool = False

    def __str__(self) -> str:
        modifier = " bool" if self.returns_bool else ""
        return f"({self.left}) {self.operator}{modifier}{self.matching or ''} ({self.right})"


@dataclass(frozen=True, slots=True)
class Negation:
    """A minus sign before an expression."""

    expression: Expression

    def __str__(self) -> str:
        return f"-({self.expression})"


Expression: TypeAlias = (
    Number | VectorSelector | RangeSelector | Call | Aggregation | Binary | Negation
)


def _duration(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"
