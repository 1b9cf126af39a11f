"""The adapters over the storage of a run, and what it takes to answer a policy's metrics."""

from __future__ import annotations

from scalecert import rng
from scalecert.exporters.base import SystemMetrics
from scalecert.metrics.adapter_config import effective_rules
from scalecert.metrics.canary import with_canary
from scalecert.metrics.conditions import MetricConditions
from scalecert.metrics.either_adapter import EitherAdapter
from scalecert.metrics.families import Catalogue
from scalecert.metrics.gke import GoogleAdapter, SystemStore
from scalecert.metrics.inputs import MetricsInput
from scalecert.metrics.needs import find_needs
from scalecert.metrics.prometheus import StoredPrometheus
from scalecert.metrics.prometheus_adapter import PrometheusAdapter
from scalecert.metrics.tsdb import TimeSeriesDatabase


class Adapters(EitherAdapter):
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
        scrape_seconds = float(conditions.scrape_latency)
        google_delay = scrape_seconds + conditions.ingestion_seconds(managed=True)
        delay = scrape_seconds + conditions.ingestion_seconds(managed=policy.managed)
        relist = float(conditions.adapter_relist_interval)
        reach = max(needs.reach_seconds, 2 * relist) + google_delay
        self.database = TimeSeriesDatabase(reach)
        self.system = None if system is None else SystemStore(system, reach)
        google = GoogleAdapter(
            self.database, catalogue.kinds, delay_seconds=google_delay, system=self.system
        )
        prometheus = PrometheusAdapter(
            StoredPrometheus(self.database, delay),
            with_canary(rules),
            relist_seconds=relist,
            relist_phase_seconds=rng.stream(seed, "adapter-relist").random() * relist,
        )
        super().__init__(google, prometheus)
