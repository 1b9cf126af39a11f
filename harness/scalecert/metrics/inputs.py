"""What the pipeline needs to know of a policy, and no more: its metrics, monitors and rules."""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.documents import Document
from scalecert.exporters.device import Device
from scalecert.hpa.types import HorizontalPodAutoscalerSpec
from scalecert.metrics.scrape_config import ScrapeConfig


@dataclass(frozen=True, slots=True)
class WantedMetric:
    """A metric that an HPA reads: `source` is its type (`Pods`, `External`, ...)."""

    source: str
    name: str

    @property
    def asked(self) -> str:
        """The name that the API asks its adapter for: an External one in lower case."""
        return self.name.lower() if self.source == "External" else self.name


@dataclass(frozen=True, slots=True)
class MetricsInput:
    """The metric side of a policy.

    Attributes:
        namespace: of the HPA and its pods.
        workload: the scaled object's name, `workload_kind` its kind.
        wanted: what the HPA reads.
        scrape_configs: of its monitors; empty: none in the input, the scenario's default holds.
        rules: documents of prometheus-adapter's configuration; empty: none in the input, the
            adapter's default rules hold.
        container: the engine's container, and `last_container` the last one of its pod.
        device: the accelerators of a replica; None if nobody knows them.
    """

    namespace: str
    workload: str
    wanted: tuple[WantedMetric, ...]
    scrape_configs: tuple[ScrapeConfig, ...] = ()
    rules: tuple[Document, ...] = ()
    workload_kind: str = "Deployment"
    container: str = ""
    last_container: str = ""
    device: Device | None = None

    @property
    def managed(self) -> bool:
        """Whether Managed Service for Prometheus scrapes for one of its monitors."""
        return any(config.google for config in self.scrape_configs)

    @property
    def reads_resources(self) -> bool:
        """Whether the HPA reads CPU or memory."""
        return any(metric.source in ("Resource", "ContainerResource") for metric in self.wanted)


def wanted_metrics(spec: HorizontalPodAutoscalerSpec) -> tuple[WantedMetric, ...]:
    """Return what an HPA reads, in the order of its metrics."""
    return tuple(WantedMetric(metric.type, metric.name) for metric in spec.metrics)
