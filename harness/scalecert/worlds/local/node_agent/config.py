"""What the node agent is started with: one JSON document, written by the world.

All seconds are those of the clock on the wall: whoever writes the document has divided them by the
time lapse. `speed` is that divisor, for what only the agent can divide: an engine profile's time
to load its model, the kubelet's own constants (`timings`), and what mock servers do by themselves.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from scalecert.documents import canonical_json, require, write_atomic
from scalecert.errors import UsageError
from scalecert.exporters.base import Daemon
from scalecert.scalars import decode_hook
from scalecert.scenario.model import Nodes


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the document's parts: names as here, unknown ones refused."""


class ServerImage(_Part, frozen=True):
    """Images that a mock server stands for, beside those that engines recognise by themselves.

    Attributes:
        pattern: of the image with its tag, with the wildcards `*` and `?`.
        server: what `scalecert mock` calls the server.
        profile: name or file of its engine profile; found by model and accelerator if None.
    """

    pattern: str
    server: str
    profile: str | None = None


class NodeKind(_Part, frozen=True):
    """What nodes are like: the labels that pods select them by, and what one replica takes.

    Attributes:
        labels: of the node.
        resource: `nvidia.com/gpu` or `google.com/tpu`; empty without accelerators.
        accelerators: of that resource that one replica takes.
    """

    labels: dict[str, str] = {}
    resource: str = ""
    accelerators: int = 0


class AgentConfig(_Part, frozen=True):
    """One node agent.

    Attributes:
        kubeconfig: file of an administrator.
        subnet: first three parts of the addresses that are the world's own (`127.77.3`).
        directory: of the agent's files: logs, records, folders of nodes.
        speed: seconds of the run that pass in one of the clock.
        nodes: that there are, and how others come; `warm` None: as many as are needed, at once.
        node_kind: of the warm nodes; learnt from the first pods if None.
        image_pull_seconds: from a pod's binding to the start of its containers.
        model_load_seconds: of a mock server; None: its profile's.
        profiles: file or name of the engine profile, by engine; others are found as `scalecert
            certify` finds them.
        images: that mock servers stand for, before those that engines recognise.
        exporters: pods that each node's accelerator exporters are found by; none, no exporters.
        usage_interval_seconds: between two looks at what the processes use.
    """

    kubeconfig: str
    subnet: str
    directory: str
    speed: float = 1.0
    nodes: Nodes = msgspec.field(default_factory=Nodes)
    node_kind: NodeKind | None = None
    image_pull_seconds: float = 20.0
    model_load_seconds: float | None = None
    profiles: dict[str, str] = {}
    images: tuple[ServerImage, ...] = ()
    exporters: tuple[Daemon, ...] = ()
    usage_interval_seconds: float = 15.0

    def __post_init__(self) -> None:
        """Refuse what no agent can work with."""
        require(self.speed > 0, f"found speed {self.speed:g}, expected more than 0")
        require(self.image_pull_seconds >= 0, "found a negative image_pull_seconds")
        require(self.usage_interval_seconds > 0, "found no usage_interval_seconds")


RUN_START_FILE = "run-start.json"
"""In the agent's directory: when the run began, from which its stock-outs count."""


class RunStart(_Part, frozen=True):
    """When a run began, in unix seconds."""

    time: float


def tell_run_start(directory: str | Path, start: float) -> None:
    """Tell the agent of a directory that the run began at `start`, in unix seconds."""
    write_atomic(Path(directory) / RUN_START_FILE, msgspec.json.encode(RunStart(time=start)))


def forget_run_start(directory: str | Path) -> None:
    """Know of no run in a directory."""
    (Path(directory) / RUN_START_FILE).unlink(missing_ok=True)


def run_start(directory: str | Path) -> float | None:
    """Return when the run began; None if it has not yet."""
    try:
        found = (Path(directory) / RUN_START_FILE).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(found, type=RunStart).time


def read_config(path: str | Path) -> AgentConfig:
    """Return the document in a file.

    Raises:
        UsageError: if it can't be read, or is none.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=AgentConfig, dec_hook=decode_hook)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(str(error), file=str(path)) from error


def write_config(path: str | Path, config: AgentConfig) -> None:
    """Write the document to a file, for `read_config`."""
    write_atomic(path, canonical_json(config))
