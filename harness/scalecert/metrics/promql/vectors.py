"""Operators between instant vectors: pairing by labels, aggregation into groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from scalecert.errors import ScaleCertError
from scalecert.metrics.promql.arithmetic import ARITHMETIC, COMPARE, maximum, minimum
from scalecert.metrics.promql.syntax import Aggregation, Binary, Element, Matching
from scalecert.metrics.tsdb import NAME_LABEL

Labels = Mapping[str, str]
Signature = tuple[tuple[str, str], ...]


class EvaluationError(ScaleCertError):
    """A query that Prometheus answers with an error, for the series that are there."""


def without_name(labels: Labels) -> dict[str, str]:
    """Return labels without the metric's name."""
    return {name: value for name, value in labels.items() if name != NAME_LABEL}


def unique(elements: list[Element]) -> list[Element]:
    """Return a vector, refused if two of its elements have equal labels.

    Raises:
        EvaluationError: as Prometheus does, after a name was dropped.
    """
    if len({frozenset(element.labels.items()) for element in elements}) < len(elements):
        raise EvaluationError("vector cannot contain metrics with the same labelset")
    return elements


_REDUCTIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "min": minimum,
    "max": maximum,
    "count": lambda values: float(len(values)),
}


def aggregate(aggregation: Aggregation, vector: Iterable[Element]) -> list[Element]:
    """Return one element per group, in order of first appearance."""
    groups: dict[Signature, list[float]] = {}
    for element in vector:
        key = _kept(element.labels, aggregation.labels, keep=not aggregation.without)
        groups.setdefault(key, []).append(element.value)
    reduce = _REDUCTIONS[aggregation.operator]
    return [Element(dict(key), reduce(values)) for key, values in groups.items()]


def _kept(labels: Labels, names: Sequence[str], *, keep: bool) -> Signature:
    """Return the labels that are (`keep`) or are not among `names`, sorted, empty ones gone."""
    if keep:
        return tuple([(name, labels[name]) for name in sorted(names) if labels.get(name)])
    return tuple(
        sorted(item for item in labels.items() if item[0] not in names and item[0] != NAME_LABEL)
    )


def _signature(labels: Labels, matching: Matching | None) -> Signature:
    if matching is None:
        return _kept(labels, (), keep=False)
    return _kept(labels, matching.labels, keep=matching.on)


def combine_sets(binary: Binary, left: list[Element], right: list[Element]) -> list[Element]:
    """Return `or`, `and` or `unless` of two vectors."""
    on_left = [_signature(element.labels, binary.matching) for element in left]
    on_right = [_signature(element.labels, binary.matching) for element in right]
    if binary.operator == "or":
        taken = set(on_left)
        added = [one for one, key in zip(right, on_right, strict=True) if key not in taken]
        return left + added
    present = set(on_right)
    wanted = binary.operator == "and"
    return [one for one, key in zip(left, on_left, strict=True) if (key in present) == wanted]


def combine_vectors(binary: Binary, left: list[Element], right: list[Element]) -> list[Element]:
    """Return an arithmetic or comparison operator between two vectors, paired one to one.

    Raises:
        EvaluationError: if an element has more than one partner.
    """
    if not left or not right:
        return []
    partners = {_signature(one.labels, binary.matching): one.value for one in right}
    if len(partners) < len(right):
        raise EvaluationError("found duplicate series for the match group on the right hand-side")
    found: list[Element] = []
    matched: set[Signature] = set()
    for one in left:
        key = _signature(one.labels, binary.matching)
        if key not in partners:
            continue
        value = apply(binary, one.value, partners[key])
        if value is None:
            continue
        if key in matched:
            raise EvaluationError("multiple matches for labels: many-to-one matching")
        matched.add(key)
        found.append(Element(_paired_labels(binary, one.labels), value))
    return found


def _paired_labels(binary: Binary, labels: Labels) -> dict[str, str]:
    matching = binary.matching
    if matching is not None:
        kept = _kept(labels, matching.labels, keep=matching.on)
        return dict(kept) | _name_of(binary, labels, matching)
    return dict(labels) if _keeps_name(binary) else without_name(labels)


def _name_of(binary: Binary, labels: Labels, matching: Matching) -> dict[str, str]:
    shown = _keeps_name(binary) and not matching.on and NAME_LABEL in labels
    return {NAME_LABEL: labels[NAME_LABEL]} if shown else {}


def _keeps_name(binary: Binary) -> bool:
    return binary.operator in COMPARE and not binary.returns_bool


def combine_scalar(
    binary: Binary, vector: Iterable[Element], scalar: float, *, scalar_left: bool
) -> list[Element]:
    """Return an operator between a vector and a scalar; a comparison keeps the vector's value."""
    found = []
    for element in vector:
        sides = (scalar, element.value) if scalar_left else (element.value, scalar)
        value = apply(binary, *sides)
        if value is None:
            continue
        if _keeps_name(binary):
            found.append(element)
        else:
            found.append(Element(without_name(element.labels), value))
    return unique(found)


def apply(binary: Binary, left: float, right: float) -> float | None:
    """Return an operator on two values; None if a comparison filters the left one out."""
    if binary.operator in ARITHMETIC:
        return ARITHMETIC[binary.operator](left, right)
    holds = COMPARE[binary.operator](left, right)
    if binary.returns_bool:
        return float(holds)
    return left if holds else None
