"""What the pipeline needs to know of a policy, and no more: its metrics, monitors and rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scalecert.documents import Document
from scalecert.hpa.types import HorizontalPodAutoscalerSpec, MetricSpec
from scalecert.metrics.scrape_config import ScrapeConfig


@dataclass(frozen=True, slots=True)
class WantedMetric:
    """A metric that an HPA reads: `source` is its type (`Pods`, `External`, ...)."""

    source: str
    name: str


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
    """

    namespace: str
    workload: str
    wanted: tuple[WantedMetric, ...]
    scrape_configs: tuple[ScrapeConfig, ...] = ()
    rules: tuple[Document, ...] = ()
    workload_kind: str = "Deployment"

    @property
    def reads_resources(self) -> bool:
        """Whether the HPA reads CPU or memory."""
        return any(metric.source in ("Resource", "ContainerResource") for metric in self.wanted)


def wanted_metrics(spec: HorizontalPodAutoscalerSpec) -> tuple[WantedMetric, ...]:
    """Return what an HPA reads, in the order of its metrics."""
    return tuple(_wanted(spec.metrics or ()))


def _wanted(metrics: Iterable[MetricSpec]) -> Iterator[WantedMetric]:
    for metric in metrics:
        for identified in (metric.pods, metric.object, metric.external):
            if identified is not None:
                yield WantedMetric(metric.type, identified.metric.name)
        for resource in (metric.resource, metric.container_resource):
            if resource is not None:
                yield WantedMetric(metric.type, resource.name)
