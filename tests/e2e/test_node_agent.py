"""The node agent on a real control plane: what a Deployment's pods go through."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from control_planes import Plane, open_plane, wait_until
from worlds.local.node_agent.pods import SERVER, pod_spec

from scalecert.scenario.model import Nodes
from scalecert.units import Duration
from scalecert.worlds.local.control_plane import ControllerFlags
from scalecert.worlds.local.node_agent.config import AgentConfig, write_config
from scalecert.worlds.local.node_agent.records import PODS_FILE, ROUTES_FILE
from scalecert.worlds.local.supervisor.descendants import descendants_of

pytestmark = pytest.mark.e2e

PROBE = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1}
PROBES = {"startupProbe": PROBE | {"failureThreshold": 60}, "readinessProbe": PROBE}


@dataclass(frozen=True)
class Cluster:
    """A control plane with a node agent."""

    plane: Plane
    folder: Path

    def start_agent(self) -> None:
        """Start the node agent, and wait until it says that it is ready."""
        file = self.plane.directory.path / "node-agent.json"
        config = AgentConfig(
            kubeconfig=str(self.plane.control_plane.kubeconfig),
            subnet=self.plane.directory.subnet,
            directory=str(self.folder),
            speed=10.0,
            nodes=Nodes(warm=1, maximum=3, provisioning=Duration(1.0)),
            image_pull_seconds=0.5,
            model_load_seconds=0.5,
        )
        write_config(file, config)
        processes = self.plane.directory.processes
        words = [sys.executable, "-m", "scalecert.worlds.local.node_agent", str(file)]
        processes.start("node-agent", words)
        processes.wait_for_line("node-agent", "ready", timeout_seconds=30.0)

    def deploy(self, name: str, replicas: int) -> None:
        """Apply a Deployment of mock servers, and wait until all are ready."""
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": pod_spec(SERVER | PROBES)}
        self.plane.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": labels},
                    "template": template,
                },
            }
        )
        wait_until(lambda: self.ready(name) == replicas)

    def ready(self, name: str) -> int:
        """Return how many replicas the Deployment's controller takes to be ready."""
        return int(self.plane.get("deployment", name)["status"].get("readyReplicas", 0))

    def steps(self, name: str) -> list[tuple[str, str]]:
        """Return what has happened to the pods of a Deployment: which pod, and what."""
        lines = (self.folder / PODS_FILE).read_text().splitlines()
        read = [json.loads(line) for line in lines]
        return [(one["pod"], one["what"]) for one in read if one["pod"].startswith(f"{name}-")]

    def routed(self) -> list[dict[str, Any]]:
        """Return the pods that requests go to."""
        found: list[dict[str, Any]] = json.loads((self.folder / ROUTES_FILE).read_text())["pods"]
        return found

    def log_of(self, pod: str) -> str:
        """Return what a pod's server has printed since it was started last."""
        return max((self.folder / "pods").glob(f"*_{pod}_*/server.*.log")).read_text()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with open_plane("e2e-node-agent") as plane:
        plane.control_plane.start_controllers(ControllerFlags())
        cluster = Cluster(plane, plane.directory.path / "agent")
        cluster.start_agent()
        yield cluster


def test_the_agent_ends_at_once_with_its_servers(cluster: Cluster):
    """SIGTERM leaves nothing of them; the next agent takes the pods up again.

    Those of its warm node: it knows of none that was provisioned before it. So this comes first.
    """
    cluster.deploy("end", 1)
    (pod,) = cluster.routed()
    server = _server(cluster.plane)
    cluster.plane.directory.processes.stop("node-agent")
    wait_until(lambda: server not in descendants_of(cluster.plane.directory.processes.pid))
    cluster.start_agent()
    wait_until(lambda: [one["name"] for one in cluster.routed()] == [pod["name"]])
    cluster.plane.kubectl("delete", "deployment", "end", "--wait")
    wait_until(lambda: cluster.routed() == [])


def test_a_deployment_scales_up_and_down(cluster: Cluster):
    """One warm node, two that are provisioned; each pod goes through its whole life."""
    cluster.deploy("life", 1)
    cluster.plane.kubectl("scale", "deployment", "life", "--replicas=3")
    wait_until(lambda: cluster.ready("life") == 3)
    assert len({one["address"] for one in cluster.routed()}) == 3
    assert len(json.loads(cluster.plane.kubectl("get", "nodes", "-o", "json"))["items"]) == 3
    cluster.plane.kubectl("delete", "deployment", "life", "--wait")
    wait_until(lambda: sum(what == "gone" for _, what in cluster.steps("life")) == 3)
    assert cluster.routed() == []
    lives: dict[str, list[str]] = {}
    for pod, what in cluster.steps("life"):
        lives.setdefault(pod, []).append(what)
    whole = ["created", "bound", "started", "listening", "ready", "terminating", "exited", "gone"]
    assert list(lives.values()) == [whole] * 3


def test_a_server_that_crashes_comes_back(cluster: Cluster):
    """Its pod is not ready meanwhile, and requests go elsewhere."""
    cluster.deploy("crash", 1)
    (pod,) = cluster.routed()
    server = _server(cluster.plane)
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: tuple(_last(cluster, "crash", "exited", "ready")) == ("exited", "ready"))
    assert "ready" in cluster.log_of(pod["name"])
    status = cluster.plane.get("pod", pod["name"])["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 137
    cluster.plane.kubectl("delete", "deployment", "crash", "--wait")
    wait_until(lambda: cluster.routed() == [])


def _last(cluster: Cluster, name: str, *kinds: str) -> list[str]:
    """Return the last steps of some kinds, as many as kinds."""
    return [what for _, what in cluster.steps(name) if what in kinds][-len(kinds) :]


def _server(plane: Plane) -> int:
    """Return the process of the mock server that runs: its name says what it is."""
    processes = descendants_of(plane.directory.processes.pid)
    names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in processes}
    (server,) = (pid for pid, name in names.items() if name == "mock vllm")
    return server
