"""An API server, a scheduler and processes that live in the test."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from scalecert.worlds.api_server import Refused
from scalecert.worlds.local.node_agent.pod_objects import PodObject

LIMIT_SECONDS = 20.0


class FakeApi:
    """An API server: what it was told last."""

    def __init__(self) -> None:
        self.statuses: dict[str, list[dict[str, Any]]] = {}
        self.nodes: dict[str, Mapping[str, Any]] = {}
        self.own_pods: dict[str, Mapping[str, Any]] = {}
        self.deleted: list[str] = []
        self.gone: set[str] = set()

    def phase(self, name: str) -> str:
        """Return the phase that a pod had last."""
        return str(self.statuses[name][-1]["phase"]) if name in self.statuses else ""

    def ready(self, name: str) -> bool:
        """Tell whether a pod was ready last."""
        return name in self.statuses and _is_ready(self.statuses[name][-1])

    def container(self, name: str, index: int = 0) -> dict[str, Any]:
        """Return the last status of a container."""
        found: dict[str, Any] = self.statuses[name][-1]["containerStatuses"][index]
        return found

    def patch_pod_status(
        self, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> None:
        if name in self.gone:
            raise Refused(404, "not found")
        self.statuses.setdefault(name, []).append(dict(status))

    def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        self.deleted.append(name)

    def register_node(self, node: Mapping[str, Any]) -> None:
        self.nodes[node["metadata"]["name"]] = node

    def delete_nodes(self) -> None:
        self.nodes.clear()

    def create_pod(self, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        self.own_pods[pod["metadata"]["name"]] = pod


def _is_ready(status: Mapping[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in status["conditions"])


class FakeProcess:
    """A process that does what it is told, or not."""

    def __init__(self, arguments: Sequence[str], log: Path, hears: Callable[[str], None]) -> None:
        self.pid = 0
        self.arguments = list(arguments)
        self.log = log
        self.hears = hears
        self.signals: list[int] = []
        self.stubborn = False
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def send(self, number: int) -> None:
        if self.ended.done():
            return
        self.signals.append(number)
        if number == signal.SIGKILL:
            self.end(-number)
        elif not self.stubborn:
            self.end(0)

    def end(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)

    def option(self, name: str) -> str:
        """Return the value of an option on its command line."""
        return self.arguments[self.arguments.index(name) + 1]


class FakeProcesses:
    """Starts such processes."""

    def __init__(self) -> None:
        self.started: list[FakeProcess] = []
        self.refuses = 0

    async def start(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        *,
        log: Path,
        hears: Callable[[str], None],
    ) -> FakeProcess:
        if self.refuses > 0:
            self.refuses -= 1
            raise OSError("no more of them")
        process = FakeProcess(arguments, log, hears)
        self.started.append(process)
        return process


async def eventually(is_so: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not is_so():
            await asyncio.sleep(0.005)


def bound(pod: PodObject, node: str) -> PodObject:
    """Return a pod that the scheduler has bound to a node."""
    spec = msgspec.json.decode(pod.raw_spec) | {"nodeName": node}
    return msgspec.structs.replace(pod, raw_spec=msgspec.Raw(msgspec.json.encode(spec)))


def being_deleted(pod: PodObject, grace_seconds: int) -> PodObject:
    """Return a pod that somebody has deleted."""
    meta = msgspec.structs.replace(
        pod.metadata,
        deletion_timestamp="2026-01-01T00:00:00Z",
        deletion_grace_period_seconds=grace_seconds,
    )
    return msgspec.structs.replace(pod, metadata=meta)
