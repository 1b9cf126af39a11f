"""What the process is told when it starts: a JSON document that the world writes.

Times of the document are seconds of the run; the process divides by the time lapse where it has
to do with the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from scalecert import rng
from scalecert.engines.base import MetricInfo
from scalecert.exporters.registry import exporters_of
from scalecert.metrics.conditions import MetricConditions
from scalecert.metrics.families import Catalogue
from scalecert.metrics.inputs import MetricsInput


class RulesText(msgspec.Struct, frozen=True):
    """One configuration of prometheus-adapter, and the file that it came from."""

    file: str
    config: Any


class Semantics(msgspec.Struct, frozen=True):
    """What the adapters know of the policy and its conditions.

    Attributes:
        kinds: per exposed name whether it is a `gauge`, `counter` or the like.
        rules: of prometheus-adapter; empty: its default ones.
        google_delay_seconds: from a scrape to its visibility in Cloud Monitoring.
        prometheus_delay_seconds: and in Prometheus.
        relist_seconds: between two discoveries of prometheus-adapter.
        relist_phase_seconds: when they are, in [0, relist_seconds).
        resolution_seconds: between two readings of usage; None if the policy reads none.
    """

    kinds: Mapping[str, str]
    rules: tuple[RulesText, ...]
    google_delay_seconds: float
    prometheus_delay_seconds: float
    relist_seconds: float
    relist_phase_seconds: float
    resolution_seconds: float | None


class Config(msgspec.Struct, frozen=True):
    """The whole document.

    Attributes:
        address: to listen on, with `port`.
        certificate: PEM that it serves with, `key` its key.
        client_ca: PEM of the authority of those who may ask: kube-apiserver's for forwarding.
        kubeconfig: of a client that may list pods.
        prometheus: URL.
        usage: file of the node agent.
        outages: file of the world (`outages.write_outages`).
        log: file to add a line to for every request.
        time_lapse: seconds of the run in one of the clock.
        semantics: what the adapters know.
    """

    address: str
    port: int
    certificate: Path
    key: Path
    client_ca: Path
    kubeconfig: Path
    prometheus: str
    usage: Path
    outages: Path
    log: Path
    time_lapse: int
    semantics: Semantics


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
        google_delay_seconds=conditions.ingestion_seconds(managed=True),
        prometheus_delay_seconds=conditions.ingestion_seconds(managed=policy.managed),
        relist_seconds=relist,
        relist_phase_seconds=rng.stream(seed, "adapter-relist").random() * relist,
        resolution_seconds=resolution if policy.reads_resources else None,
    )


def write_config(path: Path, config: Config) -> None:
    """Write the document for a process that is to be started."""
    path.write_bytes(msgspec.json.encode(config, enc_hook=str))


def read_config(path: Path) -> Config:
    """Return the document that a process was started with."""
    return msgspec.json.decode(path.read_bytes(), type=Config, dec_hook=_decoded)


def _decoded(kind: type, value: Any) -> Any:  # noqa: ANN401 - msgspec's hook
    if kind is Path:
        return Path(value)
    raise TypeError(f"no such field: {kind.__name__}")
