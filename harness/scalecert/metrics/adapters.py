"""Which adapter answers for which metric, and what that takes.

Google's names go to custom-metrics-stackdriver-adapter, all others to prometheus-adapter. A real
cluster has one of the two behind the custom metrics API; a policy that uses both kinds of name is
answered as if each had its adapter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert import rng
from scalecert.exporters.base import SystemMetrics
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import CrossVersionObjectReference
from scalecert.metrics.adapter_config import effective_rules
from scalecert.metrics.canary import with_canary
from scalecert.metrics.conditions import GOOGLE_INGESTION_DELAY_SECONDS, MetricConditions
from scalecert.metrics.families import Catalogue
from scalecert.metrics.gke import GoogleAdapter, SystemStore
from scalecert.metrics.inputs import MetricsInput
from scalecert.metrics.names import is_google
from scalecert.metrics.needs import find_needs
from scalecert.metrics.prometheus_adapter import PrometheusAdapter
from scalecert.metrics.provider import MetricsProvider
from scalecert.metrics.tsdb import TimeSeriesDatabase

__all__ = ["GOOGLE_INGESTION_DELAY_SECONDS", "Adapters"]


class Adapters:
    """Every adapter of the cluster, as one provider over one storage.

    Attributes:
        families: the metric families that the policy's metrics are made of.
        database: where scrapes go.
        system: where system metrics go; None if there are none.

    Raises:
        UsageError: if a rule of prometheus-adapter is outside of the documented subset.
    """

    def __init__(
        self,
        policy: MetricsInput,
        catalogue: Catalogue,
        conditions: MetricConditions,
        seed: int,
        system: SystemMetrics | None = None,
    ) -> None:
        rules = effective_rules(policy.rules)
        for config in policy.scrape_configs:
            catalogue.add_names(config.metric_relabelings)
        needs = find_needs(policy.wanted, rules, (*catalogue, "up"))
        self.families = catalogue.families(needs.names)
        google_delay = _delay_seconds(conditions, GOOGLE_INGESTION_DELAY_SECONDS)
        managed = any(config.google for config in policy.scrape_configs)
        prometheus_delay = google_delay if managed else _delay_seconds(conditions, 0.0)
        relist = float(conditions.adapter_relist_interval)
        reach = max(needs.reach_seconds, 2 * relist) + google_delay
        self.database = TimeSeriesDatabase(reach)
        self.system = None if system is None else SystemStore(system, reach)
        self._google = GoogleAdapter(
            self.database, catalogue.kinds, delay_seconds=google_delay, system=self.system
        )
        self._prometheus = PrometheusAdapter(
            self.database,
            with_canary(rules),
            delay_seconds=prometheus_delay,
            relist_seconds=relist,
            relist_phase_seconds=rng.stream(seed, "adapter-relist").random() * relist,
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
        return self._google if is_google(metric) else self._prometheus


def _delay_seconds(conditions: MetricConditions, default: float) -> float:
    given = conditions.ingestion_delay
    return float(conditions.scrape_latency) + (default if given is None else float(given))
