"""Pods' lives under the agent, with an API server and processes of the test."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worlds.local.node_agent.fakes import (
    FakeApi,
    FakeProcess,
    FakeProcesses,
    being_deleted,
    bound,
    eventually,
)
from worlds.local.node_agent.pods import L4, PLAIN, SERVER, pod_object, pod_spec

from scalecert.exporters.dcgm import DAEMONS
from scalecert.scenario.model import Nodes
from scalecert.units import Duration
from scalecert.worlds.local.node_agent.agent import Agent
from scalecert.worlds.local.node_agent.config import AgentConfig, NodeKind
from scalecert.worlds.local.node_agent.log import Log
from scalecert.worlds.local.node_agent.pod_objects import PodObject
from scalecert.worlds.local.node_agent.pod_watch import PodEvent
from scalecert.worlds.local.node_agent.records import PODS_FILE, ROUTES_FILE

KIND = NodeKind(labels=L4, resource="nvidia.com/gpu", accelerators=1)
TCP = {"tcpSocket": {"port": 1}, "periodSeconds": 1, "failureThreshold": 1}
"""A probe that fails: nobody listens."""


@dataclass
class World:
    """An agent with its fakes."""

    agent: Agent
    api: FakeApi
    processes: FakeProcesses
    directory: Path

    def tell(self, kind: str, pod: PodObject) -> None:
        """Let the watch tell of a pod."""
        self.agent.take([PodEvent(kind, pod)])

    def events(self, name: str) -> list[str]:
        """Return the steps of a pod's life so far."""
        lines = (self.directory / PODS_FILE).read_text().splitlines()
        read = [json.loads(line) for line in lines]
        return [line["what"] for line in read if line["pod"] == name]

    def routed(self) -> list[str]:
        """Return the pods that requests go to."""
        pods = json.loads((self.directory / ROUTES_FILE).read_text())["pods"]
        return [pod["name"] for pod in pods]

    async def running(self, pod: PodObject) -> FakeProcess:
        """Let a pod come, be bound and run; return its server."""
        count = len(self.processes.started)
        self.tell("ADDED", pod)
        await eventually(lambda: "node-0" in self.api.nodes)
        self.tell("MODIFIED", bound(pod, "node-0"))
        await eventually(lambda: len(self.processes.started) > count)
        return self.processes.started[-1]


def play(directory: Path, play: Callable[[World], Awaitable[None]], **fields: Any) -> None:
    """Let an agent live for the time of a play."""

    async def run() -> None:
        given = {"image_pull_seconds": 0.0, "speed": 100.0, "nodes": Nodes(warm=4)}
        config = AgentConfig(
            kubeconfig="", subnet="127.7.7", directory=str(directory), **{**given, **fields}
        )
        api, processes = FakeApi(), FakeProcesses()
        await play(World(Agent(config, api, processes, Log()), api, processes, directory))

    asyncio.run(run())


def test_a_pod_comes_and_goes(tmp_path: Path):
    """Each step is told, requests go to it while it is ready, and its object goes last."""

    async def life(world: World) -> None:
        pod = pod_object("a")
        server = await world.running(pod)
        await eventually(lambda: world.api.ready("a"))
        assert world.routed() == ["a"]
        assert server.option("--host") == world.api.statuses["a"][-1]["podIP"]
        server.hears("loading the model takes 3 s")
        server.hears("ready")
        world.tell("MODIFIED", being_deleted(bound(pod, "node-0"), 30))
        assert world.routed() == []
        await eventually(lambda: world.api.deleted == ["a"])
        assert world.api.phase("a") == "Succeeded"
        assert server.signals == [signal.SIGTERM]
        await eventually(lambda: "gone" in world.events("a"))
        assert world.events("a") == [
            "created",
            "bound",
            "started",
            "ready",
            "listening",
            "terminating",
            "exited",
            "gone",
        ]

    play(tmp_path, life)


def test_pods_are_counted_in_the_order_of_their_creation(tmp_path: Path):
    """Whatever is bound first; a pod that a node has made itself is none of them."""

    async def life(world: World) -> None:
        mirror = {"kubernetes.io/config.mirror": "x"}
        world.tell("ADDED", pod_object("own", annotations=mirror))
        world.tell("ADDED", pod_object("a"))
        await world.running(pod_object("b"))
        lines = (world.directory / PODS_FILE).read_text().splitlines()
        assert {(json.loads(one)["pod"], json.loads(one)["ordinal"]) for one in lines} == {
            ("a", 0),
            ("b", 1),
        }

    play(tmp_path, life)


def test_a_server_that_does_not_end_is_killed(tmp_path: Path):
    """After its grace period, and its pod has failed."""

    async def life(world: World) -> None:
        pod = pod_object("a")
        server = await world.running(pod)
        server.stubborn = True
        await eventually(lambda: world.api.ready("a"))
        world.tell("MODIFIED", being_deleted(bound(pod, "node-0"), 0))
        await eventually(lambda: world.api.deleted)
        assert server.signals == [signal.SIGTERM, signal.SIGKILL]
        assert world.api.phase("a") == "Failed"
        assert world.api.container("a")["state"]["terminated"]["exitCode"] == 137

    play(tmp_path, life)


def test_a_pre_stop_hook_comes_before_sigterm(tmp_path: Path):
    """The server goes on meanwhile, though no new requests come; if it ends, so does the wait."""

    async def life(world: World) -> None:
        hook = {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "60"]}}}}
        pod = pod_object("a", pod_spec(SERVER | hook))
        server = await world.running(pod)
        await eventually(lambda: world.api.ready("a"))
        world.tell("MODIFIED", being_deleted(bound(pod, "node-0"), 120))
        await eventually(lambda: not world.routed())
        assert server.signals == []
        assert world.api.ready("a")
        server.end(0)
        await eventually(lambda: world.api.deleted)
        assert server.signals == []

    play(tmp_path, life)


def test_a_pod_that_is_deleted_during_its_image_pull_never_runs(tmp_path: Path):
    """It goes at once."""

    async def life(world: World) -> None:
        pod = pod_object("a")
        world.tell("ADDED", pod)
        await eventually(lambda: world.api.nodes)
        world.tell("MODIFIED", bound(pod, "node-0"))
        await eventually(lambda: world.api.phase("a") == "Pending")
        world.tell("MODIFIED", being_deleted(bound(pod, "node-0"), 30))
        await eventually(lambda: world.api.deleted)
        assert world.processes.started == []
        assert world.api.phase("a") == "Failed"

    play(tmp_path, life, image_pull_seconds=600.0)


def test_a_pod_that_is_removed_by_force_is_killed(tmp_path: Path):
    """Nothing is written to the API server about it any more."""

    async def life(world: World) -> None:
        pod = pod_object("a")
        server = await world.running(pod)
        await eventually(lambda: world.api.ready("a"))
        world.api.gone.add("a")
        world.tell("DELETED", bound(pod, "node-0"))
        await eventually(lambda: "gone" in world.events("a"))
        assert signal.SIGKILL in server.signals
        assert world.api.deleted == []
        assert world.routed() == []

    play(tmp_path, life)


def test_a_pod_that_was_never_bound_just_goes(tmp_path: Path):
    """The API server removes it by itself."""

    async def life(world: World) -> None:
        world.tell("ADDED", pod_object("a"))
        world.tell("DELETED", pod_object("a"))
        assert world.events("a") == ["created", "terminating", "gone"]

    play(tmp_path, life)


def test_a_server_that_crashes_is_started_again(tmp_path: Path):
    """Each attempt has a log of its own; the pod is ready again."""

    async def life(world: World) -> None:
        server = await world.running(pod_object("a"))
        await eventually(lambda: world.api.ready("a"))
        for attempt in (1, 2):
            server.end(1)
            await eventually(lambda before=server: world.processes.started[-1] is not before)
            server = world.processes.started[-1]
            assert server.log.name == f"server.{attempt}.log"
            await eventually(lambda: world.api.ready("a"))
        assert world.api.container("a")["restartCount"] == 2
        assert world.events("a").count("exited") == 2
        assert world.routed() == ["a"]

    play(tmp_path, life)


def test_a_server_that_can_not_be_started_is_tried_again(tmp_path: Path):
    """As one that ended at once."""

    async def life(world: World) -> None:
        world.processes.refuses = 2
        await world.running(pod_object("a"))
        await eventually(lambda: world.api.ready("a"))
        last = world.api.container("a")
        assert last["lastState"]["terminated"]["exitCode"] == 128
        assert last["restartCount"] >= 1

    play(tmp_path, life)


def test_a_server_that_fails_its_liveness_probe_is_ended_and_started_again(tmp_path: Path):
    """By SIGTERM, as the kubelet does it."""

    async def life(world: World) -> None:
        server = await world.running(pod_object("a", pod_spec(SERVER | {"livenessProbe": TCP})))
        await eventually(lambda: server.signals)
        assert server.signals == [signal.SIGTERM]
        await eventually(lambda: len(world.processes.started) > 1)

    play(tmp_path, life)


def test_a_server_is_ready_when_its_probes_say_so(tmp_path: Path):
    """Neither while its startup probe fails nor while its readiness probe does."""

    async def life(world: World) -> None:
        listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        answers = {"tcpSocket": {"host": "127.0.0.1", "port": port}, "periodSeconds": 1}
        fails = TCP | {"failureThreshold": 1000}
        for name, probes in {
            "not-started": {"startupProbe": fails},
            "not-ready": {"startupProbe": answers, "readinessProbe": fails},
            "ready": {"startupProbe": answers, "readinessProbe": answers},
        }.items():
            await world.running(pod_object(name, pod_spec(SERVER | probes)))
        await eventually(lambda: world.api.ready("ready"))
        await eventually(lambda: world.api.container("not-ready")["started"])
        assert not world.api.container("not-started")["started"]
        assert world.routed() == ["ready"]
        listening.close()

    play(tmp_path, life)


def test_containers_without_a_server_are_taken_to_run(tmp_path: Path):
    """Their names are in the status, and they end with their pod."""

    async def life(world: World) -> None:
        spec = pod_spec(SERVER, PLAIN, initContainers=[PLAIN | {"name": "init"}])
        pod = pod_object("a", spec)
        await world.running(pod)
        await eventually(lambda: world.api.ready("a"))
        assert world.api.container("a", 1)["name"] == "sleeper"
        assert len(world.processes.started) == 1
        world.tell("MODIFIED", being_deleted(bound(pod, "node-0"), 30))
        await eventually(lambda: world.api.deleted)
        assert world.api.phase("a") == "Succeeded"

    play(tmp_path, life)


def test_a_server_that_can_not_be_told_waits_with_the_reason(tmp_path: Path):
    """As a container does whose configuration is wrong."""

    async def life(world: World) -> None:
        unknown = SERVER | {"args": ["--model=nobody/knows"]}
        pod = pod_object("a", pod_spec(unknown))
        world.tell("ADDED", pod)
        await eventually(lambda: world.api.nodes)
        world.tell("MODIFIED", bound(pod, "node-0"))
        await eventually(lambda: "waiting" in str(world.api.statuses.get("a")))
        await eventually(lambda: "nobody/knows" in str(world.api.container("a")["state"]))
        assert world.processes.started == []
        assert world.api.phase("a") == "Pending"

    play(tmp_path, life)


def test_a_pod_that_was_bound_before_its_node_was_known_runs(tmp_path: Path):
    """The scheduler may remember a node of that name."""

    async def life(world: World) -> None:
        world.tell("ADDED", bound(pod_object("a"), "node-0"))
        await eventually(lambda: world.api.ready("a"))

    play(tmp_path, life)


def test_nodes_are_there_from_the_start_where_it_is_known_what_they_are_like(tmp_path: Path):
    """Others come with the pods that need them, when they are provisioned."""

    async def life(world: World) -> None:
        world.api.nodes["old"] = {}
        await world.agent.nodes.register_warm_nodes()
        assert list(world.api.nodes) == ["node-0", "node-1"]
        for name in "abc":
            world.tell("ADDED", pod_object(name))
        await eventually(lambda: "node-2" in world.api.nodes)

    nodes = Nodes(warm=2, maximum=3, provisioning=Duration(0.01))
    play(tmp_path, life, node_kind=KIND, nodes=nodes)


def test_a_node_has_its_exporters_and_servers_find_them(tmp_path: Path):
    """On the node's address, with a pod for each to be found by."""

    async def life(world: World) -> None:
        await world.agent.nodes.register_warm_nodes()
        await eventually(lambda: len(world.api.own_pods) == len(world.processes.started) == 1)
        (exporters,) = world.processes.started
        assert exporters.arguments[:2] == ["mock", "accelerator"]
        assert (exporters.option("--accelerator"), exporters.option("--count")) == ("l4", "2")
        (pod,) = world.api.own_pods.values()
        assert pod["metadata"]["labels"] == DAEMONS[0].labels
        server = await world.running(pod_object("a"))
        assert server.option("--node-dir") == exporters.option("--node-dir")
        assert server.option("--pod") == "default/a"

    nodes = Nodes(warm=1, replicas_per_node=2)
    play(tmp_path, life, node_kind=KIND, nodes=nodes, exporters=DAEMONS[:1])


def test_usage_is_written_from_the_start(tmp_path: Path):
    """Of every container that runs."""

    async def life(world: World) -> None:
        task = asyncio.create_task(world.agent.watch_usage())
        await world.running(pod_object("a", pod_spec(SERVER, PLAIN)))
        file = world.directory / "usage.json"
        await eventually(lambda: file.exists() and json.loads(file.read_text())["pods"])
        (pod,) = json.loads(file.read_text())["pods"]
        await eventually(lambda: len(json.loads(file.read_text())["pods"][0]["containers"]) == 2)
        assert (pod["namespace"], pod["name"]) == ("default", "a")
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    play(tmp_path, life, usage_interval_seconds=0.01)
