"""Metrics that Google Cloud collects by itself, without any monitor, and keeps for containers.

`SystemStore` is where they lie; `CloudMonitoring` answers from it as from what was scraped. A run
has those of `scalecert.exporters` only.
"""

from __future__ import annotations

from collections.abc import Mapping

from scalecert.exporters.base import Chip, Readings, SystemMetrics
from scalecert.metrics.gke.request import Descriptor
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

    def late_seconds(self, metric_type: str) -> float:
        """Return how much later than other points a sample becomes visible."""
        return self.metrics.metrics[metric_type].late_seconds

    def is_whole(self, metric_type: str) -> bool:
        """Tell whether the metric's values are INT64."""
        return self.metrics.metrics[metric_type].value_type == "INT64"

    def label_names(self, metric_type: str) -> tuple[str, ...]:
        """Return the metric's labels, as its descriptor has them."""
        return self.metrics.metrics[metric_type].figure.info.labels

    def write(self, metric_type: str, chip: Chip, readings: Readings, now: float) -> None:
        """Add what an accelerator shows at `now`, if it shows this metric."""
        metric = self.metrics.metrics[metric_type]
        value = metric.figure.value(readings)
        if value is not None:
            labels = {**self.metrics.labels(chip), **_labels(chip), NAME_LABEL: metric_type}
            self.database.series(labels).append(now, value)
            self.database.prune(now)


def _labels(chip: Chip) -> Mapping[str, str]:
    """Return what says which container holds an accelerator, and what is recorded of its pod."""
    holder = chip.holder
    system = {
        "node_name": chip.node,
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
