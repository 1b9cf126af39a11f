"""What the adapters of a trial have to know, out of its policy and conditions."""

from __future__ import annotations

from collections.abc import Mapping

from scalecert import rng
from scalecert.engines.base import MetricInfo
from scalecert.exporters.registry import exporters_of
from scalecert.metrics.adapter_config import effective_rules
from scalecert.metrics.conditions import MetricConditions
from scalecert.metrics.families import Catalogue
from scalecert.metrics.inputs import MetricsInput
from scalecert.metrics.names import parse_metric_name
from scalecert.metrics.needs import find_needs
from scalecert.worlds.local.metrics_apis.config import RulesText, Semantics


def semantics_of(
    policy: MetricsInput,
    engine_metrics: Mapping[str, MetricInfo],
    conditions: MetricConditions,
    seed: int,
) -> Semantics:
    """Return what the adapters have to know of a trial.

    Args:
        policy: what the policy says of metrics.
        engine_metrics: every family that the engine exposes, by name.
        conditions: of the scenario, as it is written: in seconds of the run.
        seed: of the run (stream `adapter-relist`).

    Raises:
        UsageError: if a rule of prometheus-adapter is outside of the documented subset.
    """
    exposed = dict(engine_metrics)
    for exporter in () if policy.device is None else exporters_of(policy.device):
        exposed |= {name: figure.info for name, figure in exporter.figures.items()}
    catalogue = Catalogue(exposed)
    for config in policy.scrape_configs:
        catalogue.add_names(config.metric_relabelings)
    relist = float(conditions.adapter_relist_interval)
    resolution = float(conditions.resource_resolution)
    return Semantics(
        kinds=catalogue.kinds,
        rules=tuple(RulesText(one.file, one.value) for one in policy.rules),
        series=_series(policy, catalogue),
        google_delay_seconds=conditions.ingestion_seconds(managed=True),
        prometheus_delay_seconds=conditions.ingestion_seconds(managed=policy.managed),
        relist_seconds=relist,
        relist_phase_seconds=rng.stream(seed, "adapter-relist").random() * relist,
        resolution_seconds=resolution if policy.reads_resources else None,
        device=policy.device,
    )


def _series(policy: MetricsInput, catalogue: Catalogue) -> tuple[str, ...] | None:
    """Return what prometheus-adapter has to list; None if the policy has no metric of it."""
    asked = (parse_metric_name(metric.name, metric.source) for metric in policy.wanted)
    if all(name.kind != "adapter" for name in asked):
        return None
    rules = effective_rules(policy.rules)
    return tuple(sorted(find_needs(policy.wanted, rules, (*catalogue, "up")).names))
