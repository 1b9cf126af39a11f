"""prometheus-adapter: custom and external metrics out of Prometheus, by discovery rules.

Every relist interval the adapter lists the series of the last interval that its rules take; only
what it found then can be asked for. Follows the adapter's pkg/custom-provider and
pkg/external-provider.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.adapter_config import AdapterRules
from scalecert.metrics.adapter_rules import UNABLE, DiscoveryRule
from scalecert.metrics.kube_resources import ROOT_SCOPED, find_resource, group_resource
from scalecert.metrics.promql import Element, EvaluationError, Expression, evaluate
from scalecert.metrics.provider import metric_not_found, to_milli
from scalecert.metrics.tsdb import TimeSeriesDatabase


@dataclass(frozen=True, slots=True)
class _Found:
    """A metric that discovery found: its rule, and the series' name to query."""

    rule: DiscoveryRule
    series: str


_Key: TypeAlias = tuple[str, bool, str]
"""Resource, whether namespaced, the API's metric name."""


class PrometheusAdapter:
    """The adapter over a storage that Prometheus fills.

    Args:
        database: what was scraped.
        rules: the adapter's configuration.
        delay_seconds: from a scrape to its visibility in queries.
        relist_seconds: time between two discoveries.
        relist_phase_seconds: when the first is, in [0, relist_seconds).
    """

    def __init__(
        self,
        database: TimeSeriesDatabase,
        rules: AdapterRules,
        *,
        delay_seconds: float,
        relist_seconds: float,
        relist_phase_seconds: float,
    ) -> None:
        self._database = database
        self._rules = rules
        self._delay_seconds = delay_seconds
        self._relist_seconds = relist_seconds
        self._relist_phase_seconds = relist_phase_seconds
        self._listed_at = -math.inf
        self._custom: dict[_Key, _Found] = {}
        self._external: Mapping[str, _Found] = {}

    def pod_metrics(
        self, metric: str, namespace: str, pods: Sequence[str], selector: Selector, now: float
    ) -> Mapping[str, int]:
        """Return the metric of each of the pods that has one, by the pod's name.

        Raises:
            MetricsError: if no rule has discovered the metric, no pod is asked for, or the query
                fails.
        """
        values = self._by_object(
            metric, namespace, pods, resource="pods", selector=selector, now=now
        )
        return {pod: to_milli(values[pod]) for pod in pods if pod in values}

    def object_metric(
        self,
        metric: str,
        namespace: str,
        described: CrossVersionObjectReference,
        selector: Selector,
        now: float,
    ) -> int:
        """Return the metric of one object.

        Raises:
            MetricsError: if no rule has discovered the metric for such an object, or it has none.
        """
        resource = find_resource(described.kind) or f"{described.kind.lower()}s"
        values = self._by_object(
            metric, namespace, [described.name], resource=resource, selector=selector, now=now
        )
        if described.name not in values:
            raise metric_not_found(metric, group_resource(resource), described.name)
        return to_milli(values[described.name])

    def external_metrics(
        self, metric: str, namespace: str, selector: Selector, now: float
    ) -> Sequence[int]:
        """Return the values of every series that the metric's query returns.

        Raises:
            MetricsError: if no rule has discovered the metric, or the query fails.
        """
        self._relist(now)
        found = self._external.get(metric)
        if found is None:
            raise metric_not_found(metric, "namespaces" if namespace == "default" else "")
        value = self._evaluate(found.rule.external_query(found.series, namespace, selector), now)
        elements = value if isinstance(value, list) else [Element({}, value)]
        return [to_milli(element.value) for element in elements]

    def _by_object(
        self,
        metric: str,
        namespace: str,
        names: Sequence[str],
        *,
        resource: str,
        selector: Selector,
        now: float,
    ) -> Mapping[str, float]:
        """Return the metric's values by the names of objects; the last one of each name counts."""
        self._relist(now)
        namespaced = resource not in ROOT_SCOPED
        found = self._custom.get((resource, namespaced, metric))
        if found is None or not names:
            raise metric_not_found(metric, group_resource(resource))
        query = found.rule.custom_query(
            found.series, resource, namespace if namespaced else "", names, selector
        )
        value = self._evaluate(query, now)
        if not isinstance(value, list):
            raise MetricsError(UNABLE)
        label = found.rule.mapping.label_of(resource)
        return {element.labels.get(label, ""): element.value for element in value}

    def _evaluate(self, query: Expression, now: float) -> float | list[Element]:
        try:
            return evaluate(query, self._database.at(now, self._delay_seconds), now)
        except EvaluationError as error:
            raise MetricsError(UNABLE) from error

    def _relist(self, now: float) -> None:
        """Bring discovery to the newest relist at or before `now`.

        The storage still holds what was there at that time, so that nothing needs to be done at
        the relist itself.
        """
        elapsed = now - self._relist_phase_seconds
        due = self._relist_phase_seconds + (
            math.floor(elapsed / self._relist_seconds) * self._relist_seconds
        )
        if due <= self._listed_at:
            return
        self._listed_at = due
        self._custom = {}
        for rule in self._rules.rules:
            for name, labels in self._listed(rule, due):
                self._custom |= _custom_metrics(rule, name, labels)
        self._external = {
            api_name: _Found(rule, name)
            for rule in self._rules.external
            for name, _ in self._listed(rule, due)
            if (api_name := rule.api_name(name)) is not None
        }

    def _listed(self, rule: DiscoveryRule, time: float) -> dict[tuple[str, frozenset[str]], None]:
        """Return name and label names of what a rule takes, with a sample since the last relist.

        They are the keys, in order; the adapter leaves the labels' values out, too.
        """
        view = self._database.at(time, self._delay_seconds)
        return {
            (series.name, frozenset(series.unnamed)): None
            for series in self._database.select(rule.matchers)
            if rule.takes(series.name)
            and view.newest(series, time, self._relist_seconds) is not None
        }


def _custom_metrics(
    rule: DiscoveryRule, series: str, labels: Collection[str]
) -> dict[_Key, _Found]:
    """Return the metrics that series of a name and label names are: one for each resource."""
    name = rule.api_name(series)
    if name is None:
        return {}
    resources = rule.mapping.resources_of(labels)
    in_namespace = "namespaces" in resources
    return {
        (resource, in_namespace and resource not in ROOT_SCOPED, name): _Found(rule, series)
        for resource in resources
    }
