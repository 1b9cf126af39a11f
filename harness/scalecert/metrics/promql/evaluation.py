"""Evaluation of PromQL at one time, over a view of the storage."""

from __future__ import annotations

import operator
from collections.abc import Callable

from scalecert.metrics.promql.histograms import histogram_quantile
from scalecert.metrics.promql.ranges import RANGE_FUNCTIONS, Window
from scalecert.metrics.promql.signatures import SET_OPERATORS
from scalecert.metrics.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Element,
    Expression,
    Negation,
    Number,
    RangeSelector,
    VectorSelector,
)
from scalecert.metrics.promql.vectors import (
    EvaluationError,
    aggregate,
    apply,
    combine_scalar,
    combine_sets,
    combine_vectors,
    unique,
    without_name,
)
from scalecert.metrics.tsdb import View

__all__ = ["EvaluationError", "evaluate"]


def evaluate(expression: Expression, view: View, time: float) -> float | list[Element]:
    """Return the value of a query: a scalar, or an instant vector.

    Args:
        expression: what `parse` returned.
        view: the storage.
        time: the evaluation time, seconds of the run.

    Raises:
        EvaluationError: where Prometheus refuses the series that are there.
    """
    match expression:
        case Number(value):
            return value
        case VectorSelector():
            return _instant(expression, view, time)
        case Aggregation(_, inner):
            return aggregate(expression, _vector(inner, view, time))
        case Call():
            return _call(expression, view, time)
        case Negation(inner):
            operand = evaluate(inner, view, time)
            return _mapped(operand, operator.neg) if isinstance(operand, list) else -operand
        case Binary():
            return _binary(expression, view, time)
        case RangeSelector():
            pass
    raise EvaluationError("a range vector has no value of its own")


def _vector(expression: Expression, view: View, time: float) -> list[Element]:
    value = evaluate(expression, view, time)
    return value if isinstance(value, list) else [Element({}, value)]


def _scalar(expression: Expression, view: View, time: float) -> float:
    value = evaluate(expression, view, time)
    if isinstance(value, list):
        raise EvaluationError("expected a scalar")
    return value


def _instant(selector: VectorSelector, view: View, time: float) -> list[Element]:
    found = view.instant(selector.matchers, time - selector.offset_seconds)
    return [Element(series.labels, value) for series, value in found]


def _mapped(vector: list[Element], function: Callable[[float], float]) -> list[Element]:
    return unique([Element(without_name(one.labels), function(one.value)) for one in vector])


def _call(call: Call, view: View, time: float) -> list[Element]:
    first = call.arguments[0]
    if isinstance(first, RangeSelector):
        return _over_range(call.function, first, view, time)
    if call.function == "vector":
        return [Element({}, _scalar(first, view, time))]
    if call.function == "histogram_quantile":
        quantile = _scalar(first, view, time)
        return histogram_quantile(quantile, _vector(call.arguments[1], view, time))
    limit = _scalar(call.arguments[1], view, time)
    clamp = max if call.function == "clamp_min" else min
    return _mapped(_vector(first, view, time), lambda value: clamp(value, limit))


def _over_range(function: str, selector: RangeSelector, view: View, time: float) -> list[Element]:
    end = time - selector.selector.offset_seconds
    compute = RANGE_FUNCTIONS[function]
    keeps_name = function == "last_over_time"
    found = []
    for series, times, values in view.range(
        selector.selector.matchers, end, selector.range_seconds
    ):
        value = compute(Window(times, values, end, selector.range_seconds))
        if value is not None:
            found.append(Element(series.labels if keeps_name else series.unnamed, value))
    # Series of one name differ in other labels, so that they stay apart without it.
    return found if selector.selector.name is not None else unique(found)


def _binary(binary: Binary, view: View, time: float) -> float | list[Element]:
    left, right = evaluate(binary.left, view, time), evaluate(binary.right, view, time)
    if isinstance(left, list) and isinstance(right, list):
        combine = combine_sets if binary.operator in SET_OPERATORS else combine_vectors
        return combine(binary, left, right)
    if isinstance(left, list):
        return combine_scalar(binary, left, _float(right), scalar_left=False)
    if isinstance(right, list):
        return combine_scalar(binary, right, left, scalar_left=True)
    value = apply(binary, left, right)
    return 0.0 if value is None else value


def _float(value: float | list[Element]) -> float:
    if isinstance(value, list):
        raise EvaluationError("expected a scalar")
    return value
