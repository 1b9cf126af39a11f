"""custom-metrics-stackdriver-adapter: what it asks Cloud Monitoring, and what it answers the HPA.

    HPA -> ClusterApi -> StackdriverAdapter -> Monitoring (`CloudMonitoring` in a run)

A port of pkg/adapter/provider/provider.go as deploy/production/adapter_new_resource_model.yaml
starts it: `--use-new-resource-model=true --fallback-for-container-metrics=true`, no cache, no
distributions. docs/reference/gke-metric-path.md lists its facts with their places in the source;
fixtures/golden/gke holds answers of the real one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.gke.names import custom_metric_type, external_metric_type
from scalecert.metrics.gke.request import (
    K8S_CONTAINER,
    MAX_PODS_PER_REQUEST,
    Cluster,
    Condition,
    Descriptor,
    Schema,
    TimeSeriesRequest,
    make_request,
    pod_conditions,
    refuse_distributions,
    schema_of,
)
from scalecert.metrics.gke.response import (
    TimeSeries,
    internal_error,
    milli_of,
    pod_totals,
    require_one_container,
)
from scalecert.metrics.gke.selectors import (
    CUSTOM_LABELS,
    EXTERNAL_LABELS,
    conditions_of,
    project_of,
    refuse_unechoed,
)
from scalecert.metrics.kube_resources import find_resource
from scalecert.metrics.provider import metric_not_found


class Monitoring(Protocol):
    """Cloud Monitoring, as far as the adapter uses it."""

    def describe(self, project: str, metric_type: str) -> Descriptor | None:
        """Return the descriptor of a metric type, None if the project has none."""
        ...

    def list_time_series(self, request: TimeSeriesRequest, now: float) -> Sequence[TimeSeries]:
        """Return the series of a request that is made at `now`.

        Raises:
            MetricsError: if Cloud Monitoring refuses the request.
        """
        ...


@dataclass(frozen=True, slots=True)
class _PodQuery:
    """A question about pods' series, asked in as many requests as its pods take."""

    monitoring: Monitoring
    cluster: Cluster
    metric_type: str
    descriptor: Descriptor
    namespace: str
    selector: Selector
    now: float

    def answers(self, schema: Schema, pods: Sequence[str]) -> Iterator[Sequence[TimeSeries]]:
        """Yield Cloud Monitoring's answer for every `MAX_PODS_PER_REQUEST` pods."""
        for first in range(0, len(pods), MAX_PODS_PER_REQUEST):
            refuse_distributions(self.descriptor, "distributions are not supported")
            chosen, reducer = conditions_of(self.selector, CUSTOM_LABELS)
            chunk = pods[first : first + MAX_PODS_PER_REQUEST]
            conditions = pod_conditions(
                schema, self.metric_type, self.cluster, self.namespace, chunk
            )
            request = make_request(
                self.cluster.project, (*chosen, *conditions), self.descriptor, reducer, self.now
            )
            yield self.monitoring.list_time_series(request, self.now)

    def values(self, series: Sequence[TimeSeries], pods: Sequence[str]) -> dict[str, int]:
        """Return one answer's values by the pods' names; pods without a series are left out."""
        totals = pod_totals(series)
        keys = {pod: f"{self.namespace}:{pod}" for pod in pods}
        found = {pod: totals[key] for pod, key in keys.items() if key in totals}
        if found:
            refuse_unechoed(self.selector)
        return found


class StackdriverAdapter:
    """The adapter over any Cloud Monitoring."""

    def __init__(self, monitoring: Monitoring, cluster: Cluster) -> None:
        self._monitoring = monitoring
        self._cluster = cluster

    def pod_metrics(
        self, metric: str, namespace: str, pods: Sequence[str], selector: Selector, now: float
    ) -> Mapping[str, int]:
        """Return the metric of each of the pods that has one, by the pod's name.

        Raises:
            MetricsError: if the metric has no descriptor or is a distribution, or the selector is
                not allowed, or Cloud Monitoring refuses a request.
        """
        query = self._pod_query(metric, namespace, selector, now)
        values: dict[str, int] = {}
        for series in query.answers(schema_of(query.metric_type), pods):
            values |= query.values(series, pods)
        if values:
            return values
        # Pods of which nothing is known may be measured by container.
        for series in query.answers(K8S_CONTAINER, pods):
            require_one_container(series, metric)
            values |= query.values(series, pods)
        return values

    def object_metric(
        self,
        metric: str,
        namespace: str,
        described: CrossVersionObjectReference,
        selector: Selector,
        now: float,
    ) -> int:
        """Return the metric of one pod; the adapter serves no other kind of object to an HPA.

        Raises:
            MetricsError: for another kind of object, a pod without the metric, and as
                `pod_metrics`.
        """
        resource = find_resource(described.kind) or f"{described.kind.lower()}s"
        if resource != "pods":
            # Only a Namespace is asked for without a namespace.
            scope = "root scoped" if resource == "namespaces" else "namespaced"
            operation = f'Get {scope} metric by name for resource \\"{resource}\\"'
            raise MetricsError(f'Operation: "{operation}" is not implemented')
        query = self._pod_query(metric, namespace, selector, now)
        [series] = query.answers(schema_of(query.metric_type), [described.name])
        if not series:
            [series] = query.answers(K8S_CONTAINER, [described.name])
            require_one_container(series, metric)
        totals = pod_totals(series)
        if not totals:
            raise metric_not_found(metric, "pods", described.name)
        if len(totals) > 1:
            raise internal_error(
                f'Expected exactly one value for resource "{described.name}" in namespace '
                f'"{namespace}", but received {len(totals)} values'
            )
        refuse_unechoed(selector)
        return next(iter(totals.values()))

    def external_metrics(
        self,
        metric: str,
        namespace: str,  # noqa: ARG002 - Cloud Monitoring is asked for the whole project
        selector: Selector,
        now: float,
    ) -> Sequence[int]:
        """Return one value per series, or one in all if the selector names a reducer.

        Nothing but the selector ties the series to a cluster, a namespace or living pods.

        Raises:
            MetricsError: as `pod_metrics`.
        """
        metric_type = external_metric_type(metric)
        descriptor = self._descriptor(metric_type, selector)
        refuse_distributions(descriptor, "Distributions are not supported")
        chosen, reducer = conditions_of(selector, EXTERNAL_LABELS)
        conditions = (Condition("metric.type", "=", (metric_type,)), *chosen)
        project = project_of(selector, self._cluster.project)
        request = make_request(project, conditions, descriptor, reducer, now)
        return [milli_of(one.value) for one in self._monitoring.list_time_series(request, now)]

    def _pod_query(self, metric: str, namespace: str, selector: Selector, now: float) -> _PodQuery:
        metric_type = custom_metric_type(metric)
        descriptor = self._descriptor(metric_type, selector)
        return _PodQuery(
            self._monitoring, self._cluster, metric_type, descriptor, namespace, selector, now
        )

    def _descriptor(self, metric_type: str, selector: Selector) -> Descriptor:
        """Return a metric's descriptor (`GetMetricKind`); by default it is never cached."""
        project = project_of(selector, self._cluster.project)
        descriptor = self._monitoring.describe(project, metric_type)
        if descriptor is None:
            raise MetricsError(
                f'the server could not find the descriptor for metric "{metric_type}"'
            )
        return descriptor
