"""Metric selectors of an HPA as conditions of a monitoring filter, or the adapter's refusals.

A port of `filterForSelector`, `GetExternalMetricProject` and the label checks around them
(custom-metrics-stackdriver-adapter, pkg/adapter/translator/query_builder.go). Called by
`StackdriverAdapter`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import Requirement, Selector
from scalecert.metrics.gke.request import Condition, ConditionOperator, one_of

REDUCERS = frozenset(
    f"REDUCE_{name}"
    for name in (
        "NONE", "MEAN", "MIN", "MAX", "SUM", "STDDEV", "COUNT", "COUNT_TRUE", "COUNT_FALSE",
        "FRACTION_TRUE", "PERCENTILE_99", "PERCENTILE_95", "PERCENTILE_50", "PERCENTILE_05",
    )
)  # fmt: skip
"""Cross-series reducers that a selector may ask for (`allowedReducers`)."""

_GO_OPERATORS = {">": "gt", "<": "lt"}
_COMPARISONS: Mapping[str, ConditionOperator] = {">": ">", "<": "<"}
_EQUALS = ("=", "==")


@dataclass(frozen=True, slots=True)
class AllowedLabels:
    """Which keys a selector may have: `PREFIX.label`, or one of the `names`."""

    prefixes: tuple[str, ...]
    names: tuple[str, ...]

    def allows(self, key: str) -> bool:
        """Tell whether a selector may compare this key."""
        return self.split(key) is not None or key in self.names

    def split(self, key: str) -> tuple[str, str] | None:
        """Return prefix and label of a key, None if it has no allowed prefix."""
        for prefix in self.prefixes:
            if key.startswith(f"{prefix}."):
                return prefix, key.removeprefix(f"{prefix}.")
        return None


CUSTOM_LABELS = AllowedLabels(("metric.labels",), ("reducer",))
EXTERNAL_LABELS = AllowedLabels(
    ("metric.labels", "resource.labels", "metadata.system_labels", "metadata.user_labels"),
    ("resource.type", "reducer"),
)


def label_not_allowed(label: str) -> MetricsError:
    """Return the answer to a label, or to a use of one, that is not allowed."""
    return MetricsError(f'Metric label: "{label}" is not allowed')


def project_of(selector: Selector, own: str) -> str:
    """Return the project to ask: the adapter's own, or the one that the selector names.

    Raises:
        MetricsError: for another operator on the project than equality.
    """
    for one in selector.requirements:
        if one.key == "resource.labels.project_id":
            if one.operator in _EQUALS:
                return one.values[0]
            used = _GO_OPERATORS.get(one.operator, one.operator)
            raise label_not_allowed(f"Project selector must use '=' or '==': You used {used}")
    return own


def conditions_of(selector: Selector, allowed: AllowedLabels) -> tuple[tuple[Condition, ...], str]:
    """Return a selector as conditions, and the reducer that it asks for (empty: none).

    Raises:
        MetricsError: for a key, operator or reducer that is not allowed.
    """
    conditions: list[Condition] = []
    reducer = ""
    for requirement in selector.requirements:
        if requirement.key == "reducer":
            reducer = _reducer(requirement)
        else:
            conditions.append(_condition(requirement, allowed))
    return tuple(conditions), reducer


def refuse_unechoed(selector: Selector) -> None:
    """Refuse operators that an answer of the custom metrics API can't repeat.

    Each of its values names its selector in structured form (`metricFor`), so this holds only
    where there is a value.

    Raises:
        MetricsError: for `!=`, `>` and `<`, none of which an HPA can send.
    """
    for one in selector.requirements:
        if one.operator in _GO_OPERATORS:
            operator = _GO_OPERATORS[one.operator]
            raise MetricsError(f'"{operator}" isn\'t supported in label selectors')
        if one.operator == "!=":
            raise MetricsError('"!=" is not a valid label selector operator')


def _reducer(requirement: Requirement) -> str:
    if requirement.operator not in _EQUALS:
        used = _GO_OPERATORS.get(requirement.operator, requirement.operator)
        raise label_not_allowed(f"Reducer must use '=' or '==': You used {used}")
    if requirement.values[0] not in REDUCERS:
        raise label_not_allowed(f"Specified reducer is not supported: {requirement.values[0]}")
    return requirement.values[0]


def _condition(requirement: Requirement, allowed: AllowedLabels) -> Condition:
    key, operator = requirement.key, requirement.operator
    if operator == "!":
        raise MetricsError("Label selector with operator DoesNotExist is not allowed")
    if operator == "exists":
        parts = allowed.split(key)
        if parts is None:
            raise label_not_allowed(key)
        return Condition(parts[0], "has", (parts[1],))
    if not allowed.allows(key):
        raise label_not_allowed(key)
    if operator in _COMPARISONS:
        return Condition(key, _COMPARISONS[operator], requirement.values)
    return one_of(key, sorted(requirement.values), negative=operator in ("!=", "notin"))
