"""Conditions of the metric pipeline: the part of a scenario that says how late and how often.

A world builds its `Pipeline` with these; a scenario's YAML may set each of them.
"""

from __future__ import annotations

from scalecert.documents import DocumentPart
from scalecert.scalars import default
from scalecert.units import Duration


class MetricConditions(DocumentPart, frozen=True):
    """How metrics travel from a pod to the autoscaler.

    `scrape_interval` holds where the policy brings no PodMonitoring, PodMonitor or ServiceMonitor
    (15 s is what GKE's inference guides set). `scrape_latency` is the time one scrape takes
    (assumed). `target_discovery` is how long a new pod waits to become a target (Prometheus
    applies discovery updates every 5 s: `discovery.Manager`, `updatert`).

    `ingestion_delay` is the time from a scrape to its visibility in queries. None: 5 s through
    Managed Service for Prometheus, the middle of the 3 to 7 s that Google states (Horizontal pod
    autoscaling, cloud.google.com/stackdriver/docs/managed-prometheus/hpa), and 0 s in a plain
    Prometheus. `adapter_relist_interval` is how often prometheus-adapter looks for new series
    (`--metrics-relist-interval`, 1 m in its Helm chart).

    `resource_resolution` is metrics-server's `--metric-resolution` (15 s by default).
    """

    scrape_interval: Duration = default(Duration(15.0))
    scrape_latency: Duration = default(Duration(0.05))
    target_discovery: Duration = default(Duration(5.0))
    ingestion_delay: Duration | None = None
    adapter_relist_interval: Duration = default(Duration(60.0))
    resource_resolution: Duration = default(Duration(15.0))
