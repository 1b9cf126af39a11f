"""Which series of accelerators a policy's metrics can be made of, found without running anything.

Exporters run beside the policy's pods and are no part of its manifests; its monitors decide which
of their series are stored, under which names and with which labels. Google Cloud's own metrics need
no monitor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from scalecert.exporters.base import Chip, Exporter, Holder, Maker, Readings
from scalecert.exporters.device import Device
from scalecert.exporters.registry import exporters_of, system_metrics_of
from scalecert.metrics.exporter_pods import exporter_pod
from scalecert.metrics.families import UNKNOWN
from scalecert.metrics.scrape import stored_labels
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod, default_scrape_config
from scalecert.metrics.tsdb import NAME_LABEL
from scalecert.policy.accelerator_series import AcceleratorMetrics, AcceleratorSeries
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved


def accelerator_metrics(policy: Policy, resolved: Resolved) -> AcceleratorMetrics:
    """Return what a policy can read of its accelerators."""
    device = resolved.device
    container = resolved.container.name if resolved.container is not None else "inference-server"
    last = last_container(policy, container)
    chip = _chip(device, Holder(policy.namespace, "pod", container, last, {}))
    configs = policy.scrape_configs or (default_scrape_config(15.0),)
    scraped: dict[str, AcceleratorSeries] = {}
    absent = _of_others(device)
    for exporter in exporters_of(device):
        pod = exporter_pod(exporter, configs)
        selecting = [one for one in configs if one.target_labels(pod) is not None]
        stored = [
            one for config in selecting for one in _stored(exporter, config, pod, device, chip)
        ]
        scraped |= {one.info.name: one for one in stored}
        absent |= _not_stored(exporter, stored if selecting else None)
    return AcceleratorMetrics(scraped, _system(device, chip.holder), absent, device.count)


def _unscraped(exporter: Exporter) -> tuple[str, str]:
    usual = exporter.daemons[0]
    labels = ",".join(f"{name}={value}" for name, value in usual.labels.items())
    port = next(iter(usual.ports.values()))
    return (
        f"no monitor of the input scrapes the {exporter.name}",
        f"add a PodMonitoring in {usual.namespace} that selects {labels}, port {port}",
    )


def _not_stored(
    exporter: Exporter, stored: Sequence[AcceleratorSeries] | None
) -> dict[str, tuple[str, str]]:
    """Return why an exporter's families may not be there, as it and in lower case; None: no scrape.

    Whoever looks here has not found the name among those that are stored.
    """
    found: dict[str, tuple[str, str]] = {}
    names = {one.origin: one.info.name for one in stored or ()}
    for name in exporter.figures:
        why = _unscraped(exporter) if stored is None else _under(exporter, name, names.get(name))
        found |= dict.fromkeys((name, name.lower()), why)
    return found


def _under(exporter: Exporter, name: str, stored: str | None) -> tuple[str, str]:
    """Return what a scrape makes of a family's name, and what to do where another is asked for."""
    if stored is None:
        return f"the monitor of the {exporter.name} drops {name}", "check its metricRelabeling"
    lower = name.lower()
    if stored != name:
        reason = f"the monitor of the {exporter.name} renames {name} to {stored}"
        return reason, f"let its metricRelabeling rename it to {lower}, or ask for {stored}"
    reason = f"the {exporter.name} calls it {name}, and no monitor renames it to lower case"
    return reason, f"rename {name} to {lower} by metricRelabeling in the exporter's monitor"


def _of_others(device: Device) -> dict[str, tuple[str, str]]:
    """Return the names that only accelerators of another make have."""
    own = _names(device)
    found: dict[str, tuple[str, str]] = {}
    for make in get_args(Maker):
        whose = "NVIDIA GPUs" if make == "nvidia" else "TPUs"
        reason = f"only {whose} have it, the replicas run on {device.model}"
        found |= dict.fromkeys(_names(replace(device, make=make)) - own, (reason, ""))
    return found


def _names(device: Device) -> set[str]:
    """Return the families and metric types that accelerators of this make have anywhere."""
    families = {name for exporter in exporters_of(device) for name in exporter.figures}
    return families | set(system_metrics_of(device).metrics)


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
    """Return the stored labels whose values are known: the page's, and those of the scrape."""
    found = {}
    for name in ("namespace", "container"):
        exported = f"exported_{name}"
        if stored.get(exported) == page[name]:
            found[exported] = page[name]
            found[name] = stored.get(name, "")  # the exporter's
        elif stored.get(name) == page[name]:
            found[name] = page[name]
    return found


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
