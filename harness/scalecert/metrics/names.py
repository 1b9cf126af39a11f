"""Metric names of an HPA: which system answers for each, and which Prometheus series it means.

`prometheus.googleapis.com|NAME|KIND` is Managed Service for Prometheus, other names with bars or
slashes are Cloud Monitoring's own; all that is left goes to prometheus-adapter by its rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scalecert.metrics.gke import PREFIX, GoogleMetric

MetricKind = Literal["gke-prometheus", "gke-system", "adapter", "resource"]

GOOGLE_SUFFIXES = (
    "gauge",
    "counter",
    "unknown",
    "histogram",
    "summary",
    "unknown:counter",
    "summary:counter",
)
"""Kinds that Managed Service for Prometheus appends to a metric's name."""


@dataclass(frozen=True, slots=True)
class ParsedName:
    """What a metric's name says.

    Attributes:
        kind: which system answers for it.
        prometheus_name: the series' name in Prometheus; None where rules decide (`adapter`) or
            no Prometheus is involved.
        metric_type: the suffix of a Google name (`gauge`, `counter`, ...); empty otherwise.
        problem: why no such metric can exist, whatever is exposed; empty if it may.
    """

    kind: MetricKind
    prometheus_name: str | None = None
    metric_type: str = ""
    problem: str = ""


def is_google(name: str) -> bool:
    """Tell whether Google's adapter answers for a custom or external metric of this name.

    Only names of Cloud Monitoring have a slash, which the API writes as a bar.
    """
    return "|" in name or "/" in name


def parse_metric_name(name: str, source_type: str) -> ParsedName:
    """Return what the name of a metric of `source_type` (`Pods`, `External`, ...) means."""
    if source_type in ("Resource", "ContainerResource"):
        return ParsedName("resource")
    if not is_google(name):
        return ParsedName("adapter")
    if not name.startswith(PREFIX):
        return ParsedName("gke-system")
    google = GoogleMetric.parse(name)
    if google is None:
        return ParsedName(
            "gke-prometheus", problem=f"its name is not {PREFIX}|NAME|gauge, counter or the like"
        )
    if google.kind not in GOOGLE_SUFFIXES:
        problem = f"its name ends in |{google.kind}, not in one of {', '.join(GOOGLE_SUFFIXES)}"
        return ParsedName("gke-prometheus", google.name, google.kind, problem)
    return ParsedName("gke-prometheus", google.name, google.kind)
