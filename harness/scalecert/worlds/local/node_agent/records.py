"""What the agent writes for the rest of the world: `pods.jsonl` and `routes.json`.

pods.jsonl    one line for each step of a pod's life, in the words of the simulated cluster's
              events: created, bound, started, listening, ready, unready, terminating, gone; and
              each end of a container's process (exited)
routes.json   the pods that requests go to, oldest first: ready and not terminating
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from scalecert.clock import unix_seconds
from scalecert.documents import write_atomic
from scalecert.worlds.local.node_agent.pod_objects import PodIdentity

What = Literal[
    "created", "bound", "started", "listening", "ready", "unready", "terminating", "gone", "exited"
]

PODS_FILE = "pods.jsonl"
ROUTES_FILE = "routes.json"


class PodRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of `pods.jsonl`; `time` is in unix seconds."""

    time: float
    namespace: str
    pod: str
    ordinal: int
    what: What
    node: str = ""
    address: str = ""
    container: str = ""
    code: int | None = None


class Route(msgspec.Struct, frozen=True):
    """A pod that requests may be sent to.

    Its server listens on `port`; `ports` are those that its containers name, or number.
    """

    ordinal: int
    name: str
    namespace: str
    address: str
    port: int
    ports: dict[str, int]


class Routes(msgspec.Struct, frozen=True):
    """`routes.json`."""

    pods: list[Route]


class Records:
    """The two files.

    Args:
        directory: that they are in.
    """

    def __init__(self, directory: Path) -> None:
        self._routes_file = directory / ROUTES_FILE
        self._routes: dict[str, Route] = {}
        self._pods_file = directory / PODS_FILE
        self._pods_file.write_bytes(b"")
        self._write_routes()

    def pod(
        self,
        pod: PodIdentity,
        what: What,
        *,
        node: str = "",
        address: str = "",
        container: str = "",
        code: int | None = None,
    ) -> None:
        """Write that something has happened to a pod just now."""
        record = PodRecord(
            time=unix_seconds(),
            namespace=pod.namespace,
            pod=pod.name,
            ordinal=pod.ordinal,
            what=what,
            node=node,
            address=address,
            container=container,
            code=code,
        )
        with self._pods_file.open("ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")

    def route(self, pod: PodIdentity, address: str, *, port: int, ports: Mapping[str, int]) -> None:
        """Send requests to a pod from now on."""
        self._routes[pod.uid] = Route(
            pod.ordinal, pod.name, pod.namespace, address, port, dict(ports)
        )
        self._write_routes()

    def unroute(self, pod: PodIdentity) -> None:
        """Send no more requests to a pod."""
        if self._routes.pop(pod.uid, None) is not None:
            self._write_routes()

    def _write_routes(self) -> None:
        pods = sorted(self._routes.values(), key=lambda route: route.ordinal)
        write_atomic(self._routes_file, msgspec.json.encode(Routes(pods)))
