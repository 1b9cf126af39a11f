"""The Scenario document: what happens to a policy, and which checks judge it.

First stage of the flow: a scenario names no engine, accelerator or policy, so that one file
fits all of them; rates are multiples of capacity unless they are meant to be absolute.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from scalecert.documents import ApiVersion, DocumentPart, require
from scalecert.metrics.conditions import MetricConditions, Neighbours, check_interval
from scalecert.scalars import default
from scalecert.units import Duration
from scalecert.workload.model import Workload

Level = Literal["core", "extended"]
"""Core findings decide a certificate, extended ones are reported."""

Routing = Literal["random", "round-robin", "least-outstanding"]
"""How a Service picks a pod; `routing` says who does which."""

Connections = Literal["per-request", "keep-alive"]
"""Whether clients open a connection for each request, or use idle ones again: see `routing`."""


MAX_DURATION_SECONDS = 7 * 24 * 3600.0
"""Of a run: a week has every rhythm of traffic that autoscaling is for."""
MAX_NODES = 10_000
"""Twice what one Kubernetes cluster may have (kubernetes.io, Considerations for large clusters)."""


class Metadata(DocumentPart, frozen=True):
    """`name` is the scenario's id: a kebab word that never changes."""

    name: str
    title: str = ""


class Nodes(DocumentPart, frozen=True):
    """Accelerator nodes.

    `warm` nodes exist from the start (None: as many as the policy can ever use); others are
    provisioned when a pod needs one, up to `maximum` in all, except during a stock-out.
    """

    replicas_per_node: int = 1
    warm: int | None = None
    maximum: int | None = None
    provisioning: Duration = default(Duration(180.0))
    stock_outs: tuple[Interval, ...] = ()

    def __post_init__(self) -> None:
        """Refuse numbers of nodes that no cluster has."""
        held = self.replicas_per_node
        require(1 <= held <= 1000, f"found replicasPerNode {held}, expected 1 to 1000")
        for name, nodes in (("warm", self.warm), ("maximum", self.maximum)):
            some = nodes is None or 0 <= nodes <= MAX_NODES
            require(some, f"found {name} {nodes}, expected 0 to {MAX_NODES} nodes")


class Interval(DocumentPart, frozen=True):
    """A span of the run."""

    start: Duration
    duration: Duration


class PodStartup(DocumentPart, frozen=True):
    """From bound to serving; the readiness probe comes on top.

    `model_load` is None to take the engine profile's.
    """

    image_pull: Duration = default(Duration(20.0))
    model_load: Duration | None = None


class Controllers(DocumentPart, frozen=True):
    """Flags of kube-controller-manager, with its defaults (k8s.io/kubernetes v1.36)."""

    sync_period: Duration = default(Duration(15.0))
    downscale_stabilization: Duration = default(Duration(300.0))
    tolerance: float = 0.1
    cpu_initialization_period: Duration = default(Duration(300.0))
    initial_readiness_delay: Duration = default(Duration(30.0))

    def __post_init__(self) -> None:
        """Refuse a sync period of next to no time, and a tolerance below nothing."""
        check_interval("syncPeriod", self.sync_period)
        require(self.tolerance >= 0, f"found tolerance {self.tolerance:g}, expected 0 or more")


class Cluster(DocumentPart, frozen=True):
    """Conditions of the cluster; `source` says where the figures are from."""

    nodes: Nodes = msgspec.field(default_factory=Nodes)
    startup: PodStartup = msgspec.field(default_factory=PodStartup)
    controllers: Controllers = msgspec.field(default_factory=Controllers)
    metrics: MetricConditions = msgspec.field(default_factory=MetricConditions)
    neighbours: Neighbours = Neighbours()
    routing: Routing = "random"
    connections: Connections = "per-request"
    source: str = "warm nodes, cached base layers: 20 s image pull, model load from the profile"


class CheckRequest(DocumentPart, frozen=True):
    """One check to run on the recording; `limit` overrides the check's default."""

    id: str
    limit: float | None = None


class ScenarioSpec(DocumentPart, frozen=True):
    """`why` is the question that the scenario answers, for `scalecert explain`."""

    why: str
    workload: Workload
    duration: Duration
    checks: tuple[CheckRequest, ...]
    level: Level = "core"
    cluster: Cluster = msgspec.field(default_factory=Cluster)

    def __post_init__(self) -> None:
        """Refuse a run of no time, and one longer than any rhythm of traffic."""
        found = f"found duration {self.duration:g}s"
        require(self.duration >= 1, f"{found}, expected 1s or more")
        require(self.duration <= MAX_DURATION_SECONDS, f"{found}, expected 168h (a week) or less")


class Scenario(DocumentPart, frozen=True, omit_defaults=True):
    """One scenario file."""

    api_version: ApiVersion
    kind: Literal["Scenario"]
    metadata: Metadata
    spec: ScenarioSpec
