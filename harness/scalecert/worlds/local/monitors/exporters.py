"""Which exporters of accelerators a trial's nodes have, and who looks at them beside monitors.

They run where `sim` takes them to be (`metrics.exporter_pods`), and only those of which the policy
reads something: each is a process on every node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scalecert.engines.base import MetricInfo
from scalecert.exporters.base import Daemon, Exporter, SystemMetrics
from scalecert.exporters.registry import exporters_of, system_metrics_of
from scalecert.metrics.accelerators import Wanted, wanted_of
from scalecert.metrics.adapter_config import effective_rules
from scalecert.metrics.exporter_pods import exporter_pod
from scalecert.metrics.families import Catalogue
from scalecert.metrics.inputs import MetricsInput
from scalecert.metrics.needs import find_needs
from scalecert.metrics.scrape_config import ScrapeConfig, default_scrape_config
from scalecert.worlds.local.monitors.config import SystemScrape


@dataclass(frozen=True, slots=True)
class TrialExporters:
    """What each node with accelerators runs.

    Attributes:
        daemons: the pods of each exporter.
        system: how system metrics are collected; None if the policy reads none.
    """

    daemons: tuple[Daemon, ...] = ()
    system: SystemScrape | None = None


def trial_exporters(
    policy: MetricsInput, engine_metrics: Mapping[str, MetricInfo], time_lapse: int
) -> TrialExporters:
    """Return the exporters that a policy's metrics are made of.

    Args:
        policy: what the policy says of metrics.
        engine_metrics: every family that the engine exposes, by name.
        time_lapse: seconds of the run in one of the clock.
    """
    if policy.device is None:
        return TrialExporters()
    exporters, system = exporters_of(policy.device), system_metrics_of(policy.device)
    wanted = wanted_of(
        policy.wanted, _families(policy, engine_metrics, exporters), exporters, system
    )
    run = {exporter.name: exporter for exporter, _ in wanted.exporters}
    source = _source(wanted, exporters, system)
    if source is not None:
        run[source.name] = source
    # Its interval matters to no one here: which pod a monitor selects does.
    configs = policy.scrape_configs or (default_scrape_config(1.0),)
    daemons = {name: _daemon(exporter, configs) for name, exporter in run.items()}
    if source is None:
        return TrialExporters(tuple(daemons.values()))
    looked_at = daemons[source.name]
    (port,) = looked_at.ports.values()
    scrape = SystemScrape(
        interval_seconds=system.collection_seconds / time_lapse,
        container=looked_at.container,
        port=port,
    )
    return TrialExporters(tuple(daemons.values()), scrape)


def _families(
    policy: MetricsInput,
    engine_metrics: Mapping[str, MetricInfo],
    exporters: Sequence[Exporter],
) -> set[str]:
    """Return the families of exporters that a policy's metrics may be made of."""
    exposed = dict(engine_metrics)
    for exporter in exporters:
        exposed |= {name: figure.info for name, figure in exporter.figures.items()}
    catalogue = Catalogue(exposed)
    for config in policy.scrape_configs:
        catalogue.add_names(config.metric_relabelings)
    needs = find_needs(policy.wanted, effective_rules(policy.rules), (*catalogue, "up"))
    return set(catalogue.families(needs.names)) - set(engine_metrics)


def _source(
    wanted: Wanted, exporters: Sequence[Exporter], system: SystemMetrics
) -> Exporter | None:
    """Return the exporter that has what Google Cloud collects; None if nothing of it is read."""
    figures = {system.metrics[one].figure.info.name for one in wanted.system_types}
    return next((one for one in exporters if figures & one.figures.keys()), None)


def _daemon(exporter: Exporter, configs: Sequence[ScrapeConfig]) -> Daemon:
    """Return the pods of an exporter where the first monitor that selects them looks."""
    pod = exporter_pod(exporter, configs)
    return Daemon(pod.controller_name, pod.namespace, pod.labels, pod.ports, pod.container)
