"""Google's path: Managed Service for Prometheus read by custom-metrics-stackdriver-adapter.

    scrapes -> `CloudMonitoring` -> `StackdriverAdapter` -> the metrics APIs

`GoogleAdapter` is the two of them: what the adapter would answer at a time.
docs/reference/gke-metric-path.md says of each fact where it is in the source, and what is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping

from scalecert.metrics.gke.adapter import StackdriverAdapter
from scalecert.metrics.gke.cloud_monitoring import CloudMonitoring
from scalecert.metrics.gke.names import PREFIX, GoogleMetric
from scalecert.metrics.gke.request import REQUEST_WINDOW_SECONDS, Cluster
from scalecert.metrics.gke.system_metrics import SystemStore
from scalecert.metrics.tsdb import TimeSeriesDatabase

__all__ = ["PREFIX", "REQUEST_WINDOW_SECONDS", "GoogleAdapter", "GoogleMetric", "SystemStore"]


class GoogleAdapter(StackdriverAdapter):
    """The adapter over a storage that Managed Service for Prometheus fills.

    Args:
        database: what was scraped.
        kinds: per exposed name whether it is a `gauge`, `counter` or `histogram`.
        delay_seconds: from a scrape to its visibility in Cloud Monitoring.
        system: what Google Cloud collects by itself; None if nothing of it is read.
    """

    def __init__(
        self,
        database: TimeSeriesDatabase,
        kinds: Mapping[str, str],
        *,
        delay_seconds: float,
        system: SystemStore | None = None,
    ) -> None:
        monitoring = CloudMonitoring(database, kinds, delay_seconds=delay_seconds, system=system)
        super().__init__(monitoring, Cluster())
