"""A node as its kubelet registers it. Pure."""

from __future__ import annotations

from typing import Any

from scalecert.worlds.local.node_agent.config import NodeKind
from scalecert.worlds.local.node_agent.container_state import timestamp
from scalecert.worlds.local.node_agent.nodes import Node

_CPUS_PER_REPLICA = 256
_MEMORY_PER_REPLICA_GIB = 4096
"""More than any manifest asks for: how many replicas a node holds is the scenario's to say."""


def node_object(
    node: Node, *, replicas: int, others: int, address: str, version: str, now: float
) -> dict[str, Any]:
    """Return the node's document.

    Args:
        node: that is to be registered.
        replicas: that it holds.
        others: pods that it has beside them.
        address: of the node.
        version: of the kubelet that it seems to have.
        now: unix seconds.
    """
    capacity = _capacity(node.kind, replicas, others)
    hostname = {"kubernetes.io/hostname": node.name}
    usual = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": {**usual, **node.kind.labels, **hostname}},
        "spec": {},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": _conditions(timestamp(now)),
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": node.name},
            ],
            "nodeInfo": _info(version),
        },
    }


def _capacity(kind: NodeKind, replicas: int, others: int) -> dict[str, str]:
    """Return what a node has: it is full with its replicas, whether they take accelerators or not.

    So it is `maxPods` that counts them.
    """
    accelerators = {kind.resource: str(kind.accelerators * replicas)} if kind.resource else {}
    return {
        "cpu": str(_CPUS_PER_REPLICA * replicas),
        "memory": f"{_MEMORY_PER_REPLICA_GIB * replicas}Gi",
        "ephemeral-storage": f"{_MEMORY_PER_REPLICA_GIB * replicas}Gi",
        "pods": str(replicas + others),
        **accelerators,
    }


def _conditions(now: str) -> list[dict[str, str]]:
    pressures = ("MemoryPressure", "DiskPressure", "PIDPressure")
    found = [("False", kind, f"KubeletHasNo{kind}") for kind in pressures]
    return [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        for status, kind, reason in [*found, ("True", "Ready", "KubeletReady")]
    ]


def _info(version: str) -> dict[str, str]:
    """Return what the API requires of a node's software."""
    return {
        "architecture": "amd64",
        "operatingSystem": "linux",
        "kubeletVersion": version,
        "kubeProxyVersion": "",
        "containerRuntimeVersion": "scalecert://1",
        "osImage": "",
        "kernelVersion": "",
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
    }
