"""Nodes as the API server is told of them."""

from __future__ import annotations

from worlds.local.node_agent.pods import L4

from scalecert.worlds.local.node_agent.config import NodeKind
from scalecert.worlds.local.node_agent.node_object import node_object
from scalecert.worlds.local.node_agent.nodes import Node


def made(kind: NodeKind) -> dict[str, object]:
    node = Node(3, kind, 0.0)
    return node_object(node, replicas=2, others=1, address="127.7.7.2", version="v1", now=0.0)


def test_a_node_is_full_with_its_replicas():
    """By their accelerators, and by the number of its pods."""
    status = made(NodeKind(labels=L4, resource="google.com/tpu", accelerators=8))["status"]
    assert isinstance(status, dict)
    assert (status["capacity"]["google.com/tpu"], status["capacity"]["pods"]) == ("16", "3")
    assert status["allocatable"] == status["capacity"]


def test_a_node_is_ready_and_has_the_labels_that_pods_ask_for():
    """Its own name is one of them."""
    node = made(NodeKind(labels=L4))
    assert isinstance(node["metadata"], dict)
    assert isinstance(node["status"], dict)
    wanted = {**L4, "kubernetes.io/hostname": "node-3"}
    assert wanted.items() <= node["metadata"]["labels"].items()
    conditions = {one["type"]: one["status"] for one in node["status"]["conditions"]}
    assert conditions == {
        "Ready": "True",
        "MemoryPressure": "False",
        "DiskPressure": "False",
        "PIDPressure": "False",
    }
