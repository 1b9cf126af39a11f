"""Which series of accelerators a policy's metrics can be made of, known without running anything.

Exporters run beside the policy's pods and are no part of its manifests; its monitors decide which
of their series are stored, under which names and with which labels. Google Cloud's own metrics need
no monitor. `policy.exposure` asks here for what the engine does not expose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from scalecert.engines.base import MetricInfo
from scalecert.exporters.base import Chip, Exporter, Holder, Maker, Readings
from scalecert.exporters.device import Device
from scalecert.exporters.registry import exporters_of, system_metrics_of
from scalecert.hpa.types import MetricIdentifier, MetricSpec
from scalecert.metrics.exporter_pods import exporter_pod
from scalecert.metrics.families import UNKNOWN
from scalecert.metrics.gke import PREFIX
from scalecert.metrics.gke.names import external_metric_type
from scalecert.metrics.names import ParsedName
from scalecert.metrics.promql import selectors
from scalecert.metrics.promql.syntax import Expression
from scalecert.metrics.scrape import stored_labels
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod, default_scrape_config
from scalecert.metrics.tsdb import NAME_LABEL
from scalecert.policy.exposed_metric import Exposure, google_name, selected_labels
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved


@dataclass(frozen=True, slots=True)
class AcceleratorSeries:
    """A series of accelerators as it is stored.

    Attributes:
        info: of the family, under the name that is stored.
        labels: names of all its labels.
        of_pods: whether its pod label names the pod that holds the accelerator.
        held_by: the labels that say which container holds it, with their values for the policy's.
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
            return Exposure(False, parsed.prometheus_name, reason=wrong)
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


def _other_holder(series: AcceleratorSeries, identifier: MetricIdentifier | None) -> str:
    """Return why a selector leaves the policy's own series out, empty if it does not."""
    selector = identifier.selector if identifier is not None else None
    for label, value in (selector.match_labels if selector is not None else {}).items():
        bare = label.rpartition(".")[2]
        if series.held_by.get(bare, value) != value:
            return f"its series have {bare}={series.held_by[bare]}, the selector asks for {value}"
    return ""


def _writes(kind: str, metric_type: str) -> bool:
    """Tell whether a series of a kind has such a suffix in its metric type."""
    return metric_type == kind or (kind == UNKNOWN and metric_type == f"{UNKNOWN}:counter")


def never_asked_for(beside: AcceleratorMetrics, series: str) -> Exposure:
    """Return why an External metric with upper-case letters is never found."""
    renamed = beside.renamed(series) or series.lower()
    return Exposure(
        False,
        series,
        reason=f"the HPA asks for External metrics in lower case, and there is no {series.lower()}",
        hint=f"let the monitor's metricRelabeling rename {series} to {renamed}, and write"
        f" {PREFIX}|{renamed}|{UNKNOWN}",
    )


def accelerator_metrics(policy: Policy, resolved: Resolved) -> AcceleratorMetrics:
    """Return what a policy can read of its accelerators."""
    device = resolved.device
    container = resolved.container.name if resolved.container is not None else "inference-server"
    last = last_container(policy, container)
    chip = _chip(device, Holder(policy.namespace, "pod", container, last, {}))
    configs = policy.scrape_configs or (default_scrape_config(15.0),)
    scraped: dict[str, AcceleratorSeries] = {}
    absent = _of_others(device, chip.holder)
    for exporter in exporters_of(device):
        pod = exporter_pod(exporter, configs)
        lower = {name.lower(): _in_capitals(exporter, name) for name in exporter.figures}
        absent |= lower | dict.fromkeys(exporter.figures, _dropped(exporter))
        selecting = [one for one in configs if one.target_labels(pod) is not None]
        if not selecting:
            absent |= dict.fromkeys((*lower, *exporter.figures), _unscraped(exporter))
        for config in selecting:
            scraped |= {one.info.name: one for one in _stored(exporter, config, pod, device, chip)}
    return AcceleratorMetrics(scraped, _system(device, chip.holder), absent, device.count)


def _unscraped(exporter: Exporter) -> tuple[str, str]:
    usual = exporter.daemons[0]
    labels = ",".join(f"{name}={value}" for name, value in usual.labels.items())
    port = next(iter(usual.ports.values()))
    return (
        f"no monitor of the input scrapes the {exporter.name}",
        f"add a PodMonitoring in {usual.namespace} that selects {labels}, port {port}",
    )


def _in_capitals(exporter: Exporter, name: str) -> tuple[str, str]:
    """Return why a family that the exporter writes in capitals is not there in lower case."""
    reason = f"the {exporter.name} calls it {name}, and no monitor renames it to lower case"
    return reason, f"rename {name} to {name.lower()} by metricRelabeling in the exporter's monitor"


def _dropped(exporter: Exporter) -> tuple[str, str]:
    reason = f"the monitor of the {exporter.name} drops or renames it"
    return reason, "check its metricRelabeling"


def _of_others(device: Device, holder: Holder) -> dict[str, tuple[str, str]]:
    """Return the names that only accelerators of another make have."""
    found: dict[str, tuple[str, str]] = {}
    others: tuple[Maker, ...] = ("nvidia", "cloud-tpu")
    for make in others:
        other = replace(device, make=make)
        names = {name for exporter in exporters_of(other) for name in exporter.figures}
        whose = "NVIDIA GPUs" if make == "nvidia" else "TPUs"
        reason = f"only {whose} have it, the replicas run on {device.model}"
        found |= dict.fromkeys((*names, *system_metrics_of(other).metrics), (reason, ""))
    own = {name for exporter in exporters_of(device) for name in exporter.figures}
    return {
        name: why for name, why in found.items() if name not in own | set(_system(device, holder))
    }


def last_container(policy: Policy, default: str) -> str:
    """Return the last container of the pods that serve, `default` if they are not in the input."""
    return default if policy.target is None else policy.target.serving.containers[-1].name


def _chip(device: Device, holder: Holder) -> Chip:
    return Chip("node", 0, device.make, device.model, device.topology, holder)


def _stored(
    exporter: Exporter, config: ScrapeConfig, pod: ScrapedPod, device: Device, chip: Chip
) -> Iterator[AcceleratorSeries]:
    """Yield what one monitor stores of an exporter's page: by making a page and storing it."""
    target = config.target_labels(pod) or {}
    busy = device.steady(1.0)
    for sample in exporter.samples(exporter.figures, chip, Readings(busy, busy)):
        labels = stored_labels(sample, target, config)
        if labels is None:
            continue
        name, info = labels.pop(NAME_LABEL), exporter.figures[sample.name].info
        holder = (labels.get("namespace"), labels.get("pod"))
        yield AcceleratorSeries(
            info if name == info.name else replace(info, name=name, kind=UNKNOWN),
            frozenset(labels),
            of_pods=holder == (chip.holder.namespace, chip.holder.pod),
            held_by=_held_by(labels, sample.labels),
            exporter=exporter.name,
            origin=sample.name,
        )


def _held_by(stored: Mapping[str, str], page: Mapping[str, str]) -> dict[str, str]:
    """Return the stored labels that came from the page's namespace and container."""
    exported = {f"exported_{name}": page[name] for name in ("namespace", "container")}
    plain = {name: page[name] for name in ("namespace", "container")}
    return {
        label: value
        for label, value in (exported | plain).items()
        if stored.get(label) == value and (label in exported or f"exported_{label}" not in stored)
    }


def _system(device: Device, holder: Holder) -> dict[str, AcceleratorSeries]:
    return {
        metric_type: AcceleratorSeries(
            replace(metric.figure.info, name=metric_type),
            frozenset(metric.figure.info.labels),
            of_pods=True,
            held_by={"namespace_name": holder.namespace, "container_name": holder.container},
            exporter="",
            origin=metric.figure.info.name,
        )
        for metric_type, metric in system_metrics_of(device).metrics.items()
    }
