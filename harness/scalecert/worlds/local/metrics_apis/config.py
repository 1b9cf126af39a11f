"""What the process is told when it starts: a JSON document that the world writes.

Times of the document are seconds of the run; the process divides by the time lapse where it has
to do with the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from scalecert.exporters.device import Device


class RulesText(msgspec.Struct, frozen=True):
    """One configuration of prometheus-adapter, and the file that it came from."""

    file: str
    config: Any


class Semantics(msgspec.Struct, frozen=True):
    """What the adapters know of the policy and its conditions.

    Attributes:
        kinds: per exposed name whether it is a `gauge`, `counter` or the like.
        rules: of prometheus-adapter; empty: the chart's default ones.
        series: names of series that the policy's metrics are made of by these rules; None: nobody
            knows what will be asked for, and rules are those that the API server holds.
        google_delay_seconds: from a scrape to its visibility in Cloud Monitoring.
        prometheus_delay_seconds: and in Prometheus.
        relist_seconds: between two discoveries of prometheus-adapter.
        relist_phase_seconds: when they are, in [0, relist_seconds).
        resolution_seconds: between two readings of usage; None if the policy reads none.
        device: the accelerators of a replica; None if nobody knows them.
    """

    kinds: Mapping[str, str]
    rules: tuple[RulesText, ...]
    series: tuple[str, ...] | None
    google_delay_seconds: float
    prometheus_delay_seconds: float
    relist_seconds: float
    relist_phase_seconds: float
    resolution_seconds: float | None
    device: Device | None = None


class Config(msgspec.Struct, frozen=True):
    """The whole document.

    Attributes:
        address: to listen on, with `port`.
        certificate: PEM that it serves with, `key` its key.
        client_ca: PEM of the authority of those who may ask: kube-apiserver's for forwarding.
        kubeconfig: of a client that may list pods and ConfigMaps.
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
