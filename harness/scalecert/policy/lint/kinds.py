"""What kind of thing a metric of the HPA tells: a queue, an accelerator's figure."""

from __future__ import annotations

from scalecert.exporters.base import Exporter
from scalecert.exporters.registry import exporters_of
from scalecert.metrics.gke.names import external_metric_type
from scalecert.metrics.names import parse_metric_name
from scalecert.policy.accelerator_series import AcceleratorSeries
from scalecert.policy.lint.finding import Facts
from scalecert.recording.plan import Signal

_QUEUES = ("queue", "backlog", "waiting")
_MEMORY = ("bytes", "MiB")


def is_resource(signal: Signal) -> bool:
    """Tell whether a signal is the pods' CPU or memory, which no scrape brings in."""
    return signal.source_type in ("Resource", "ContainerResource")


def is_queue(signal: Signal) -> bool:
    """Tell whether a signal counts requests that wait."""
    name = (signal.prometheus_name or signal.metric).lower()
    return signal.unit == "requests" and any(word in name for word in _QUEUES)


def is_memory(series: AcceleratorSeries) -> bool:
    """Tell whether a series is the accelerator's memory."""
    return series.info.unit in _MEMORY


def accelerator_series(facts: Facts, signal: Signal) -> AcceleratorSeries | None:
    """Return the series of accelerators that a signal is made of; None if of none."""
    if is_resource(signal):
        return None
    # The API asks for External metrics in lower case, however they are written.
    written = signal.metric.lower() if signal.source_type == "External" else signal.metric
    return facts.accelerators.stored(signal.prometheus_name or external_metric_type(written))


def exporter_of(facts: Facts, signal: Signal) -> Exporter | None:
    """Return the exporter that a signal needs, whether anything scrapes it or not."""
    series = accelerator_series(facts, signal)
    parsed = parse_metric_name(signal.metric, signal.source_type)
    named = signal.prometheus_name or parsed.prometheus_name or signal.metric
    wanted = (series.origin if series is not None else named).lower()
    if is_resource(signal) or parsed.kind == "gke-system":
        return None
    for exporter in exporters_of(facts.resolved.device):
        if any(name.lower() == wanted for name in exporter.figures):
            return exporter
    return None
