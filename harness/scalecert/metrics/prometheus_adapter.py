"""prometheus-adapter: custom and external metrics out of Prometheus, by discovery rules.

Every relist interval the adapter lists the series of the last interval that its rules take; only
what it found then can be asked for. Follows the adapter's pkg/custom-provider and
pkg/external-provider.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.adapter_config import AdapterRules
from scalecert.metrics.adapter_rules import UNABLE, DiscoveryRule
from scalecert.metrics.kube_resources import ROOT_SCOPED, find_resource, group_resource
from scalecert.metrics.prometheus import Prometheus
from scalecert.metrics.promql import Element, EvaluationError, Expression
from scalecert.metrics.provider import metric_not_found, to_milli
from scalecert.metrics.tsdb import NAME_LABEL


@dataclass(frozen=True, slots=True)
class _Found:
    """A metric that discovery found: its rule, and the series' name to query."""

    rule: DiscoveryRule
    series: str


_Key: TypeAlias = tuple[str, bool, str]
"""Resource, whether namespaced, the API's metric name."""


class PrometheusAdapter:
    """The adapter.

    Args:
        prometheus: whom it asks.
        rules: the adapter's configuration.
        relist_seconds: time between two discoveries.
        relist_phase_seconds: when the first is, in [0, relist_seconds).
    """

    def __init__(
        self,
        prometheus: Prometheus,
        rules: AdapterRules,
        *,
        relist_seconds: float,
        relist_phase_seconds: float,
    ) -> None:
        self._prometheus = prometheus
        self._rules = rules
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
            return self._prometheus.query(query, now)
        except EvaluationError as error:
            raise MetricsError(UNABLE) from error

    def _relist(self, now: float) -> None:
        """Bring discovery to the newest relist at or before `now`.

        Prometheus still knows what was there at that time, so that nothing needs to be done at
        the relist itself. Where it does not answer, what was found before stands.
        """
        elapsed = now - self._relist_phase_seconds
        due = self._relist_phase_seconds + (
            math.floor(elapsed / self._relist_seconds) * self._relist_seconds
        )
        if due <= self._listed_at:
            return
        self._listed_at = due
        with suppress(EvaluationError):
            self._custom, self._external = self._custom_at(due), self._external_at(due)

    def _custom_at(self, time: float) -> dict[_Key, _Found]:
        found: dict[_Key, _Found] = {}
        for rule in self._rules.rules:
            for name, labels in self._listed(rule, time):
                found |= _custom_metrics(rule, name, labels)
        return found

    def _external_at(self, time: float) -> dict[str, _Found]:
        return {
            api_name: _Found(rule, name)
            for rule in self._rules.external
            for name, _ in self._listed(rule, time)
            if (api_name := rule.api_name(name)) is not None
        }

    def _listed(self, rule: DiscoveryRule, time: float) -> dict[tuple[str, frozenset[str]], None]:
        """Return name and label names of what a rule takes, with a sample since the last relist.

        They are the keys, in order; the adapter leaves the labels' values out, too.
        """
        return {
            (labels[NAME_LABEL], frozenset(labels) - {NAME_LABEL}): None
            for labels in self._prometheus.series(rule.matchers, time - self._relist_seconds, time)
            if rule.takes(labels[NAME_LABEL])
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
