"""The node agent: cluster autoscaler and kubelet of all nodes.

PodWatch ── events ──> Agent ── NodePools ──> nodes in the API server, when they are due
                         └── PodRunner, one for each pod that is bound
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import urllib3

from scalecert.clock import unix_seconds
from scalecert.documents import sha256_digest, write_atomic
from scalecert.engines.profiles import profile_text
from scalecert.errors import UsageError
from scalecert.worlds.local.node_agent.addresses import AddressPool, node_address
from scalecert.worlds.local.node_agent.config import AgentConfig, run_start
from scalecert.worlds.local.node_agent.kube_api import Api, ApiError, PodEvent
from scalecert.worlds.local.node_agent.log import Log
from scalecert.worlds.local.node_agent.node_object import node_object
from scalecert.worlds.local.node_agent.nodes import Node, NodePools, node_kind_of
from scalecert.worlds.local.node_agent.pod_objects import (
    PodIdentity,
    PodObject,
    PodSpec,
    read_spec,
)
from scalecert.worlds.local.node_agent.pod_runner import Place, PodRunner
from scalecert.worlds.local.node_agent.processes import Process, Starts
from scalecert.worlds.local.node_agent.records import Records
from scalecert.worlds.local.node_agent.servers import (
    Server,
    ServerTable,
    environment,
    mock_arguments,
)
from scalecert.worlds.local.node_agent.timings import NO_GRACE_OF_ITS_OWN_SECONDS, Timings
from scalecert.worlds.local.node_agent.usage import usage_of, write_usage

_KUBELET_VERSION = "v1.36.3"
_MIRROR = "kubernetes.io/config.mirror"
"""Annotation of pods that a node has made itself: they are its own affair."""
_WRITERS = 2
"""Threads that speak to the API server, beside that of the watch."""
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
"""What the API server says of a pod that is not there any more, or is another one by now."""


@dataclass(slots=True, eq=False)
class _Tracked:
    """A pod, and what runs for it."""

    identity: PodIdentity
    spec: PodSpec | None
    problem: str = ""
    bound: bool = False
    runner: PodRunner | None = None
    task: asyncio.Task[None] | None = field(default=None)


class Agent:
    """All nodes of a world.

    Args:
        config: what it was started with.
        api: the API server.
        processes: start mock servers.
        log: for people.
    """

    def __init__(self, config: AgentConfig, api: Api, processes: Starts, log: Log) -> None:
        self.timings = Timings(config.image_pull_seconds, config.model_load_seconds, config.speed)
        self._directory = Path(config.directory)
        self.records = Records(self._directory)
        self._config = config
        self._api = api
        self._processes = processes
        self._log = log
        self._pools = NodePools(config.nodes)
        self._addresses = AddressPool(config.subnet)
        self._servers = ServerTable(config.images, config.profiles)
        self._nodes: dict[str, Node] = {}
        self._pods: dict[str, _Tracked] = {}
        self._created = 0
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="api")
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- nodes ---------------------------------------------------------------------------------

    async def register_warm_nodes(self) -> None:
        """Register the nodes that are there from the start, if it is known what they are like."""
        if self._config.node_kind is not None:
            warm = self._pools.add_kind(self._config.node_kind)
            await asyncio.gather(*(self._register(node) for node in warm))

    def _come(self, nodes: list[Node]) -> None:
        for node in nodes:
            self._spawn(self._register(node))

    async def _register(self, node: Node) -> None:
        """Register a node when it is due."""
        await asyncio.sleep(max(0.0, node.at - unix_seconds()))
        document = node_object(
            node,
            replicas=self._config.nodes.replicas_per_node,
            address=node_address(self._config.subnet, node.index),
            version=_KUBELET_VERSION,
            now=unix_seconds(),
        )
        self._nodes[node.name] = node
        await self._call(self._api.register_node, document)

    # -- pods ----------------------------------------------------------------------------------

    def take(self, events: list[PodEvent]) -> None:
        """Take what the watch tells."""
        start = run_start(self._directory)
        if start is not None:
            self._pools.begin_run(start)
        for event in events:
            meta = event.pod.metadata
            if _MIRROR in meta.annotations:
                continue
            tracked = self._pods.get(meta.uid)
            if event.kind == "DELETED":
                if tracked is not None:
                    self._deleted(tracked)
            elif tracked is not None or not event.pod.is_over:
                self._update(tracked or self._track(event.pod), event.pod)

    def _track(self, pod: PodObject) -> _Tracked:
        """Take notice of a new pod, and see to it that there is a node for it."""
        meta = pod.metadata
        identity = PodIdentity(meta.name, meta.namespace, meta.uid, self._created, meta.labels)
        self._created += 1
        tracked = _Tracked(identity, None)
        self._pods[meta.uid] = tracked
        self.records.pod(identity, "created")
        try:
            tracked.spec = read_spec(pod)
        except UsageError as error:
            self._log.say(f"pod {identity}: {error}")
            return tracked
        kind = node_kind_of(tracked.spec)
        self._come(self._pools.want(meta.uid, kind, unix_seconds()))
        return tracked

    def _update(self, tracked: _Tracked, pod: PodObject) -> None:
        if not tracked.bound and pod.node_name in self._nodes:
            tracked.bound = True
            self._run(tracked, pod.node_name)
        meta = pod.metadata
        if meta.deletion_timestamp is not None and tracked.runner is not None:
            tracked.runner.terminate(float(meta.deletion_grace_period_seconds or 0))

    def _run(self, tracked: _Tracked, node: str) -> None:
        """Let a pod that was bound to one of our nodes live."""
        address, identity, spec = self._addresses.take(), tracked.identity, tracked.spec
        if address is None or spec is None:
            self._log.say(f"pod {identity}: no address is left, or it can't be read")
            return
        place = Place(
            identity,
            spec,
            node,
            address,
            node_address(self._config.subnet, self._nodes[node].index),
            self._directory / "pods" / f"{identity.namespace}_{identity.name}_{identity.uid}",
        )
        self.records.pod(identity, "bound", node=node, address=address)
        server, problem = self._server_of(place)
        tracked.runner = PodRunner(place, server, self, problem)
        tracked.task = self._spawn(tracked.runner.run())
        tracked.task.add_done_callback(lambda _: self._addresses.give_back(address))

    def _server_of(self, place: Place) -> tuple[Server | None, str]:
        """Return a pod's mock server, or why there is none where there should be one."""
        try:
            return self._servers.server_of(place.spec), ""
        except UsageError as error:
            self._log.say_once(f"pod {place.pod.namespace}/{place.pod.name}: {error}")
            return None, str(error)

    def _deleted(self, tracked: _Tracked) -> None:
        """The pod is not in the API server any more."""
        identity = tracked.identity
        del self._pods[identity.uid]
        if tracked.runner is None:
            self.records.pod(identity, "terminating")
            self.records.pod(identity, "gone")
        elif tracked.task is not None and not tracked.task.done():
            tracked.runner.vanish()
        self._come(self._pools.forget(identity.uid, unix_seconds()))

    # -- what pods need ------------------------------------------------------------------------

    async def write_status(self, pod: PodIdentity, status: dict[str, Any]) -> None:
        """Write a pod's status to the API server."""
        await self._call(self._api.patch_pod_status, pod.namespace, pod.name, pod.uid, status)

    async def remove(self, pod: PodIdentity) -> None:
        """Remove a pod that has ended from the API server."""
        await self._call(self._api.delete_pod, pod.namespace, pod.name, pod.uid)

    async def start_server(
        self, place: Place, server: Server, attempt: int, hears: Callable[[str], None]
    ) -> Process:
        """Start the process of a pod's mock server for the n-th time."""
        place.directory.mkdir(parents=True, exist_ok=True)
        arguments = mock_arguments(
            server,
            profile=str(self._profile_file(server)),
            host=place.address,
            speed=self._config.speed,
            load_seconds=self.timings.load_seconds(server.profile.spec.startup.model_load_seconds),
            grace_seconds=NO_GRACE_OF_ITS_OWN_SECONDS,
        )
        log = place.directory / f"{server.container.name}.{attempt}.log"
        return await self._processes.start(
            arguments, environment(server, os.environ), log=log, hears=hears
        )

    def say_once(self, text: str) -> None:
        """Log something that is as true of the next pod."""
        self._log.say_once(text)

    def _profile_file(self, server: Server) -> Path:
        """Return the file of a server's profile, of the version that its image is of."""
        digest = sha256_digest(server.profile).partition(":")[2]
        path = self._directory / "profiles" / f"{digest[:16]}.yaml"
        if not path.exists():
            write_atomic(path, profile_text(server.profile).encode())
        return path

    # -- usage ---------------------------------------------------------------------------------

    async def watch_usage(self) -> None:
        """Write what the processes use, again and again."""
        while True:
            runners = [one.runner for one in self._pods.values() if one.runner is not None]
            pods = {(one.place.pod.namespace, one.place.pod.name): one.usage() for one in runners}
            write_usage(self._directory, usage_of(pods, unix_seconds()))
            await asyncio.sleep(self._config.usage_interval_seconds)

    # -- calls ---------------------------------------------------------------------------------

    async def _call(self, call: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401
        """Call the API server in a thread; what is gone needs no more calls."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._writers, partial(call, *arguments))
        except ApiError as error:
            if error.status not in _GONE:
                self._log.say(f"API server: {error}")
        except urllib3.exceptions.HTTPError as error:
            self._log.say(f"API server: {error}")

    def _spawn(self, work: Any) -> asyncio.Task[None]:  # noqa: ANN401
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.say(f"internal error: {type(error).__name__}: {error}")
