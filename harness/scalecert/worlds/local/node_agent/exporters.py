"""The accelerator exporters of a node: one process, and a pod for each to be found by.

Their pods are static ones, as a kubelet shows its own to the API server: nobody schedules them, and
no controller counts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scalecert.engines.catalog import accelerator_of_label
from scalecert.exporters.base import Daemon
from scalecert.policy.hardware import ACCELERATOR_LABELS
from scalecert.worlds.local.node_agent.config import NodeKind
from scalecert.worlds.local.node_agent.container_state import timestamp
from scalecert.worlds.local.node_agent.nodes import Node

MIRROR = "kubernetes.io/config.mirror"
"""Annotation of the pods that a node has made itself."""
_IMAGE = "scalecert/mock-accelerator"


def accelerator_name(kind: NodeKind) -> str | None:
    """Return what the catalogue calls a node's accelerators; None if it does not know them."""
    values = (kind.labels[label] for label in ACCELERATOR_LABELS if label in kind.labels)
    found = (accelerator_of_label(value) for value in values)
    return next((name for name in found if name), None)


def exporter_arguments(
    accelerator: str, *, count: int, node: str, folder: Path, host: str, speed: float
) -> list[str]:
    """Return the words after `scalecert` that start the exporters of a node, on their usual ports.

    Args:
        accelerator: the catalogue's name.
        count: of the node.
        node: its name.
        folder: where the node's servers are found.
        host: address of the node.
        speed: that of its servers.
    """
    return [
        *("mock", "accelerator"),
        *("--accelerator", accelerator),
        *("--count", str(count)),
        *("--node", node),
        *("--node-dir", str(folder)),
        *("--host", host),
        *("--speed", f"{speed:g}"),
    ]


def node_options(folder: Path, pod: str, container: str, last_container: str) -> list[str]:
    """Return what a mock server is told so that its node's exporters show it.

    Args:
        folder: of the node.
        pod: namespace and name, with a slash between.
        container: that has the accelerators.
        last_container: of the pod.
    """
    return [
        *("--node-dir", str(folder)),
        *("--pod", pod),
        *("--container", container),
        *("--last-container", last_container),
    ]


def exporter_pod(daemon: Daemon, node: Node) -> dict[str, Any]:
    """Return the pod of an exporter on a node, without status."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{daemon.name}-{node.name}",
            "namespace": daemon.namespace,
            "labels": dict(daemon.labels),
            "annotations": {MIRROR: "scalecert", "kubernetes.io/config.source": "file"},
        },
        "spec": {
            "nodeName": node.name,
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": daemon.container,
                    "image": _IMAGE,
                    "ports": [
                        {"name": name, "containerPort": port} for name, port in daemon.ports.items()
                    ],
                }
            ],
        },
    }


def exporter_status(daemon: Daemon, address: str, now: float) -> Mapping[str, Any]:
    """Return the status of an exporter's pod that runs and is ready since `now`."""
    since = timestamp(now)
    kinds = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    container = {
        "name": daemon.container,
        "image": _IMAGE,
        "imageID": _IMAGE,
        "restartCount": 0,
        "started": True,
        "ready": True,
        "state": {"running": {"startedAt": since}},
    }
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "hostIP": address,
        "hostIPs": [{"ip": address}],
        "startTime": since,
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": since} for kind in kinds
        ],
        "containerStatuses": [container],
    }
