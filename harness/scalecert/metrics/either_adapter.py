"""Two adapters as one provider: which of them answers for a metric, its name says.

Google's names go to custom-metrics-stackdriver-adapter, all others to prometheus-adapter. A real
cluster has one of the two behind the custom metrics API; a policy that uses both kinds of name is
answered as if each had its adapter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.names import is_google
from scalecert.metrics.provider import MetricsProvider


class EitherAdapter:
    """Both adapters of a cluster, as a `MetricsProvider`."""

    def __init__(self, google: MetricsProvider, prometheus: MetricsProvider) -> None:
        self._google = google
        self._prometheus = prometheus

    def pod_metrics(
        self, metric: str, namespace: str, pods: Sequence[str], selector: Selector, now: float
    ) -> Mapping[str, int]:
        """Return the metric of each of the pods that has one, by the pod's name."""
        return self._adapter_of(metric).pod_metrics(metric, namespace, pods, selector, now)

    def object_metric(
        self,
        metric: str,
        namespace: str,
        described: CrossVersionObjectReference,
        selector: Selector,
        now: float,
    ) -> int:
        """Return the metric of one object."""
        adapter = self._adapter_of(metric)
        return adapter.object_metric(metric, namespace, described, selector, now)

    def external_metrics(
        self, metric: str, namespace: str, selector: Selector, now: float
    ) -> Sequence[int]:
        """Return the values of every series of an external metric."""
        return self._adapter_of(metric).external_metrics(metric, namespace, selector, now)

    def _adapter_of(self, metric: str) -> MetricsProvider:
        return self._google if is_google(metric) else self._prometheus
