"""What a rule of prometheus-adapter makes of the series that it reads, as far as its text tells.

`policy.exposure` reads rules with it, so that a signal is known to be an average, to read missing
data as a number, or to select nothing at all before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from scalecert.metrics.promql.syntax import (
    Aggregation,
    Binary,
    Call,
    Expression,
    Negation,
    Number,
    RangeSelector,
    VectorSelector,
)
from scalecert.metrics.tsdb import NAME_LABEL, Matcher

_KEEP = ("sum", "avg", "min", "max")
"""Aggregations whose value is in the series' own unit."""

_POD_LABELS = frozenset({"pod", "instance", "exported_pod", "UUID", "accelerator_id", "hostname"})
"""Labels that leave a series for each pod, or for each of its accelerators; the last is a node."""

LabelsOf = Callable[[VectorSelector], Collection[str] | None]
"""The labels that a selector's series can have; None if nobody knows."""


@dataclass(frozen=True, slots=True)
class RuleQuery:
    """The shape of a rule's query.

    Attributes:
        aggregation: `sum`, `avg`, ... if it makes one value of all pods' series, else empty.
        fallback: the number that it gives where it has no data (`or vector(0)`), None if none.
        keeps_values: whether it shows the series' own values, at most aggregated: only
            then do unit and maximum of the series hold for the metric.
    """

    aggregation: str = ""
    fallback: float | None = None
    keeps_values: bool = True


PLAIN = RuleQuery()
"""A series as it is, without any rule."""


def read_query(query: Expression) -> RuleQuery:
    """Return the shape of a query."""
    inner, fallback = _without_fallback(query)
    operator = inner.operator if isinstance(inner, Aggregation) and not _per_pod(inner) else ""
    kept = inner.expression if isinstance(inner, Aggregation) and inner.operator in _KEEP else inner
    return RuleQuery(operator, fallback, isinstance(kept, VectorSelector))


def _per_pod(aggregation: Aggregation) -> bool:
    return aggregation.without or not _POD_LABELS.isdisjoint(aggregation.labels)


def _without_fallback(query: Expression) -> tuple[Expression, float | None]:
    match query:
        case Binary("or", left, Call("vector", (Number(value),))):
            return left, value
    return query, None


def label_never_there(query: Expression, labels_of: LabelsOf) -> str:
    """Return the label for whose absence a query has no data, empty if it may have some.

    A fallback is left out: what it gives is no data.
    """
    inner, _ = _without_fallback(query)
    return _missing(inner, labels_of)


def _missing(part: Expression, labels_of: LabelsOf) -> str:
    """Return the label that leaves a part of a query empty, by PromQL's rules for its operator."""
    match part:
        case VectorSelector():
            return _unknown_label(part, labels_of(part))
        case RangeSelector(inner) | Aggregation(_, inner) | Negation(inner):
            return _missing(inner, labels_of)
        case Call(_, arguments):
            return _first([_missing(one, labels_of) for one in arguments])
        case Binary(operator, left, right):
            sides = [_missing(left, labels_of), _missing(right, labels_of)]
            if operator == "or":
                return sides[0] if all(sides) else ""
            return sides[0] if operator == "unless" else _first(sides)
    return ""


def _first(labels: list[str]) -> str:
    return next(filter(None, labels), "")


def _unknown_label(selector: VectorSelector, there: Collection[str] | None) -> str:
    if there is None:
        return ""
    asked = [one.label for one in selector.matchers if _needs_label(one)]
    return _first([label for label in asked if label not in there])


def _needs_label(matcher: Matcher) -> bool:
    """Tell whether a matcher fails for series without its label, which counts as empty."""
    return matcher.label != NAME_LABEL and not matcher.matches("")


def written_fallback(value: float) -> str:
    """Return a fallback as a rule has it: `or vector(0)`."""
    return f"or vector({value:g})"
