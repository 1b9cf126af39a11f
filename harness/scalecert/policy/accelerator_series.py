"""What is known of the series of accelerators that a policy can read, and what metrics they make.

`policy.accelerators` finds them; `policy.exposure` asks here for what the engine does not expose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scalecert.engines.base import MetricInfo
from scalecert.hpa.types import MetricIdentifier, MetricSpec
from scalecert.metrics.families import UNKNOWN
from scalecert.metrics.gke import PREFIX
from scalecert.metrics.gke.names import external_metric_type
from scalecert.metrics.names import ParsedName
from scalecert.metrics.promql import selectors
from scalecert.metrics.promql.syntax import Expression
from scalecert.policy.exposed_metric import Exposure, google_name, selected_labels


@dataclass(frozen=True, slots=True)
class AcceleratorSeries:
    """A series of accelerators as it is stored.

    Attributes:
        info: of the family, under the name that is stored.
        labels: names of all its labels.
        of_pods: whether its pod label names the pod that holds the accelerator.
        held_by: the labels that say which container holds it, with their values for the policy's;
            where a scrape attaches labels of the exporter's pod beside them, those too.
        exporter: whose it is; empty for a system metric.
        origin: the name as exposed.
    """

    info: MetricInfo
    labels: frozenset[str]
    of_pods: bool
    held_by: Mapping[str, str]
    exporter: str
    origin: str


@dataclass(frozen=True, slots=True)
class AcceleratorMetrics:
    """Everything that a policy can read of its accelerators.

    Attributes:
        scraped: by the name that is stored.
        system: Google Cloud's own, by metric type.
        absent: names that are known and not there, with the reason and what to do.
        per_replica: accelerators of a replica.
    """

    scraped: Mapping[str, AcceleratorSeries]
    system: Mapping[str, AcceleratorSeries]
    absent: Mapping[str, tuple[str, str]]
    per_replica: int

    def knows(self, name: str, parsed: ParsedName) -> bool:
        """Tell whether something is known of what a metric's name means."""
        own = _own_name(name, parsed)
        return own in self.scraped or own in self.system or own in self.absent

    def stored(self, name: str) -> AcceleratorSeries | None:
        """Return the series of a name or metric type, None if there is none."""
        return self.scraped.get(name) or self.system.get(name)

    def renamed(self, origin: str) -> str | None:
        """Return another name under which a family is stored, None if there is none."""
        names = (name for name, one in self.scraped.items() if one.origin == origin)
        return next((name for name in names if name != origin), None)

    def missing(self, name: str) -> Exposure:
        """Return why nothing makes a metric of a series that is known."""
        reason, hint = self.absent.get(name, (f"no rule of prometheus-adapter shows {name}", ""))
        return Exposure(False, name, reason=reason, hint=hint)

    def by_rule(self, exposure: Exposure, query: Expression, spec: MetricSpec) -> Exposure:
        """Return the exposure of a series that is there, and that a rule makes a metric of."""
        info = exposure.info
        asked = {one.label for selector in selectors(query) for one in selector.matchers}
        if info is not None and asked.isdisjoint(_HOLDERS):
            info = _known_to(info, spec)
        return replace(exposure, info=info, accelerators=self.per_replica)

    def exposure(self, name: str, parsed: ParsedName, spec: MetricSpec) -> Exposure:
        """Return whether a metric by one of Google's names can exist, if `knows` has it."""
        name = _own_name(name, parsed)
        series = self.stored(name)
        if series is None:
            return replace(self.missing(name), series=parsed.prometheus_name)
        if parsed.prometheus_name is not None and not _writes(series.info.kind, parsed.metric_type):
            reason = f"{name} is of kind {series.info.kind}, the name says {parsed.metric_type}"
            return Exposure(False, name, reason=reason, hint=google_name(series.info))
        if spec.external is None and not series.of_pods:
            return Exposure(False, name, reason=not_of_pods(series), hint=_USE_EXTERNAL)
        if wrong := _other_holder(series, spec.identifier):
            return Exposure(False, parsed.prometheus_name, reason=wrong[0], hint=wrong[1])
        info = _known_to(series.info, spec)
        return Exposure(True, parsed.prometheus_name, info, accelerators=self.per_replica)


NO_ACCELERATORS = AcceleratorMetrics({}, {}, {}, 1)

_USE_EXTERNAL = "use type External, and metric.labels.exported_namespace in its selector"
_HOLDERS = frozenset({"exported_namespace", "exported_pod", "namespace_name", "pod_name"})
"""Labels that say whose accelerators a series is of."""


def _own_name(name: str, parsed: ParsedName) -> str:
    """Return the name by which series or metric types are kept here."""
    return parsed.prometheus_name or external_metric_type(name)


def not_of_pods(series: AcceleratorSeries) -> str:
    """Return why a series has no value for the pods that are scaled."""
    return f"the pod of {series.info.name} is the exporter's, not the one that is scaled"


def _known_to(info: MetricInfo, spec: MetricSpec) -> MetricInfo:
    """Return what is known of a family as an HPA reads it.

    Neighbours have such series too: without a condition on whose they are, nobody knows how high
    an External metric rises.
    """
    if spec.external is None or _names_holder(spec.external.metric):
        return info
    return replace(info, maximum=None)


def _names_holder(identifier: MetricIdentifier) -> bool:
    """Tell whether a selector keeps the series of other pods out."""
    return any(
        label.rpartition(".")[2] in _HOLDERS or label.startswith("metadata.")
        for label in selected_labels(identifier)
    )


def _other_holder(
    series: AcceleratorSeries, identifier: MetricIdentifier | None
) -> tuple[str, str] | None:
    """Return why a selector leaves the policy's own series out, and what to do; None if not."""
    selector = identifier.selector if identifier is not None else None
    for label, value in (selector.match_labels if selector is not None else {}).items():
        bare = label.rpartition(".")[2]
        own = series.held_by.get(bare, value)
        if own == value:
            continue
        pods = f"exported_{bare}"
        hint = f"{pods} is the pods' own" if pods in series.labels else f"write {own}"
        return f"its series have {bare}={own}, the selector asks for {value}", hint
    return None


def _writes(kind: str, metric_type: str) -> bool:
    """Tell whether a series of a kind has such a suffix in its metric type."""
    return metric_type == kind or (kind == UNKNOWN and metric_type == f"{UNKNOWN}:counter")


def never_asked_for(accelerators: AcceleratorMetrics, series: str) -> Exposure:
    """Return why an External metric with upper-case letters is never found."""
    renamed = accelerators.renamed(series) or series.lower()
    return Exposure(
        False,
        series,
        reason=f"the HPA asks for External metrics in lower case, and there is no {series.lower()}",
        hint=f"let the monitor's metricRelabeling rename {series} to {renamed}, and write"
        f" {PREFIX}|{renamed}|{UNKNOWN}",
    )
