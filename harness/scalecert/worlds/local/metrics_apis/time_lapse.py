"""Queries for a Prometheus whose clock the run outpaces.

With a time lapse of K, K seconds of the run pass in one of Prometheus' seconds: a range of 2 m of
the run is 24 s there if K is 5, and what rises by 10 in a second of the run rises by 50 in one of
Prometheus'. So ranges and offsets are divided by K, to the millisecond, which is what Prometheus
counts; and so are the values of functions that divide by time. All other functions see the same
samples as they would without a time lapse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from scalecert.metrics.promql import Expression
from scalecert.metrics.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Negation,
    Number,
    RangeSelector,
    VectorSelector,
)

PER_SECOND: Final = ("rate", "irate")
"""Functions of the subset whose values are per second."""


def lapsed(expression: Expression, time_lapse: int) -> Expression:
    """Return the query that has the same value where K = `time_lapse` seconds pass in one."""
    if time_lapse == 1:
        return expression
    match expression:
        case VectorSelector(_, offset):
            return replace(expression, offset_seconds=offset / time_lapse)
        case RangeSelector(selector, seconds):
            offset = selector.offset_seconds / time_lapse
            shorter = replace(selector, offset_seconds=offset)
            return RangeSelector(shorter, seconds / time_lapse)
        case Call(function, arguments):
            call = Call(function, tuple(lapsed(one, time_lapse) for one in arguments))
            return Binary("/", call, Number(float(time_lapse))) if function in PER_SECOND else call
        case Aggregation(_, inner):
            return replace(expression, expression=lapsed(inner, time_lapse))
        case Negation(inner):
            return Negation(lapsed(inner, time_lapse))
        case Binary(_, left, right):
            return replace(
                expression, left=lapsed(left, time_lapse), right=lapsed(right, time_lapse)
            )
        case Number():
            return expression
