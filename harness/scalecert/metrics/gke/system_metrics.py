"""Metrics that Google Cloud collects by itself, without any monitor, and keeps for containers.

`SystemStore` is where they lie; `CloudMonitoring` answers from it as from what was scraped. A run
has those of `scalecert.exporters` only.
"""

from __future__ import annotations

from collections.abc import Mapping

from scalecert.exporters.base import Chip, Holder, Readings, SystemMetrics
from scalecert.metrics.gke.monitored_resources import K8S_CONTAINER
from scalecert.metrics.gke.request import Descriptor
from scalecert.metrics.gke.stored_metric import StoredMetric
from scalecert.metrics.tsdb import NAME_LABEL, TimeSeriesDatabase


class SystemStore:
    """Samples of system metrics, by metric type.

    Labels of the resource and of the metric never share a name: one mapping is both. Labels below
    `metadata` have their whole field as name.

    Args:
        metrics: which there are.
        retention_seconds: how far back requests reach.
    """

    def __init__(self, metrics: SystemMetrics, retention_seconds: float) -> None:
        self.metrics = metrics
        latest = max(one.late_seconds for one in metrics.metrics.values())
        self.database = TimeSeriesDatabase(retention_seconds + latest)

    def describe(self, metric_type: str) -> Descriptor | None:
        """Return a metric type's descriptor, which every project has from the start."""
        metric = self.metrics.metrics.get(metric_type)
        return None if metric is None else Descriptor("GAUGE", metric.value_type)

    def stored(self, metric_type: str, delay_seconds: float) -> StoredMetric | None:
        """Return where a metric type's series lie, None if it is not one of these.

        Args:
            metric_type: `kubernetes.io/container/accelerator/...`.
            delay_seconds: until other points are visible.
        """
        metric = self.metrics.metrics.get(metric_type)
        if metric is None:
            return None
        return StoredMetric(
            self.database,
            metric_type,
            K8S_CONTAINER,
            delay_seconds + metric.late_seconds,
            whole=metric.value_type == "INT64",
            labels=metric.figure.info.labels,
        )

    def write(self, metric_type: str, chip: Chip, readings: Readings, now: float) -> None:
        """Add what an accelerator shows at `now`, if it shows this metric."""
        metric = self.metrics.metrics[metric_type]
        value = metric.figure.value(readings)
        if value is not None:
            labels = {**self.metrics.labels(chip), **resource_labels(chip.holder, chip.node)}
            self.add(metric_type, labels, value, now)

    def add(self, metric_type: str, labels: Mapping[str, str], value: float, now: float) -> None:
        """Add a sample; `labels` are those of the metric and of its resource."""
        self.database.series({**labels, NAME_LABEL: metric_type}).append(now, value)
        self.database.prune(now)


def resource_labels(holder: Holder, node: str) -> Mapping[str, str]:
    """Return what says which container holds an accelerator, and what is recorded of its pod."""
    system = {
        "node_name": node,
        "top_level_controller_name": holder.controller_name,
        "top_level_controller_type": holder.controller_kind,
    }
    return {
        "project_id": "project",
        "location": "location",
        "cluster_name": "cluster",
        "namespace_name": holder.namespace,
        "pod_name": holder.pod,
        "container_name": holder.container,
        **{f"metadata.system_labels.{name}": value for name, value in system.items()},
        **{f"metadata.user_labels.{name}": value for name, value in holder.pod_labels.items()},
    }
