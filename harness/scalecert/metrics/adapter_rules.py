"""One rule of prometheus-adapter: discovery, association, naming and querying.

Follows the adapter's pkg/naming (metric_namer.go, resource_converter.go, metrics_query.go). A
query is a template; what it may use is `QUERY_FIELDS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import Requirement, Selector
from scalecert.metrics.go_template import Template
from scalecert.metrics.kube_resources import find_resource, label_group, singular
from scalecert.metrics.promql import PromqlError, parse
from scalecert.metrics.promql.syntax import Expression
from scalecert.metrics.relabel import expand
from scalecert.metrics.tsdb import NAME_LABEL, Matcher

QUERY_FIELDS = ("Series", "LabelMatchers", "GroupBy", "LabelValuesByName", "GroupBySlice")
RESOURCE_FIELDS = ("Resource", "Group")
UNABLE = "Internal error occurred: unable to fetch metrics"


_Conditions: TypeAlias = Sequence[tuple[Matcher, str]]
"""Matchers with the values that they are made of, joined by bars."""


@dataclass(frozen=True, slots=True)
class LabelMapping:
    """Which labels of series name which resources.

    `overrides` is resource by label; `template` and its `pattern` cover all other labels.
    """

    overrides: Mapping[str, str]
    template: Template | None
    pattern: re.Pattern[str] | None
    namespaced: bool

    def label_of(self, resource: str) -> str:
        """Return the label that names a resource.

        Raises:
            MetricsError: if the rule maps no label to it.
        """
        for label, mapped in self.overrides.items():
            if mapped == resource:
                return label
        if self.template is None:
            raise MetricsError(UNABLE)
        return self.template.render(
            {"Resource": singular(resource), "Group": label_group(resource)}
        )

    def resources_of(self, labels: Iterable[str]) -> set[str]:
        """Return the resources that a series with these label names belongs to."""
        found = {self.overrides.get(label) or self._templated(label) for label in labels}
        return {resource for resource in found if resource is not None}

    def _templated(self, label: str) -> str | None:
        match = self.pattern.fullmatch(label) if self.pattern is not None else None
        return None if match is None else find_resource(match["resource"])


@dataclass(frozen=True, slots=True)
class DiscoveryRule:
    """A rule that can be applied.

    Attributes:
        matchers: of the series query.
        filters: (regex, wanted) on the series' name, searched anywhere in it.
        name_pattern: what a series' name must contain, and gives the API's name its groups.
        name_as: the API's name with references to these groups.
        mapping: labels to resources.
        query: the metrics query.
        replacements: (find, replace) on values by name, of External metrics.
    """

    matchers: tuple[Matcher, ...]
    filters: tuple[tuple[re.Pattern[str], bool], ...]
    name_pattern: re.Pattern[str]
    name_as: str
    mapping: LabelMapping
    query: Template
    replacements: tuple[tuple[str, str], ...] = ()

    def takes(self, series_name: str) -> bool:
        """Tell whether series of this name pass the query's condition on it and the filters."""
        on_name = (one for one in self.matchers if one.label == NAME_LABEL)
        return all(one.matches(series_name) for one in on_name) and all(
            (pattern.search(series_name) is not None) == wanted for pattern, wanted in self.filters
        )

    def api_name(self, series_name: str) -> str | None:
        """Return the metric's name in the API, None if the rule does not name this series."""
        match = self.name_pattern.search(series_name)
        return None if match is None else expand(self.name_as, match)

    def sample_query(self, series: str) -> Expression:
        """Return the query as it is for one pod.

        Raises:
            PromqlError: if it is outside of the documented subset.
        """
        sample = Matcher("pod", "=", "pod")
        return parse(self._text(series, [(sample, sample.value)], ["pod"]))

    def custom_query(
        self, series: str, resource: str, namespace: str, names: Sequence[str], selector: Selector
    ) -> Expression:
        """Return the query for objects of a resource; `namespace` empty for root-scoped ones.

        Raises:
            MetricsError: where the adapter can't build a query.
        """
        conditions = list(_conditions(selector))
        if namespace:
            label = self.mapping.label_of("namespaces")
            conditions.append((Matcher(label, "=", namespace), namespace))
        label = self.mapping.label_of(resource)
        joined = "|".join(names)
        conditions.append((Matcher(label, "=~" if len(names) > 1 else "=", joined), joined))
        return self._parsed(series, conditions, [label])

    def external_query(self, series: str, namespace: str, selector: Selector) -> Expression:
        """Return the query for an External metric.

        Raises:
            MetricsError: where the adapter can't build a query.
        """
        conditions = list(_conditions(selector))
        if self.mapping.namespaced:
            label = self.mapping.label_of("namespaces")
            conditions.append((Matcher(label, "=", namespace), namespace))
        return self._parsed(series, conditions, [])

    def _parsed(self, series: str, conditions: _Conditions, group_by: Sequence[str]) -> Expression:
        try:
            return parse(self._text(series, conditions, group_by))
        except PromqlError as error:
            raise MetricsError(UNABLE) from error

    def _text(self, series: str, conditions: _Conditions, group_by: Sequence[str]) -> str:
        by_name = {matcher.label: value for matcher, value in conditions}
        if not group_by:
            # Replacements are made for External metrics only, and not in LabelMatchers.
            for find, replace in self.replacements:
                by_name = {key: value.replace(find, replace) for key, value in by_name.items()}
        return self.query.render(
            {
                "Series": series,
                "LabelMatchers": ",".join(str(matcher) for matcher, _ in conditions),
                "GroupBy": ",".join(group_by),
                "LabelValuesByName": by_name,
                "GroupBySlice": list(group_by),
            }
        )


def _conditions(selector: Selector) -> Iterator[tuple[Matcher, str]]:
    """Yield each requirement of a metric selector as a matcher, with its values joined."""
    for requirement in selector.requirements:
        joined = "|".join(requirement.values)
        yield Matcher(requirement.key, _operator(requirement), joined), joined


def _operator(requirement: Requirement) -> str:
    """Return PromQL's operator; a set is an alternation, even of one value."""
    if requirement.operator in (">", "<"):
        raise MetricsError(UNABLE)
    negative = requirement.operator in ("!=", "notin", "exists")
    if requirement.operator in ("in", "notin"):
        return "!~" if negative else "=~"
    return "!=" if negative else "="
