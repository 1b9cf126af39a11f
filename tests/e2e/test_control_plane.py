"""The control plane, end to end: Kubernetes' own processes do what the world needs of them."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from control_planes import Plane, open_plane, status_at, wait_until
from e2e.metrics_stub import GROUP_VERSION, metrics_stub

from scalecert.clock import unix_seconds
from scalecert.worlds.local.control_plane import ControllerFlags
from scalecert.worlds.local.control_plane.certificates import make_pki

pytestmark = pytest.mark.e2e

SYNC_SECONDS = 1.0


@pytest.fixture(scope="module")
def plane() -> Iterator[Plane]:
    with open_plane("e2e-control-plane") as plane:
        yield plane


def test_kubectl_works_with_the_kubeconfig(plane: Plane):
    """The administrator's kubeconfig is all that kubectl needs; the version is the pinned one."""
    assert plane.kubectl("get", "--raw", "/readyz") == "ok"
    assert "Server Version: v1.36.3" in plane.kubectl("version")


def test_only_the_clusters_certificates_are_let_in(plane: Plane, tmp_path: Path):
    """No certificate, another world's, and the aggregation layer's are refused."""
    pki = plane.control_plane.pki
    others = make_pki(tmp_path / "pki", "127.0.0.1", now_seconds=unix_seconds())
    url = f"{plane.control_plane.api_url}/api/v1/namespaces"
    assert status_at(url, pki.ca, pki.admin) == 200
    for client in (None, others.admin, pki.front_proxy, pki.etcd_client):
        assert status_at(url, pki.ca, client) == 401


def test_etcd_answers_the_api_server_alone(plane: Plane):
    """Whoever could read etcd would have every secret: not even the administrator can."""
    pki = plane.control_plane.pki
    url = f"{plane.control_plane.endpoints.etcd_url}/health"
    assert status_at(url, pki.etcd_ca, pki.etcd_client) == 200
    for client in (None, pki.admin, pki.controller_manager):
        assert status_at(url, pki.etcd_ca, client) is None


def test_everything_listens_on_the_worlds_address(plane: Plane, tmp_path: Path):
    """Nothing of a control plane can be reached from another machine, Prometheus included."""
    config = tmp_path / "prometheus.yml"
    config.write_text("global: {scrape_interval: 5s}\n")
    plane.control_plane.start_prometheus(config, lookback_seconds=300)
    plane.control_plane.start_controllers(ControllerFlags())
    try:
        assert plane.listening() == {plane.directory.address}
    finally:
        plane.control_plane.stop_controllers()
        plane.control_plane.stop_prometheus()


def test_nobody_else_can_read_a_private_key(plane: Plane):
    """Private keys and kubeconfigs have mode 0600, their folders 0700."""
    folder = plane.directory.path
    keys = [*folder.glob("pki/*.key"), *folder.glob("*.kubeconfig")]
    assert len(keys) >= 12
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys} == {0o600}
    assert {stat.S_IMODE(file.stat().st_mode) for file in (folder, folder / "pki")} == {0o700}


def node(name: str) -> dict[str, Any]:
    room = {"cpu": "8", "memory": "32Gi", "pods": "10", "nvidia.com/gpu": "1"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
    }


def test_a_pod_is_bound_to_a_node_that_has_room(plane: Plane):
    """The scheduler binds a pod once a node with its accelerator is there, and not before."""
    limits = {"nvidia.com/gpu": "1"}
    container = {"name": "server", "image": "x", "resources": {"limits": limits}}
    plane.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "waiting"},
            "spec": {"containers": [container]},
        }
    )
    wait_until(lambda: "conditions" in plane.get("pod", "waiting")["status"])
    assert plane.get("pod", "waiting")["status"]["conditions"][0]["reason"] == "Unschedulable"
    plane.kubectl("create", "-f", "-", given=node("with-gpu"))
    plane.kubectl("taint", "node", "with-gpu", "node.kubernetes.io/not-ready-")
    wait_until(lambda: plane.get("pod", "waiting")["spec"].get("nodeName") == "with-gpu")
    plane.kubectl("delete", "pod/waiting", "--force")
    plane.kubectl("delete", "node/with-gpu")


def aggregated(plane: Plane, port: int) -> list[dict[str, Any]]:
    """Return what makes kube-apiserver forward the external metrics API."""
    group, _, version = GROUP_VERSION.partition("/")
    service = {"name": "metrics-stub", "namespace": "kube-system"}
    bundle = base64.b64encode(plane.control_plane.pki.ca.read_bytes()).decode()
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": service,
            "spec": {
                "type": "ExternalName",
                "externalName": plane.directory.address,
                "ports": [{"port": port}],
            },
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{version}.{group}"},
            "spec": {
                "group": group,
                "version": version,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": service | {"port": port},
                "caBundle": bundle,
            },
        },
    ]


def scaled() -> list[dict[str, Any]]:
    """Return a Deployment and an HPA that wants a replica for each ten of a queue."""
    labels = {"app": "scaled"}
    container = {"name": "server", "image": "x"}
    target = {"type": "AverageValue", "averageValue": "10"}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "scaled"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "scaled"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"},
                "minReplicas": 1,
                "maxReplicas": 5,
                "metrics": [
                    {
                        "type": "External",
                        "external": {"metric": {"name": "queue"}, "target": target},
                    }
                ],
            },
        },
    ]


def test_the_hpa_reads_an_aggregated_api_and_scales(plane: Plane):
    """1 → 3 → 1 replicas by a metric behind an APIService; new controllers go on from there."""
    controllers = ControllerFlags(
        sync_period_seconds=SYNC_SECONDS, downscale_stabilization_seconds=SYNC_SECONDS
    )
    with metrics_stub(plane.control_plane.pki, plane.directory.address) as (stub, port):
        for manifest in aggregated(plane, port):
            plane.apply(manifest)
        plane.control_plane.start_controllers(controllers)
        for manifest in scaled():
            plane.apply(manifest)
        stub.value = 30
        wait_until(lambda: plane.get("deployment", "scaled")["spec"]["replicas"] == 3)
        wait_until(lambda: plane.get("deployment", "scaled")["status"].get("replicas") == 3)
        assert "Proposing desired replicas" in plane.log("kube-controller-manager")
        assert "system:kube-controller-manager" in stub.users
        plane.control_plane.stop_controllers()
        stub.value = 0
        plane.control_plane.start_controllers(controllers)
        wait_until(lambda: plane.get("deployment", "scaled")["status"]["replicas"] == 1)
        plane.kubectl("delete", "hpa/scaled", "deployment/scaled")
        wait_until(lambda: plane.kubectl("get", "pods", "-o", "name") == "")
        plane.control_plane.stop_controllers()
