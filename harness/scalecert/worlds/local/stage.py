"""The processes and objects of one trial: put up before it, taken down after it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scalecert.errors import EnvironmentFault
from scalecert.worlds.local.cluster import LocalCluster
from scalecert.worlds.local.metrics_apis import config as metrics_config
from scalecert.worlds.local.metrics_apis.discovery import GROUPS
from scalecert.worlds.local.monitors.config import MonitorsConfig, prepare, write_config
from scalecert.worlds.local.node_agent import config as agent_config
from scalecert.worlds.local.objects import Manifest
from scalecert.worlds.local.settings import Settings

_READY_SECONDS: Final = 30.0
"""Limit of waiting for a process of ours, which takes one or two."""
_PROCESSES: Final = ("node-agent", "metrics-apis", "monitors")
_MODULE: Final = "scalecert.worlds.local"


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs around the pods of one trial, and where it writes what it sees.

    Attributes:
        cluster: the control plane.
        settings: of the trial.
        folder: of its files.
    """

    cluster: LocalCluster
    settings: Settings
    folder: Path

    @property
    def agent_folder(self) -> Path:
        """The node agent's files."""
        return self.folder / "agent"

    @property
    def pods_log(self) -> Path:
        """What the node agent saw of pods."""
        return self.agent_folder / "pods.jsonl"

    @property
    def routes(self) -> Path:
        """The pods that requests may go to."""
        return self.agent_folder / "routes.json"

    @property
    def metrics_log(self) -> Path:
        """What the metrics APIs were asked, and answered."""
        return self.folder / "metrics-api.jsonl"

    @property
    def outages(self) -> Path:
        """When the metrics APIs are to be down."""
        return self.folder / "outages.json"

    @property
    def controller_log(self) -> Path:
        """What kube-controller-manager wrote."""
        return self.cluster.directory.processes.log("kube-controller-manager")

    def start(self) -> None:
        """Start everything and wait until all of it works.

        Raises:
            EnvironmentFault: if something ends, or is not ready in time.
        """
        plane, processes = self.cluster.control_plane, self.cluster.directory.processes
        plane.start_prometheus(
            prepare(self._monitors()), lookback_seconds=self.settings.lookback_seconds
        )
        commands = {
            "node-agent": self._agent_command(),
            "metrics-apis": self._metrics_command(),
            "monitors": self._monitors_command(),
        }
        for name, command in commands.items():
            processes.start(name, command)
        for name in commands:
            processes.wait_for_line(name, "ready", timeout_seconds=_READY_SECONDS)
        for group, versions in GROUPS.items():
            plane.wait_for_group(f"{group}/{versions[0]}")
        plane.start_controllers(self.settings.flags)

    def stop(self, manifests: Sequence[Manifest]) -> None:
        """Stop what `start` started, and delete manifests with all that came of them.

        Raises:
            EnvironmentFault: if the API server does not let something go.
        """
        plane, processes = self.cluster.control_plane, self.cluster.directory.processes
        plane.stop_controllers()
        for name in _PROCESSES:
            processes.stop(name)
        plane.stop_prometheus()
        self.cluster.objects.clear(manifests)
        self.cluster.objects.delete_nodes()

    def _agent_command(self) -> list[str]:
        settings, directory = self.settings, self.cluster.directory
        self.agent_folder.mkdir()
        file = self.folder / "node-agent.json"
        agent_config.write_config(
            file,
            agent_config.AgentConfig(
                kubeconfig=str(self.cluster.control_plane.kubeconfig),
                subnet=directory.subnet,
                directory=str(self.agent_folder),
                speed=settings.time_lapse,
                nodes=settings.nodes,
                image_pull_seconds=settings.image_pull_seconds,
                model_load_seconds=settings.model_load_seconds,
                profiles=dict(settings.profiles),
                exporters=settings.exporters.daemons,
                usage_interval_seconds=settings.usage_interval_seconds,
            ),
        )
        return _python("node_agent", file)

    def _metrics_command(self) -> list[str]:
        plane, cluster = self.cluster.control_plane, self.cluster
        file = self.folder / "metrics-apis.json"
        metrics_config.write_config(
            file,
            metrics_config.Config(
                address=cluster.directory.address,
                port=cluster.metrics_port,
                certificate=plane.pki.metrics_apis.certificate,
                key=plane.pki.metrics_apis.key,
                client_ca=plane.pki.front_proxy_ca,
                kubeconfig=plane.kubeconfig,
                prometheus=plane.prometheus_url,
                usage=self.agent_folder / "usage.json",
                outages=self.outages,
                log=self.metrics_log,
                time_lapse=self.settings.time_lapse,
                semantics=self.settings.semantics,
            ),
        )
        return _python("metrics_apis", file)

    def _monitors_command(self) -> list[str]:
        file = self.folder / "monitors.json"
        write_config(file, self._monitors())
        return _python("monitors", file)

    def _monitors(self) -> MonitorsConfig:
        cluster, settings = self.cluster, self.settings
        return MonitorsConfig(
            kubeconfig=str(cluster.control_plane.kubeconfig),
            prometheus_url=cluster.control_plane.prometheus_url,
            folder=str(self.folder / "monitors"),
            address=cluster.directory.address,
            port=cluster.canary_port,
            namespace=settings.namespace,
            canary_interval_seconds=settings.canary_interval_seconds,
            default_scrape=settings.default_scrape,
            system_scrape=settings.exporters.system,
        )


@contextmanager
def staged(
    cluster: LocalCluster, settings: Settings, folder: Path, manifests: Sequence[Manifest]
) -> Iterator[Stage]:
    """Put up a trial's stage in a new folder, and take it down with what was applied.

    Args:
        cluster: the control plane.
        settings: of the trial.
        folder: new, or of an earlier trial: then it is emptied.
        manifests: what will be applied.

    Raises:
        EnvironmentFault: if it does not come up, or something does not go.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    stage = Stage(cluster, settings, folder)
    try:
        stage.start()
        yield stage
    except Exception:
        with suppress(EnvironmentFault):  # whatever went wrong before says more
            stage.stop(manifests)
        raise
    stage.stop(manifests)


def _python(module: str, config: Path) -> list[str]:
    return [sys.executable, "-P", "-X", "faulthandler", "-m", f"{_MODULE}.{module}", str(config)]
