"""Brings nodes to the API server when they are due, with their exporters."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scalecert.clock import unix_seconds
from scalecert.exporters.base import Daemon
from scalecert.worlds.local.node_agent.addresses import AddressPool
from scalecert.worlds.local.node_agent.background import Background
from scalecert.worlds.local.node_agent.config import AgentConfig, NodeKind, run_start
from scalecert.worlds.local.node_agent.exporters import (
    accelerator_name,
    exporter_arguments,
    exporter_pod,
    exporter_status,
)
from scalecert.worlds.local.node_agent.kube_api import Api
from scalecert.worlds.local.node_agent.log import Log
from scalecert.worlds.local.node_agent.node_object import node_object
from scalecert.worlds.local.node_agent.nodes import Node, NodePools
from scalecert.worlds.local.node_agent.processes import Starts

_KUBELET_VERSION = "v1.36.3"


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node that is registered, with its address and the folder that its servers meet in."""

    node: Node
    address: str
    folder: Path


class NodeKeeper:
    """The nodes of a world.

    Args:
        config: of the agent.
        api: the API server.
        addresses: of nodes and pods.
        processes: start exporters.
        background: for what is not waited for.
        log: for people.
        known: is told each node that is about to be registered.
    """

    def __init__(
        self,
        config: AgentConfig,
        api: Api,
        *,
        addresses: AddressPool,
        processes: Starts,
        background: Background,
        log: Log,
        known: Callable[[KnownNode], None],
    ) -> None:
        self._config = config
        self._api = api
        self._addresses = addresses
        self._processes = processes
        self._background = background
        self._log = log
        self._pools = NodePools(config.nodes)
        self._known: dict[str, KnownNode] = {}
        self._tell_known = known
        self._run_start: float | None = None

    def known(self, name: str) -> KnownNode | None:
        """Return a node of ours by its name."""
        return self._known.get(name)

    async def register_warm_nodes(self) -> None:
        """Register the nodes that are there from the start, if it is known what they are like."""
        await self._background.call(self._api.delete_nodes)
        if self._config.node_kind is not None:
            warm = self._pools.add_kind(self._config.node_kind)
            await asyncio.gather(*(self._register(node) for node in warm))

    def want(self, uid: str, kind: NodeKind) -> None:
        """See to it that there is a node for a pod."""
        self._look_for_run_start()
        self._come(self._pools.want(uid, kind, unix_seconds()))

    def bound(self, uid: str, known: KnownNode) -> None:
        """Take notice of a pod that was bound to a node of ours."""
        self._look_for_run_start()
        self._come(self._pools.bound(uid, known.node, unix_seconds()))

    def forget(self, uid: str) -> None:
        """Give the room of a pod back."""
        self._look_for_run_start()
        self._come(self._pools.forget(uid, unix_seconds()))

    def _look_for_run_start(self) -> None:
        start = run_start(self._config.directory)
        if start is not None and start != self._run_start:
            self._run_start = start
            self._pools.begin_run(start)

    def _come(self, nodes: list[Node]) -> None:
        for node in nodes:
            self._background.spawn(self._register(node))

    async def _register(self, node: Node) -> None:
        """Register a node when it is due."""
        await asyncio.sleep(max(0.0, node.at - unix_seconds()))
        address = self._addresses.take_for_node()
        if address is None:
            self._log.say(f"{node.name}: no address is left, so it never comes")
            return
        document = node_object(
            node,
            replicas=self._config.nodes.replicas_per_node,
            others=len(self._config.exporters),
            address=address,
            version=_KUBELET_VERSION,
            now=unix_seconds(),
        )
        folder = Path(self._config.directory) / node.name
        known = self._known[node.name] = KnownNode(node, address, folder)
        self._tell_known(known)
        await self._background.call(self._api.register_node, document)
        if self._config.exporters:
            await self._start_exporters(known)

    async def _start_exporters(self, known: KnownNode) -> None:
        node, kind = known.node, known.node.kind
        accelerator = accelerator_name(kind)
        if accelerator is None:
            self._log.say_once(f"no exporters on nodes of labels {kind.labels}: no accelerator")
            return
        known.folder.mkdir(parents=True, exist_ok=True)
        arguments = exporter_arguments(
            accelerator,
            count=kind.accelerators * self._config.nodes.replicas_per_node,
            node=node.name,
            folder=known.folder,
            host=known.address,
            speed=self._config.speed,
        )
        log = known.folder / "exporters.log"
        await self._processes.start(arguments, dict(os.environ), log=log, hears=lambda _: None)
        for daemon in self._config.exporters:
            await self._show(daemon, known)

    async def _show(self, daemon: Daemon, known: KnownNode) -> None:
        status = exporter_status(daemon, known.address, unix_seconds())
        pod = exporter_pod(daemon, known.node)
        await self._background.call(self._api.create_pod, pod, status)
