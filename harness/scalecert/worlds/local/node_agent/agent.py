"""The node agent: cluster autoscaler and kubelet of all nodes.

pod_watch ── events ──> Agent ──> NodeKeeper   nodes, when they are due
                          └─────> PodRunner    one for each pod that is bound to one of them
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalecert.clock import unix_seconds
from scalecert.documents import sha256_digest, write_atomic
from scalecert.engines.profiles import profile_text
from scalecert.errors import UsageError
from scalecert.worlds.local.node_agent.addresses import AddressPool
from scalecert.worlds.local.node_agent.background import Background
from scalecert.worlds.local.node_agent.config import AgentConfig
from scalecert.worlds.local.node_agent.exporters import MIRROR, node_options
from scalecert.worlds.local.node_agent.host import Place
from scalecert.worlds.local.node_agent.kube_api import Api
from scalecert.worlds.local.node_agent.log import Log
from scalecert.worlds.local.node_agent.node_keeper import KnownNode, NodeKeeper
from scalecert.worlds.local.node_agent.nodes import node_kind_of
from scalecert.worlds.local.node_agent.pod_objects import (
    PodIdentity,
    PodObject,
    PodSpec,
    read_spec,
)
from scalecert.worlds.local.node_agent.pod_runner import PodRunner
from scalecert.worlds.local.node_agent.pod_watch import PodEvent
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


@dataclass(slots=True, eq=False)
class _Tracked:
    """A pod, and what runs for it.

    `spec` is None if it can't be read. `node_name` is the node that it is bound to, which need not
    be one of ours, or not yet: the scheduler may still know one of that name from before.
    """

    identity: PodIdentity
    spec: PodSpec | None = None
    node_name: str = ""
    runner: PodRunner | None = None
    task: asyncio.Task[None] | None = None


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
        self._background = Background(log)
        self._addresses = AddressPool(config.subnet)
        self._servers = ServerTable(config.images, config.profiles)
        self._pods: dict[str, _Tracked] = {}
        self._created = 0
        self.nodes = NodeKeeper(
            config,
            api,
            addresses=self._addresses,
            processes=processes,
            background=self._background,
            log=log,
            known=self._run_bound_pods,
        )

    # -- what the watch tells ------------------------------------------------------------------

    def take(self, events: list[PodEvent]) -> None:
        """Take what the watch tells; pods that nodes have made themselves are passed over."""
        for event in events:
            meta = event.pod.metadata
            tracked = self._pods.get(meta.uid)
            if MIRROR in meta.annotations:
                continue
            if event.kind == "DELETED":
                if tracked is not None:
                    self._deleted(tracked)
            elif tracked is not None:
                self._update(tracked, event.pod)
            elif not event.pod.is_over:
                self._update(self._track(event.pod), event.pod)

    def _track(self, pod: PodObject) -> _Tracked:
        """Take notice of a new pod, and see to it that there is a node for it."""
        meta = pod.metadata
        identity = PodIdentity(meta.name, meta.namespace, meta.uid, self._created)
        self._created += 1
        tracked = self._pods[meta.uid] = _Tracked(identity)
        self.records.pod(identity, "created")
        try:
            tracked.spec = read_spec(pod)
        except UsageError as error:
            self._log.say(f"pod {identity}: {error}")
        else:
            self.nodes.want(meta.uid, node_kind_of(tracked.spec))
        return tracked

    def _update(self, tracked: _Tracked, pod: PodObject) -> None:
        meta = pod.metadata
        if not tracked.node_name:
            tracked.node_name = pod.node_name
            self._run_if_ours(tracked)
        if meta.deletion_timestamp is not None and tracked.runner is not None:
            tracked.runner.terminate(float(meta.deletion_grace_period_seconds or 0))

    def _run_bound_pods(self, known: KnownNode) -> None:
        """Run what is bound already to a node that is new to us."""
        for tracked in list(self._pods.values()):
            if tracked.node_name == known.node.name and tracked.runner is None:
                self._run_if_ours(tracked)

    def _run_if_ours(self, tracked: _Tracked) -> None:
        """Run a pod if it is bound to one of our nodes."""
        known = self.nodes.known(tracked.node_name)
        if known is not None and tracked.spec is not None:
            self.nodes.bound(tracked.identity.uid, known)
            self._run(tracked, known, tracked.spec)

    def _run(self, tracked: _Tracked, known: KnownNode, spec: PodSpec) -> None:
        """Let a pod that was bound to one of our nodes live."""
        address, identity = self._addresses.take(), tracked.identity
        if address is None:
            self._log.say(f"pod {identity}: no address is left")
            return
        folder = f"{identity.namespace}_{identity.name}_{identity.uid}"
        place = Place(
            pod=identity,
            spec=spec,
            node=known.node.name,
            address=address,
            host_address=known.address,
            directory=self._directory / "pods" / folder,
        )
        self.records.pod(identity, "bound", node=place.node, address=address)
        server, problem = self._server_of(place)
        tracked.runner = PodRunner(place, server, self, problem)
        tracked.task = self._background.spawn(tracked.runner.run())
        tracked.task.add_done_callback(lambda _: self._addresses.give_back(address))

    def _server_of(self, place: Place) -> tuple[Server | None, str]:
        """Return a pod's mock server, or why there is none where there should be one."""
        try:
            return self._servers.server_of(place.spec), ""
        except UsageError as error:
            self._log.say_once(f"no mock server for pods such as {place.pod}: {error}")
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
        self.nodes.forget(identity.uid)

    # -- what pods need (`host.Host`) ----------------------------------------------------------

    async def write_status(self, pod: PodIdentity, status: dict[str, Any]) -> None:
        """Write a pod's status to the API server."""
        write = self._api.patch_pod_status
        await self._background.call(write, pod.namespace, pod.name, pod.uid, status)

    async def remove(self, pod: PodIdentity) -> None:
        """Remove a pod that has ended from the API server."""
        await self._background.call(self._api.delete_pod, pod.namespace, pod.name, pod.uid)

    async def start_server(
        self, place: Place, server: Server, attempt: int, hears: Callable[[str], None]
    ) -> Process:
        """Start the process of a pod's mock server for the n-th time, counted from 0."""
        place.directory.mkdir(parents=True, exist_ok=True)
        of_profile = server.profile.spec.startup.model_load_seconds
        arguments = mock_arguments(
            server,
            profile=str(self._profile_file(server)),
            host=place.address,
            speed=self._config.speed,
            load_seconds=self.timings.load_seconds(of_profile),
            grace_seconds=NO_GRACE_OF_ITS_OWN_SECONDS,
            node_options=self._node_options(place, server),
        )
        log = place.directory / f"{server.container.name}.{attempt}.log"
        env = environment(server, os.environ)
        return await self._processes.start(arguments, env, log=log, hears=hears)

    def say_once(self, text: str) -> None:
        """Log something that is as true of the next pod."""
        self._log.say_once(text)

    def _node_options(self, place: Place, server: Server) -> list[str]:
        """Return what a server is told of its node, where somebody looks at accelerators."""
        known = self.nodes.known(place.node)
        if known is None or not self._config.exporters:
            return []
        last = place.spec.template.containers[-1].name
        return node_options(known.folder, str(place.pod), server.container.name, last)

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
            pods = {one.place.pod: one.processes() for one in runners}
            write_usage(self._directory, usage_of(pods, unix_seconds()))
            await asyncio.sleep(self._config.usage_interval_seconds)
