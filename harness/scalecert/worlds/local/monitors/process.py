"""The process: watches feed the operator, the canary answers beside it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Final

from scalecert.clock import monotonic_seconds
from scalecert.errors import EnvironmentFault
from scalecert.worlds.api_server import ApiServer, Change, Collection, Follower
from scalecert.worlds.local.monitors.canary_endpoint import serve_canary
from scalecert.worlds.local.monitors.config import MonitorsConfig
from scalecert.worlds.local.monitors.operator import Operator
from scalecert.worlds.local.monitors.prometheus import PrometheusServer

START_SECONDS = 30.0
_SETTLE_SECONDS = 0.05
"""Changes come in bursts: of a rollout, or of one `kubectl apply`."""

MONITOR_PATHS: Final[Mapping[str, str]] = {
    "PodMonitoring": "/apis/monitoring.googleapis.com/v1/podmonitorings",
    "ClusterPodMonitoring": "/apis/monitoring.googleapis.com/v1/clusterpodmonitorings",
    "PodMonitor": "/apis/monitoring.coreos.com/v1/podmonitors",
    "ServiceMonitor": "/apis/monitoring.coreos.com/v1/servicemonitors",
}


class Watched:
    """Every collection that the operator reads."""

    def __init__(self, api: ApiServer) -> None:
        self.changed = Event()
        self.pods = self._follower(api, "/api/v1/pods")
        self.services = self._follower(api, "/api/v1/services")
        self.monitors = {kind: self._follower(api, path) for kind, path in MONITOR_PATHS.items()}
        for one in self._all():
            one.start()

    def wait_listed(self) -> None:
        """Wait until each has been listed once.

        Raises:
            EnvironmentFault: after `START_SECONDS`, with those that were waited for.
        """
        end = monotonic_seconds() + START_SECONDS
        while missing := [one.collection.path for one in self._all() if not one.is_listed]:
            if monotonic_seconds() > end:
                found = ", ".join(missing)
                raise EnvironmentFault(f"waited {START_SECONDS:g} s for a list of {found}")
            self.changed.wait(_SETTLE_SECONDS)
            self.changed.clear()

    def tell(self, operator: Operator) -> None:
        """Let the operator act on what is there now."""
        operator.discover(_documents(self.pods))
        monitors = {kind: _documents(one) for kind, one in self.monitors.items()}
        operator.configure(monitors, _documents(self.services))

    def stop(self) -> None:
        """Follow nothing any more."""
        for one in self._all():
            one.stop()

    def _follower(self, api: ApiServer, path: str) -> Follower:
        """Return who follows a collection; one whose definition is not there yet may come."""
        return Follower(api, Collection(path), self._change, limit_seconds=None)

    def _change(self, _changes: Sequence[Change]) -> None:
        self.changed.set()

    def _all(self) -> list[Follower]:
        return [self.pods, self.services, *self.monitors.values()]


def _documents(follower: Follower) -> tuple[bytes, ...]:
    """Return the objects of now, as JSON."""
    return tuple(one.raw for one in follower.objects())


def run(config: MonitorsConfig) -> None:
    """Keep Prometheus as the API says until the process is ended.

    Raises:
        EnvironmentFault: if the API server or Prometheus does not answer in time.
        UsageError: if the kubeconfig can't be read.
        OSError: if the canary's address is taken.
    """
    serve_canary(config.address, config.port)
    operator = Operator(config, PrometheusServer(config.prometheus_url))
    watched = Watched(ApiServer(Path(config.kubeconfig)))
    watched.wait_listed()
    watched.changed.clear()
    watched.tell(operator)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    settle = Event()
    while True:
        watched.changed.wait()
        settle.wait(_SETTLE_SECONDS)
        watched.changed.clear()
        watched.tell(operator)
