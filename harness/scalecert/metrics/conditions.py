"""Conditions of the metric pipeline: the part of a scenario that says how late and how often.

A world builds its `Pipeline` with these; a scenario's YAML may set each of them.
"""

from __future__ import annotations

from typing import Literal

from scalecert.documents import DocumentPart, require
from scalecert.scalars import default
from scalecert.units import Duration

GOOGLE_INGESTION_DELAY_SECONDS = 5.0
"""See `MetricConditions.ingestion_delay`."""

CANARY_INTERVAL_SECONDS = 15.0
"""How often the harness has its canary scraped, whatever the policy's monitors ask for."""

LEAST_INTERVAL_SECONDS = 0.1
"""Of anything that happens again and again in a run: a tenth of Prometheus' usual least, 1 s."""

PipelinePart = Literal["scrape", "adapter"]
"""See `Outage`."""


class Outage(DocumentPart, frozen=True):
    """A span of the run in which a part of the harness's own metric pipeline is down.

    `scrape`: nothing is collected, by Prometheus or by metrics-server, and no series is marked as
    ended; what was stored before is still served for as long as it lasts. `adapter`: the custom,
    external and resource metrics APIs answer every request with an error. A Prometheus that is
    gone is both. The autoscaler sees what a real one would; as the fault is not the policy's, a
    run that loses more than a few syncs to it is inconclusive.
    """

    part: PipelinePart
    start: Duration
    duration: Duration

    def covers(self, now: float) -> bool:
        """Tell whether the part is down at `now`."""
        return self.start <= now < self.start + self.duration


class Neighbours(DocumentPart, frozen=True):
    """Pods of another namespace on the same kind of accelerators, which work all the time.

    They are seen in series of accelerators only. Two by default: an External metric reads its whole
    project, and a selector that does not name the policy's own pods is found out only where there
    are others. `utilization` is the share of the time in which their accelerators work.
    """

    replicas: int = 2
    utilization: float = 0.9

    def __post_init__(self) -> None:
        """Refuse numbers that no cluster has."""
        some = 0 <= self.replicas <= 1000
        require(some, f"found neighbours.replicas {self.replicas}, expected 0 to 1000")
        share = 0 <= self.utilization <= 1
        require(share, f"found neighbours.utilization {self.utilization:g}, expected 0 to 1")


class MetricConditions(DocumentPart, frozen=True):
    """How metrics travel from a pod to the autoscaler.

    `scrape_interval` holds where the policy brings no PodMonitoring, PodMonitor or ServiceMonitor
    (15 s is what GKE's inference guides set). `scrape_latency` is the time one scrape takes
    (assumed). `target_discovery` is how long a pod that comes in the run waits to become a target
    (Prometheus applies discovery updates every 5 s: `discovery.Manager`, `updatert`).

    `ingestion_delay` is the time from a scrape to its visibility in queries. None: 5 s through
    Managed Service for Prometheus, the middle of the 3 to 7 s that Google states (Horizontal pod
    autoscaling, cloud.google.com/stackdriver/docs/managed-prometheus/hpa), and 0 s in a plain
    Prometheus. `adapter_relist_interval` is how often prometheus-adapter looks for new series
    (`--metrics-relist-interval`, 1 m in its Helm chart).

    `resource_resolution` is metrics-server's `--metric-resolution` (15 s by default).

    `outages` are failures of the pipeline itself.
    """

    scrape_interval: Duration = default(Duration(15.0))
    scrape_latency: Duration = default(Duration(0.05))
    target_discovery: Duration = default(Duration(5.0))
    ingestion_delay: Duration | None = None
    adapter_relist_interval: Duration = default(Duration(60.0))
    resource_resolution: Duration = default(Duration(15.0))
    outages: tuple[Outage, ...] = ()

    def __post_init__(self) -> None:
        """Refuse intervals of next to no time: a run would never end."""
        check_interval("scrapeInterval", self.scrape_interval)
        check_interval("adapterRelistInterval", self.adapter_relist_interval)
        check_interval("resourceResolution", self.resource_resolution)

    def ingestion_seconds(self, *, managed: bool) -> float:
        """Return the time from a scrape to its visibility in queries.

        Args:
            managed: whether Managed Service for Prometheus does the scraping.
        """
        if self.ingestion_delay is not None:
            return float(self.ingestion_delay)
        return GOOGLE_INGESTION_DELAY_SECONDS if managed else 0.0

    def is_down(self, part: PipelinePart, now: float) -> bool:
        """Tell whether a part of the pipeline is down at `now`, seconds of the run."""
        return any(outage.part == part and outage.covers(now) for outage in self.outages)


def check_interval(name: str, seconds: float) -> None:
    """Raise ValueError for an interval that is shorter than `LEAST_INTERVAL_SECONDS`."""
    expected = f"expected {LEAST_INTERVAL_SECONDS * 1000:g}ms or more"
    require(seconds >= LEAST_INTERVAL_SECONDS, f"found {name} {seconds:g}s, {expected}")
