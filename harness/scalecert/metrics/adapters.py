"""Which adapter answers for which metric, and which metric families that takes.

Google's names go to custom-metrics-stackdriver-adapter, all others to prometheus-adapter. A real
cluster has one of the two behind the custom metrics API; a policy that uses both kinds of name is
answered as if each had its adapter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.conditions import MetricConditions
from scalecert.metrics.families import Catalogue
from scalecert.metrics.gke import GoogleAdapter, GoogleMetric
from scalecert.metrics.inputs import MetricsInput
from scalecert.metrics.provider import MetricsProvider, metric_not_found
from scalecert.metrics.tsdb import TimeSeriesDatabase

GOOGLE_INGESTION_DELAY_SECONDS = 5.0
"""See `MetricConditions.ingestion_delay`."""


class Adapters:
    """Every adapter of the cluster, as one provider.

    Attributes:
        families: the metric families that the policy's metrics are made of.
    """

    def __init__(
        self,
        policy: MetricsInput,
        catalogue: Catalogue,
        conditions: MetricConditions,
        database: TimeSeriesDatabase,
    ) -> None:
        names = [GoogleMetric.parse(wanted.name) for wanted in policy.wanted]
        self.families = catalogue.families(one.name for one in names if one is not None)
        self._google = GoogleAdapter(
            database,
            catalogue.kinds,
            delay_seconds=_delay_seconds(conditions, GOOGLE_INGESTION_DELAY_SECONDS),
        )

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
        # Only names of Cloud Monitoring have a slash, which the API writes as a bar.
        if "|" not in metric:
            raise metric_not_found(metric, "pods")
        return self._google


def _delay_seconds(conditions: MetricConditions, default: float) -> float:
    given = conditions.ingestion_delay
    return float(conditions.scrape_latency) + (default if given is None else float(given))
