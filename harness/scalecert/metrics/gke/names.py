"""Names of Google's path: what an HPA writes, and what Cloud Monitoring knows.

Sources: GoogleCloudPlatform/k8s-stackdriver, custom-metrics-stackdriver-adapter (the adapter), and
GoogleCloudPlatform/prometheus, google/export/series_cache.go (what the collectors write).
"""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "prometheus.googleapis.com"


@dataclass(frozen=True, slots=True)
class GoogleMetric:
    """A metric type of Managed Service for Prometheus: `name` as exposed, `kind` its suffix."""

    name: str
    kind: str

    @classmethod
    def parse(cls, metric: str) -> GoogleMetric | None:
        """Return what `prometheus.googleapis.com|NAME|KIND` names, None if it is another name."""
        parts = external_metric_type(metric).split("/")
        return cls(parts[1], parts[2]) if len(parts) == 3 and parts[0] == PREFIX else None


def custom_metric_type(metric: str) -> str:
    """Return the metric type that a Pods or Object metric names (`getCustomMetricName`)."""
    return external_metric_type(metric) if "|" in metric else f"custom.googleapis.com/{metric}"


def external_metric_type(metric: str) -> str:
    """Return the metric type that an External metric names (`getExternalMetricName`)."""
    return metric.replace("|", "/")
