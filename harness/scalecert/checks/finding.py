"""Findings: what one check says of one recording, as data for every report.

Comes out of `checks.judge`; the certificate, the terminal and JUnit are renderings of it.
"""

from __future__ import annotations

import math
import operator
from enum import StrEnum
from typing import Any, Literal

import msgspec

from scalecert.scenario.model import Level
from scalecert.units import format_percent, format_seconds

Comparison = Literal["<=", ">=", "==", ">"]


_SINGULAR = {"replicas": "replica", "requests": "request"}
_OPERATORS = {"<=": operator.le, ">=": operator.ge, "==": operator.eq, ">": operator.gt}


class Verdict(StrEnum):
    """The four findings. Only `pass` is a pass."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"


class RunResult(msgspec.Struct, frozen=True, rename="camel"):
    """What one run of a scenario measured; `run` is the variation's name."""

    run: str
    verdict: Verdict
    measured: float | None
    limit: float | None


class Band(msgspec.Struct, frozen=True, rename="camel"):
    """The guard band: what all runs of a scenario measured together.

    `lowest` and `highest` are None where no run has a finite figure; `margin` is how far the worst
    run is inside its limit, as a share of the limit (negative: beyond it), None without both.
    """

    runs: tuple[RunResult, ...]
    lowest: float | None = None
    highest: float | None = None
    margin: float | None = None


class Finding(msgspec.Struct, frozen=True, rename="camel"):
    """One check's answer for one scenario.

    `measured` is None where there is no finite figure (no data, or infinite: a request that never
    got a token); `message` says which, in one line. `next_step` is empty for a pass. `evidence`
    holds plain JSON values only. `band` is there where several runs were judged together; the
    figures of the finding itself are then those of the first run.
    """

    id: str
    scenario: str
    level: Level
    verdict: Verdict
    measured: float | None
    limit: float | None
    unit: str
    comparison: Comparison
    message: str
    next_step: str = ""
    cause: str = ""
    evidence: dict[str, Any] = {}  # msgspec copies an empty default
    band: Band | None = None


def finite(value: float) -> float | None:
    """Return a finite figure to twelve digits (the rest is rounding), None for another."""
    return float(f"{value:.12g}") if math.isfinite(value) else None


def holds(measured: float, comparison: Comparison, limit: float) -> bool:
    """Tell whether `measured` keeps the limit; NaN keeps none."""
    return bool(_OPERATORS[comparison](measured, limit))


def format_measure(value: float | None, unit: str) -> str:
    """Return a figure as people read it; `unit` is a check's: s, share, x, requests, ..."""
    if value is None or not math.isfinite(value):
        return "-" if value is None or math.isnan(value) else "never"
    if unit == "s":
        return format_seconds(value)
    if unit == "share":
        return format_percent(value, digits=4)
    number = f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.4g}"
    return f"{number} {_SINGULAR.get(unit, unit) if value == 1 else unit}".rstrip()
