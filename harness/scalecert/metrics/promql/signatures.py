"""The operators and functions of the subset, and the type of every expression."""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.metrics.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Expression,
    Negation,
    Number,
    RangeSelector,
)

AGGREGATIONS = ("sum", "avg", "min", "max", "count")
UNSUPPORTED_AGGREGATIONS = (
    "group", "stddev", "stdvar", "topk", "bottomk", "limitk", "limit_ratio", "quantile",
    "count_values",
)  # fmt: skip
COMPARISONS = ("==", "!=", "<=", "<", ">=", ">")
SET_OPERATORS = ("or", "and", "unless")


@dataclass(frozen=True, slots=True)
class Signature:
    """The types of a function's arguments; it returns a vector."""

    arguments: tuple[str, ...]


_OF_RANGE = Signature(("range vector",))
_CLAMP = Signature(("vector", "scalar"))
FUNCTIONS = {
    "rate": _OF_RANGE,
    "irate": _OF_RANGE,
    "increase": _OF_RANGE,
    "delta": _OF_RANGE,
    "avg_over_time": _OF_RANGE,
    "max_over_time": _OF_RANGE,
    "min_over_time": _OF_RANGE,
    "sum_over_time": _OF_RANGE,
    "count_over_time": _OF_RANGE,
    "last_over_time": _OF_RANGE,
    "histogram_quantile": Signature(("scalar", "vector")),
    "clamp_min": _CLAMP,
    "clamp_max": _CLAMP,
    "vector": Signature(("scalar",)),
}


def type_of(expression: Expression) -> str:
    """Return `scalar`, `vector` or `range vector`."""
    match expression:
        case Number():
            return "scalar"
        case RangeSelector():
            return "range vector"
        case Negation(inner):
            return type_of(inner)
        case Binary(_, left, right):
            both_scalar = type_of(left) == type_of(right) == "scalar"
            return "scalar" if both_scalar else "vector"
        case Call() | Aggregation():
            return "vector"
    return "vector"
