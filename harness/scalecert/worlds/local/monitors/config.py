"""What the monitors process is told: a JSON document, and the files that it keeps."""

from __future__ import annotations

from pathlib import Path

import msgspec

from scalecert.documents import write_atomic
from scalecert.worlds.local.monitors.prometheus_config import configuration


class DefaultScrape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is scraped while there is no monitor: the engines' servers, and exporters.

    Attributes:
        interval_seconds: of the clock.
        container: the engine's; empty: every declared port of every pod is scraped.
        port: where it shows its metrics, under `path`.
        port_name: what the target's `instance` calls it.
    """

    interval_seconds: float
    container: str = ""
    port: int = 0
    port_name: str = "metrics"
    path: str = "/metrics"


class SystemScrape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How Google Cloud's own collection of accelerators' metrics is done: no monitor is in it.

    Attributes:
        interval_seconds: of the clock.
        container: of the device plugin's pods.
        port: where it shows its metrics.
    """

    interval_seconds: float
    container: str
    port: int


class MonitorsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The process' configuration; every time is in seconds of the clock.

    Attributes:
        kubeconfig: of the world's administrator; with files for certificates and key.
        prometheus_url: `http://127.77.3.1:9090`.
        folder: where `prometheus.yml` is, and `discovered/pods.json`.
        address: where the canary answers, on `port`.
        namespace: of the policy, and so of the canary.
        canary_interval_seconds: how often the canary is scraped.
        default_scrape: see there.
        system_scrape: see there; None: nothing of it is read.
    """

    kubeconfig: str
    prometheus_url: str
    folder: str
    address: str
    port: int
    namespace: str
    canary_interval_seconds: float
    default_scrape: DefaultScrape
    system_scrape: SystemScrape | None = None

    @property
    def prometheus_config(self) -> Path:
        """The file that Prometheus is started with (`--config.file`)."""
        return Path(self.folder) / "prometheus.yml"

    @property
    def discovered(self) -> Path:
        """The file of all targets; alone in its folder, which Prometheus watches."""
        return Path(self.folder) / "discovered" / "pods.json"


def write_config(path: Path, config: MonitorsConfig) -> None:
    """Write the document for a process that is to be started."""
    write_atomic(path, msgspec.json.encode(config))


def prepare(config: MonitorsConfig) -> Path:
    """Write what Prometheus needs to start before anything is known; return its configuration.

    Raises:
        OSError: if the folder can't be written.
    """
    write_atomic(config.discovered, b"[]\n")
    write_atomic(config.prometheus_config, configuration(()))
    return config.prometheus_config
