"""The control plane of one world: started, waited for, stopped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from scalecert import clock
from scalecert.worlds.local.control_plane import components
from scalecert.worlds.local.control_plane.assets import Assets
from scalecert.worlds.local.control_plane.certificates import KeyPair, make_pki
from scalecert.worlds.local.control_plane.components import ControllerFlags, Endpoints
from scalecert.worlds.local.control_plane.kubeconfigs import write_kubeconfig
from scalecert.worlds.local.control_plane.readiness import (
    answer_status,
    caches_are_filled,
    client_context,
    log_says,
    wait_for,
)
from scalecert.worlds.local.directory import WorldDirectory

API_SECONDS: Final = 60.0
"""Limit of waiting for the API server, which takes three on an idle machine."""
READY_SECONDS: Final = 30.0
"""Limit of waiting for any other process; they take one."""

_UTC: Final = {"TZ": "UTC"}
"""Logs are stamped in local time otherwise, without a word of which."""

_HTTP_OK: Final = 200


class ControlPlane:
    """etcd, kube-apiserver and kube-scheduler of a world, and what each trial adds to them.

    Everything it starts is a process of the world's directory: what is not stopped ends with that.

    Attributes:
        endpoints: where its processes listen.
        pki: certificates and keys, among them what the metrics APIs serve with.
        kubeconfig: the administrator's.
    """

    def __init__(self, directory: WorldDirectory, assets: Assets) -> None:
        self._directory, self._processes, self._assets = directory, directory.processes, assets
        self.pki = make_pki(
            directory.path / "pki", directory.address, now_seconds=clock.unix_seconds()
        )
        self.endpoints = Endpoints(
            directory.address,
            api_port=directory.free_port(),
            etcd_port=directory.free_port(),
            etcd_peer_port=directory.free_port(),
        )
        self._prometheus_port = directory.free_port()
        self._prometheus_data = directory.path / "prometheus"
        self._client = client_context(self.pki)
        self.kubeconfig = self._kubeconfig("admin", self.pki.admin)
        self._scheduler_kubeconfig = self._kubeconfig("kube-scheduler", self.pki.scheduler)
        self._controller_kubeconfig = self._kubeconfig(
            "kube-controller-manager", self.pki.controller_manager
        )

    @property
    def api_url(self) -> str:
        """The API server's URL."""
        return self.endpoints.api_url

    @property
    def prometheus_url(self) -> str:
        """Prometheus's URL, of each that is started."""
        return f"http://{self.endpoints.address}:{self._prometheus_port}"

    def start(self) -> None:
        """Start etcd, kube-apiserver and kube-scheduler, and wait until pods would be scheduled.

        Raises:
            EnvironmentFault: if one of them ends, or is not ready in time.
        """
        etcd = components.etcd(
            self._assets.etcd, self._directory.path / "etcd", self.endpoints, self.pki
        )
        api_server = components.kube_apiserver(
            self._assets.kube_apiserver, self.endpoints, self.pki
        )
        scheduler = components.kube_scheduler(
            self._assets.kube_scheduler, self._scheduler_kubeconfig
        )
        self._processes.start("etcd", etcd, env=_UTC)
        self._processes.start("kube-apiserver", api_server, env=_UTC)
        self._wait_for_api("an answer of the API server", "/livez", any_status=True)
        self._processes.start("kube-scheduler", scheduler, env=_UTC)
        self._wait_for_api("the API server to be ready", "/readyz")
        self._wait_for_api("the namespace kube-system", "/api/v1/namespaces/kube-system")
        self._wait_for_log("kube-scheduler", '"Handlers synced"')

    def start_controllers(self, flags: ControllerFlags) -> None:
        """Start kube-controller-manager with a trial's flags, and wait until all of it works.

        Raises:
            EnvironmentFault: if it ends, or does not work in time.
        """
        name = "kube-controller-manager"
        command = components.kube_controller_manager(
            self._assets.kube_controller_manager, self._controller_kubeconfig, flags
        )
        self._processes.start(name, command, env=_UTC)
        log, controllers = self._processes.log(name), len(components.CONTROLLERS)
        wait_for(
            "the controllers to read what they work on",
            lambda: caches_are_filled(log, controllers),
            self._processes,
            of=name,
            limit_seconds=READY_SECONDS,
        )

    def wait_for_group(self, version: str) -> None:
        """Wait until the API server forwards a group that another process serves.

        Args:
            version: group and version, such as `metrics.k8s.io/v1beta1`.

        Raises:
            EnvironmentFault: if it does not in time.
        """
        self._wait_for_api(f"the API server to forward {version}", f"/apis/{version}")

    def stop_controllers(self) -> None:
        """Stop kube-controller-manager; what it did is in the API."""
        self._processes.stop("kube-controller-manager")

    def start_prometheus(self, config: Path, *, lookback_seconds: float) -> None:
        """Start Prometheus with empty storage, and wait until it answers queries.

        Args:
            config: its configuration, which `POST /-/reload` makes it read again.
            lookback_seconds: how long a sample counts as a series' newest.

        Raises:
            EnvironmentFault: if it ends, or is not ready in time.
        """
        shutil.rmtree(self._prometheus_data, ignore_errors=True)
        command = components.prometheus(
            self._assets.prometheus,
            config,
            self._prometheus_data,
            self.endpoints.address,
            self._prometheus_port,
            lookback_seconds=lookback_seconds,
        )
        self._processes.start("prometheus", command, env=_UTC)
        wait_for(
            "Prometheus to be ready",
            lambda: answer_status(f"{self.prometheus_url}/-/ready") == _HTTP_OK,
            self._processes,
            of="prometheus",
            limit_seconds=READY_SECONDS,
        )

    def stop_prometheus(self) -> None:
        """Stop Prometheus and remove what it stored."""
        self._processes.stop("prometheus", timeout_seconds=0.0)
        shutil.rmtree(self._prometheus_data, ignore_errors=True)

    def stop(self) -> None:
        """Stop what `start` started, at once: nothing of it is needed any more."""
        for name in ("kube-scheduler", "kube-apiserver", "etcd"):
            self._processes.stop(name, timeout_seconds=0.0)

    def _kubeconfig(self, name: str, client: KeyPair) -> Path:
        return write_kubeconfig(
            self._directory.path / f"{name}.kubeconfig",
            api_url=self.api_url,
            ca=self.pki.ca,
            client=client,
        )

    def _wait_for_api(self, what: str, path: str, *, any_status: bool = False) -> None:
        def answers() -> bool:
            status = answer_status(f"{self.api_url}{path}", self._client)
            return status == _HTTP_OK or (any_status and status is not None)

        wait_for(what, answers, self._processes, of="kube-apiserver", limit_seconds=API_SECONDS)

    def _wait_for_log(self, name: str, text: str) -> None:
        log = self._processes.log(name)
        wait_for(
            f"{name} to say {text}",
            lambda: log_says(log, text),
            self._processes,
            of=name,
            limit_seconds=READY_SECONDS,
        )
