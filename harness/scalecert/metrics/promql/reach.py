"""What a query reads: which series, and how far back."""

from __future__ import annotations

from collections.abc import Iterator

from scalecert.metrics.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Expression,
    Negation,
    RangeSelector,
    VectorSelector,
)
from scalecert.metrics.tsdb import LOOKBACK_SECONDS


def _children(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case Call(_, arguments):
            return arguments
        case Aggregation(_, inner) | Negation(inner):
            return (inner,)
        case Binary(_, left, right):
            return (left, right)
        case RangeSelector(selector):
            return (selector,)
    return ()


def _walk(expression: Expression) -> Iterator[Expression]:
    yield expression
    for child in _children(expression):
        yield from _walk(child)


def selectors(expression: Expression) -> tuple[VectorSelector, ...]:
    """Return every selector of a query, those of range vectors included, in order."""
    return tuple(one for one in _walk(expression) if isinstance(one, VectorSelector))


def reach_seconds(expression: Expression) -> float:
    """Return how long before its time a query reads samples."""
    instants = [LOOKBACK_SECONDS + one.offset_seconds for one in selectors(expression)]
    ranges = [
        one.range_seconds + one.selector.offset_seconds
        for one in _walk(expression)
        if isinstance(one, RangeSelector)
    ]
    return max([0.0, *instants, *ranges])
