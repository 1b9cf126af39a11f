"""What a pod needs of the agent that it runs on, and where it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from scalecert.worlds.local.node_agent.pod_objects import PodIdentity, PodSpec
from scalecert.worlds.local.node_agent.processes import Process
from scalecert.worlds.local.node_agent.records import Records
from scalecert.worlds.local.node_agent.servers import Server
from scalecert.worlds.local.node_agent.timings import Timings


@dataclass(frozen=True, slots=True)
class Place:
    """Which pod runs where.

    Attributes:
        pod: the pod.
        spec: what is to run in it.
        node: name of its node.
        address: of the pod.
        host_address: of the node.
        directory: of its logs.
    """

    pod: PodIdentity
    spec: PodSpec
    node: str
    address: str
    host_address: str
    directory: Path


class Host(Protocol):
    """What a pod needs of the agent."""

    timings: Timings
    records: Records

    async def write_status(self, pod: PodIdentity, status: dict[str, Any]) -> None:
        """Write a pod's status to the API server."""

    async def remove(self, pod: PodIdentity) -> None:
        """Remove a pod that has ended from the API server."""

    async def start_server(
        self, place: Place, server: Server, attempt: int, hears: Callable[[str], None]
    ) -> Process:
        """Start the process of a pod's mock server for the n-th time, counted from 0."""

    def say_once(self, text: str) -> None:
        """Log something that is as true of the next pod."""
