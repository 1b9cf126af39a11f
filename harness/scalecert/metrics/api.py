"""The metrics APIs of the cluster: the raw answers that the HPA's REST client reads.

Last stage of the pipeline. `ClusterApi` finds the pods that a request selects, as an adapter does
by listing them, and lets the adapter answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from scalecert.hpa.metrics.client import (
    ContainerMetrics,
    ExternalMetricValue,
    MetricValue,
    PodMetrics,
)
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.pods import PodRegistry
from scalecert.metrics.provider import MetricsProvider, to_milliseconds
from scalecert.metrics.resource import MetricsServer


class ClusterApi:
    """The resource, custom and external metrics APIs at one time.

    Args:
        now: the time of the request, seconds of the run.
        pods: the pods that exist.
        provider: who serves custom and external metrics.
        resources: who serves resource metrics.
        available: whether the APIs are served at all; if not, every request fails.
    """

    def __init__(
        self,
        now: float,
        pods: PodRegistry,
        provider: MetricsProvider,
        resources: MetricsServer,
        *,
        available: bool = True,
    ) -> None:
        self._now = now
        self._pods = pods
        self._provider = provider
        self._resources = resources
        self._available = available

    def list_pod_metrics(self, namespace: str, selector: Selector) -> Sequence[PodMetrics]:
        """Return the usage of the selected pods that have been measured.

        Raises:
            MetricsError: where nothing serves the API.
        """
        self._require_service("pods.metrics.k8s.io")
        found = []
        for name in self._pods.names(namespace, selector):
            usage = self._resources.usage(name)
            if usage is not None:
                found.append(
                    PodMetrics(
                        name,
                        to_milliseconds(usage.time_seconds),
                        to_milliseconds(usage.window_seconds),
                        [ContainerMetrics(usage.container, usage.milli)],
                    )
                )
        return found

    def list_custom_metric(
        self, metric_name: str, namespace: str, selector: Selector, metric_selector: Selector
    ) -> Sequence[MetricValue]:
        """Return a custom metric of the selected pods that have it.

        Raises:
            MetricsError: where the adapter answers with an error.
        """
        self._require_service("pods.custom.metrics.k8s.io")
        names = self._pods.names(namespace, selector)
        values = self._provider.pod_metrics(
            metric_name, namespace, names, metric_selector, self._now
        )
        stamp = to_milliseconds(self._now)
        return [MetricValue(name, milli, stamp) for name, milli in values.items()]

    def get_custom_metric(
        self,
        metric_name: str,
        namespace: str,
        object_ref: CrossVersionObjectReference,
        metric_selector: Selector,
    ) -> MetricValue:
        """Return a custom metric of one object; of a Namespace only the HPA's own is ever asked.

        Raises:
            MetricsError: where the adapter answers with an error.
        """
        self._require_service(f"{object_ref.kind.lower()}s.custom.metrics.k8s.io")
        if object_ref.kind == "Namespace" and "/" not in object_ref.api_version:
            object_ref = replace(object_ref, name=namespace)
        milli = self._provider.object_metric(
            metric_name, namespace, object_ref, metric_selector, self._now
        )
        return MetricValue(object_ref.name, milli, to_milliseconds(self._now))

    def list_external_metric(
        self, metric_name: str, namespace: str, selector: Selector
    ) -> Sequence[ExternalMetricValue]:
        """Return the values of an external metric's series.

        The client puts the name into the URL as a resource, which client-go lower-cases: a metric
        with an upper-case letter in its name is never found.

        Raises:
            MetricsError: where the adapter answers with an error.
        """
        self._require_service(f"{metric_name.lower()}.external.metrics.k8s.io")
        stamp = to_milliseconds(self._now)
        values = self._provider.external_metrics(
            metric_name.lower(), namespace, selector, self._now
        )
        return [ExternalMetricValue(milli, stamp) for milli in values]

    def _require_service(self, resource: str) -> None:
        """Fail as client-go reports status 503 (`NewGenericServerResponse`, api/errors)."""
        if not self._available:
            raise MetricsError(
                f"the server is currently unable to handle the request (get {resource})"
            )
