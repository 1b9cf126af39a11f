"""Where an exporter's pods are.

An exporter is no part of a policy's manifests: it is taken to run where one of the policy's
monitors looks for it, else at its usual place.
"""

from __future__ import annotations

from collections.abc import Sequence

from scalecert.exporters.base import Daemon, Exporter
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod


def exporter_pod(
    exporter: Exporter, configs: Sequence[ScrapeConfig], node: str = "node"
) -> ScrapedPod:
    """Return an exporter's pod on a node, where the first monitor that selects it looks."""
    for config in configs:
        for daemon in exporter.daemons:
            pod = _pod(daemon, _namespace(daemon, config), node)
            if config.target_labels(pod) is not None and config.listening(pod):
                return pod
    usual = exporter.daemons[0]
    return _pod(usual, usual.namespace, node)


def _namespace(daemon: Daemon, config: ScrapeConfig) -> str:
    """Return the daemon's own namespace if the monitor looks there, else where it looks first."""
    if config.namespaces is None or daemon.namespace in config.namespaces:
        return daemon.namespace
    return config.namespaces[0] if config.namespaces else daemon.namespace


def _pod(daemon: Daemon, namespace: str, node: str) -> ScrapedPod:
    return ScrapedPod(
        f"{daemon.name}-{node}",
        namespace,
        daemon.labels,
        daemon.ports,
        daemon.container,
        address=node,
        controller_name=daemon.name,
        controller_kind="DaemonSet",
    )
