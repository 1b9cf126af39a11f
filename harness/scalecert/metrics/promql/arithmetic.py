"""Operators on single values: IEEE 754 where Python would raise, NaN as Prometheus treats it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _modulo(left: float, right: float) -> float:
    if not right or math.isinf(left) or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.fmod(left, right)


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        return -math.inf if left < 0 and math.fmod(right, 2) else math.inf
    except ValueError:
        # 0 to a negative power is infinite; a root of a negative number is none.
        return math.inf if not left else math.nan


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _modulo,
    "^": _power,
}

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def maximum(values: Iterable[float]) -> float:
    """Return the greatest value; NaN only if all are."""
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def minimum(values: Iterable[float]) -> float:
    """Return the least value; NaN only if all are."""
    return min((value for value in values if not math.isnan(value)), default=math.nan)
