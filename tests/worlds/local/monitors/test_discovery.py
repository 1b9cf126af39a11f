"""Targets of pods, as Prometheus' own discovery has them."""

from __future__ import annotations

import json

from worlds.local.monitors.pods import api_pod

from scalecert.worlds.local.monitors.discovery import Labels, discovered, target_groups

PREFIX = "__meta_kubernetes_pod"
WEB = {
    "metadata": {
        "name": "web-6d4cf56db6-abcde",
        "namespace": "default",
        "uid": "1-2-3",
        "labels": {"app.kubernetes.io/name": "web"},
        "annotations": {"example.com/team": "a"},
        "ownerReferences": [
            {"kind": "Thing", "name": "other"},
            {"kind": "ReplicaSet", "name": "web-6d4cf56db6", "controller": True},
        ],
    },
    "spec": {
        "nodeName": "node-0",
        "containers": [
            {
                "name": "server",
                "image": "vllm:1",
                "ports": [
                    {"name": "http", "containerPort": 8000, "protocol": "TCP"},
                    {"containerPort": 9000},
                ],
            },
            {"name": "sidecar", "image": "proxy:1"},
        ],
        "initContainers": [{"name": "download", "image": "curl:1"}],
    },
    "status": {
        "phase": "Running",
        "podIP": "127.9.9.10",
        "hostIP": "127.9.9.2",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "server", "containerID": "process://17"}],
    },
}


def labels() -> list[tuple[str, Labels]]:
    """Return address and labels of each target of `WEB`."""
    return [(group.targets[0], group.labels) for group in target_groups(api_pod(WEB))]


def test_each_declared_port_is_a_target_and_so_is_a_container_without_any() -> None:
    """As with `role: pod`: a port each; the bare address where nothing is declared."""
    found = [
        (address, own[f"{PREFIX}_container_name"], own.get(f"{PREFIX}_container_port_name"))
        for address, own in labels()
    ]
    assert found == [
        ("127.9.9.10:8000", "server", "http"),
        ("127.9.9.10:9000", "server", ""),
        ("127.9.9.10", "sidecar", None),
        ("127.9.9.10", "download", None),
    ]


def test_a_target_has_every_label_of_its_pod() -> None:
    """Names, addresses, phase, readiness, controller, labels and annotations, made safe."""
    _, own = labels()[0]
    assert own == {
        "__meta_kubernetes_namespace": "default",
        f"{PREFIX}_name": "web-6d4cf56db6-abcde",
        f"{PREFIX}_uid": "1-2-3",
        f"{PREFIX}_ip": "127.9.9.10",
        f"{PREFIX}_host_ip": "127.9.9.2",
        f"{PREFIX}_node_name": "node-0",
        f"{PREFIX}_phase": "Running",
        f"{PREFIX}_ready": "true",
        f"{PREFIX}_controller_kind": "ReplicaSet",
        f"{PREFIX}_controller_name": "web-6d4cf56db6",
        f"{PREFIX}_label_app_kubernetes_io_name": "web",
        f"{PREFIX}_labelpresent_app_kubernetes_io_name": "true",
        f"{PREFIX}_annotation_example_com_team": "a",
        f"{PREFIX}_annotationpresent_example_com_team": "true",
        f"{PREFIX}_container_name": "server",
        f"{PREFIX}_container_id": "process://17",
        f"{PREFIX}_container_image": "vllm:1",
        f"{PREFIX}_container_init": "false",
        f"{PREFIX}_container_port_name": "http",
        f"{PREFIX}_container_port_number": "8000",
        f"{PREFIX}_container_port_protocol": "TCP",
    }


def test_a_pod_without_an_address_is_no_target() -> None:
    """A pod that is not bound, or whose sandbox is not there, has nothing to scrape."""
    waiting = {**WEB, "status": {"phase": "Pending"}}
    assert list(target_groups(api_pod(waiting))) == []


def test_the_document_does_not_depend_on_the_order_of_pods() -> None:
    """Prometheus reads it anew when it differs: an order of answers is no difference."""
    other = api_pod({**WEB, "metadata": {"name": "a", "namespace": "default"}})
    web = api_pod(WEB)
    assert discovered([web, other]) == discovered([other, web])
    first = json.loads(discovered([web, other]))[0]
    assert first["labels"][f"{PREFIX}_name"] == "a"
    assert first["targets"] == ["127.9.9.10:8000"]
