"""What kind of thing a metric of the HPA tells: a queue, an accelerator's figure."""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.engines.base import MetricInfo
from scalecert.exporters.base import Exporter
from scalecert.exporters.device import device_of
from scalecert.exporters.registry import exporters_of, system_metrics_of
from scalecert.metrics.names import parse_metric_name
from scalecert.policy.lint.finding import Facts
from scalecert.policy.resolve import Resolved
from scalecert.recording.plan import Signal

_QUEUES = ("queue", "backlog", "waiting")
_MEMORY = ("bytes", "MiB")


@dataclass(frozen=True, slots=True)
class AcceleratorMetric:
    """A figure of accelerators; `exporter` is None where Google Cloud collects it by itself."""

    info: MetricInfo
    exporter: Exporter | None


def is_queue(signal: Signal) -> bool:
    """Tell whether a signal counts requests that wait."""
    name = (signal.prometheus_name or signal.metric).lower()
    return signal.unit == "requests" and any(word in name for word in _QUEUES)


def is_memory(metric: AcceleratorMetric) -> bool:
    """Tell whether a figure is the accelerator's memory."""
    return metric.info.unit in _MEMORY


def exporters(resolved: Resolved) -> tuple[Exporter, ...]:
    """Return the exporters that nodes with the policy's accelerators may have."""
    count = resolved.accelerators_per_replica
    return exporters_of(device_of(resolved.profile, resolved.limits, count))


def accelerator_metric(facts: Facts, signal: Signal) -> AcceleratorMetric | None:
    """Return the figure of accelerators that a signal is; None if it is none.

    A scrape may have renamed it to lower case, as External metrics need it.
    """
    resolved, spec = facts.resolved, facts.policy.hpa.metrics[signal.index]
    if spec.identifier is None:
        return None
    parsed = parse_metric_name(spec.name, spec.type)
    if parsed.kind == "gke-system":
        device = device_of(resolved.profile, resolved.limits, resolved.accelerators_per_replica)
        found = system_metrics_of(device).metrics.get(spec.name.replace("|", "/"))
        return None if found is None else AcceleratorMetric(found.figure.info, None)
    series = signal.prometheus_name or parsed.prometheus_name or spec.name
    if series in resolved.kind.metrics(resolved.version):
        return None
    for exporter in exporters(resolved):
        for name, figure in exporter.figures.items():
            if name.lower() == series.lower():
                return AcceleratorMetric(figure.info, exporter)
    return None
