"""The parts of Kubernetes manifests that ScaleCert reads, as documents.

Fields that matter to no finding are not listed and may be anything; a misspelt field that would
silently be lost is found by `scalecert.documents.check_spelling`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from scalecert.documents import require
from scalecert.hpa.arithmetic import MAX_INT32
from scalecert.hpa.quantity import Quantity
from scalecert.hpa.types import HorizontalPodAutoscalerSpec, LabelSelector


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    """Base: camelCase names, other fields are passed over."""


class ObjectMeta(_Part, frozen=True):
    """Standard metadata."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class HpaDocument(_Part, frozen=True, forbid_unknown_fields=True):
    """An `autoscaling/v2` HorizontalPodAutoscaler; its status is passed over."""

    api_version: str
    kind: str
    metadata: ObjectMeta
    spec: HorizontalPodAutoscalerSpec
    status: Any = None


class EnvVar(_Part, frozen=True):
    """A variable: with a value, or with a reference (`valueFrom`) that is not looked into."""

    name: str
    value: str | None = None
    value_from: Any = None


class ContainerPort(_Part, frozen=True):
    """A port of a container."""

    container_port: int
    name: str = ""


class HttpGet(_Part, frozen=True):
    """What an HTTP probe asks for."""

    port: int | str
    path: str = "/"


class ProbeDocument(_Part, frozen=True):
    """A probe; the API's defaults."""

    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3
    http_get: HttpGet | None = None

    def __post_init__(self) -> None:
        """Refuse what the API server refuses (ValidateProbe: each at least 0, and 32 bits)."""
        for name, value in (
            ("initialDelaySeconds", self.initial_delay_seconds),
            ("periodSeconds", self.period_seconds),
            ("timeoutSeconds", self.timeout_seconds),
            ("successThreshold", self.success_threshold),
            ("failureThreshold", self.failure_threshold),
        ):
            require(0 <= value <= MAX_INT32, f"found {name} {value}, expected 0 to {MAX_INT32}")


class Sleep(_Part, frozen=True):
    """A hook that sleeps."""

    seconds: int

    def __post_init__(self) -> None:
        """Refuse a sleep of less than no time."""
        require(self.seconds >= 0, f"found seconds {self.seconds}, expected 0 or more")


class Exec(_Part, frozen=True):
    """A hook that runs a command."""

    command: tuple[str, ...] = ()


class LifecycleHandler(_Part, frozen=True):
    """A hook."""

    sleep: Sleep | None = None
    exec: Exec | None = None


class Lifecycle(_Part, frozen=True):
    """Hooks of a container."""

    pre_stop: LifecycleHandler | None = None


class Resources(_Part, frozen=True):
    """What a container asks for and may use at most."""

    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}


class ContainerDocument(_Part, frozen=True):
    """A container."""

    name: str
    image: str = ""
    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    resources: Resources = Resources()
    readiness_probe: ProbeDocument | None = None
    startup_probe: ProbeDocument | None = None
    liveness_probe: ProbeDocument | None = None
    lifecycle: Lifecycle = Lifecycle()
    restart_policy: str = ""


class NodeSelectorRequirement(_Part, frozen=True):
    """One condition on a node's label."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class NodeSelectorTerm(_Part, frozen=True):
    """Conditions that must all hold."""

    match_expressions: tuple[NodeSelectorRequirement, ...] = ()


class NodeSelector(_Part, frozen=True):
    """Terms of which one must hold."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class NodeAffinity(_Part, frozen=True):
    """Required affinity; the preferred one binds nothing."""

    required: NodeSelector = msgspec.field(
        default=NodeSelector(), name="requiredDuringSchedulingIgnoredDuringExecution"
    )


class Affinity(_Part, frozen=True):
    """Affinity of a pod."""

    node_affinity: NodeAffinity = NodeAffinity()


class PodSpec(_Part, frozen=True):
    """The spec of a pod template."""

    containers: tuple[ContainerDocument, ...]
    init_containers: tuple[ContainerDocument, ...] = ()
    node_selector: dict[str, str] = {}
    affinity: Affinity = Affinity()
    termination_grace_period_seconds: int = 30

    def __post_init__(self) -> None:
        """Refuse a grace of less than no time, as the API server does."""
        grace = self.termination_grace_period_seconds
        require(grace >= 0, f"found terminationGracePeriodSeconds {grace}, expected 0 or more")


class PodTemplateDocument(_Part, frozen=True):
    """A pod template."""

    spec: PodSpec
    metadata: ObjectMeta = ObjectMeta()


class RollingUpdate(_Part, frozen=True):
    """Bounds of a rolling update."""

    max_surge: int | str = "25%"
    max_unavailable: int | str = "25%"


class StrategyDocument(_Part, frozen=True):
    """Update strategy of a Deployment."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate = RollingUpdate()


class ReplicatedSpec(_Part, frozen=True):
    """The spec of a Deployment or StatefulSet."""

    selector: LabelSelector
    template: PodTemplateDocument
    replicas: int | None = None
    strategy: StrategyDocument = StrategyDocument()
    pod_management_policy: str = "OrderedReady"


class LeaderWorkerTemplate(_Part, frozen=True):
    """The pods of one group: `size` of them, the first of which may have its own template."""

    worker_template: PodTemplateDocument
    leader_template: PodTemplateDocument | None = None
    size: int = 1


class LeaderWorkerSetSpec(_Part, frozen=True):
    """The spec of a LeaderWorkerSet: `replicas` counts groups."""

    leader_worker_template: LeaderWorkerTemplate
    replicas: int | None = None


class ReplicatedDocument(_Part, frozen=True):
    """A Deployment or StatefulSet."""

    metadata: ObjectMeta
    spec: ReplicatedSpec


class LeaderWorkerSetDocument(_Part, frozen=True):
    """A LeaderWorkerSet."""

    metadata: ObjectMeta
    spec: LeaderWorkerSetSpec


class ServicePort(_Part, frozen=True):
    """A port of a Service."""

    port: int
    name: str = ""
    target_port: int | str | None = None


class ServiceSpec(_Part, frozen=True):
    """The spec of a Service."""

    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()


class ServiceDocument(_Part, frozen=True):
    """A Service."""

    metadata: ObjectMeta
    spec: ServiceSpec


class ConfigMapDocument(_Part, frozen=True):
    """A ConfigMap."""

    metadata: ObjectMeta
    data: dict[str, str] = {}
