"""The policy: what a user's manifests say, as frozen values. Made by `policy.loading`.

Words are those of Kubernetes. `Target` is the scaled object (the Deployment and the like);
"workload" means traffic in this project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scalecert.documents import Document, Plain
from scalecert.hpa.quantity import Quantity
from scalecert.hpa.selectors import Selector
from scalecert.hpa.types import HorizontalPodAutoscalerSpec
from scalecert.metrics.scrape_config import ScrapeConfig


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the user's files; `line` is 1-based."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Probe:
    """A kubelet probe with the API's defaults; `port` is a name or a number."""

    initial_delay_seconds: float = 0.0
    period_seconds: float = 10.0
    timeout_seconds: float = 1.0
    success_threshold: int = 1
    failure_threshold: int = 3
    path: str | None = None
    port: str | int | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """One container of the pod template; `arg_lines` are the lines of `args`.

    `env` has the variables with plain values; `hidden_env` names those that come from Secrets,
    ConfigMaps or fields, whose values are not looked at. `ports` maps names (or the number's
    text, for a port without a name) to numbers. `requests` are the limits where none are given,
    as the API server has it.
    """

    name: str
    image: str
    place: Place
    args: tuple[str, ...] = ()
    arg_lines: tuple[int, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    hidden_env: tuple[str, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    requests: Mapping[str, Quantity] = field(default_factory=dict)
    limits: Mapping[str, Quantity] = field(default_factory=dict)
    readiness: Probe | None = None
    startup: Probe | None = None
    liveness: Probe | None = None
    pre_stop_seconds: float = 0.0
    restarts_always: bool = False

    def accelerators(self) -> int:
        """Return how many GPUs or TPU chips the container asks for."""
        asked = {**self.limits, **self.requests}
        return sum(
            asked[name].milli_value // 1000 for name in ACCELERATOR_RESOURCES if name in asked
        )


ACCELERATOR_RESOURCES = ("nvidia.com/gpu", "google.com/tpu", "amd.com/gpu")


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """The pods of the target. `init_containers` with `restarts_always` are sidecars.

    `node_labels` are the labels that a node must have: nodeSelector, and the required node
    affinity where it leaves one value.
    """

    labels: Mapping[str, str]
    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...] = ()
    node_labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    termination_grace_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a Deployment replaces pods; a share such as `25%` stays text."""

    type: str = "RollingUpdate"
    max_surge: int | str = "25%"
    max_unavailable: int | str = "25%"


@dataclass(frozen=True, slots=True)
class Target:
    """The object that the HPA scales.

    Attributes:
        kind: Deployment, StatefulSet or LeaderWorkerSet.
        replicas: spec.replicas; None where the manifest leaves it to the HPA.
        selector: of its pods.
        pod_management: a StatefulSet's policy, `OrderedReady` or `Parallel`.
        pods_per_replica: 1, or a LeaderWorkerSet's group size.
        template: of its pods; of the workers, in a LeaderWorkerSet with pods of two sorts.
        leader: of the first pod of each LeaderWorkerSet group, where it differs.
    """

    kind: str
    api_version: str
    name: str
    namespace: str
    place: Place
    replicas: int | None
    selector: Selector
    template: PodTemplate
    strategy: Strategy = Strategy()
    annotations: Mapping[str, str] = field(default_factory=dict)
    pods_per_replica: int = 1
    pod_management: str = "OrderedReady"
    leader: PodTemplate | None = None

    @property
    def serving(self) -> PodTemplate:
        """The template of the pod that serves requests: the leader's, where there is one."""
        return self.leader or self.template


@dataclass(frozen=True, slots=True)
class Monitor:
    """A PodMonitoring, ClusterPodMonitoring, PodMonitor or ServiceMonitor.

    `endpoints` has what it scrapes and `paths` the HTTP path of each; those of a ServiceMonitor
    are there once per Service that it selects, so not at all if no Service in the input fits.
    """

    kind: str
    name: str
    namespace: str
    place: Place
    endpoints: tuple[ScrapeConfig, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """A Service; `ports` has (name, port, target port)."""

    name: str
    namespace: str
    place: Place
    labels: Mapping[str, str]
    selector: Mapping[str, str]
    ports: tuple[tuple[str, int, str | int], ...]


@dataclass(frozen=True, slots=True)
class AdapterRules:
    """Rules of prometheus-adapter: `document` is the parsed config.yaml, with lines of the file."""

    name: str
    namespace: str
    place: Place
    document: Document


@dataclass(frozen=True)
class Policy:
    """One HPA with everything in the input that it works with.

    Attributes:
        name: of the HPA.
        namespace: of the HPA; `default` where no manifest names one.
        hpa: its spec, after defaulting and validation.
        document: its manifest, with lines.
        target: what it scales; None if that is not in the input.
        monitors: all that the input has, in its order; they may select other pods.
        rules: of prometheus-adapter.
        services: all that the input has.
        manifests: what of the input belongs to this policy, without what a server added.
        documents: what each of `manifests` was read from, with lines.
        digest: sha256 over `manifests`.
        ignored: other objects of the input, as `Kind/name`.
        targets: every object of the input that could be scaled, as `Kind name`.
        rivals: names of the input's other HPAs that scale the same object.
    """

    name: str
    namespace: str
    hpa: HorizontalPodAutoscalerSpec
    document: Document
    target: Target | None
    monitors: tuple[Monitor, ...]
    rules: tuple[AdapterRules, ...]
    services: tuple[Service, ...]
    manifests: tuple[Mapping[str, Plain], ...]
    documents: tuple[Document, ...]
    digest: str
    ignored: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The file that the HPA was read from."""
        return self.document.file

    @property
    def scrape_configs(self) -> tuple[ScrapeConfig, ...]:
        """What all monitors scrape."""
        return tuple(one for monitor in self.monitors for one in monitor.endpoints)

    @property
    def annotations(self) -> Mapping[str, str]:
        """The HPA's annotations."""
        return self.document.get_texts("metadata.annotations")

    def place(self, path: str = "") -> Place:
        """Return where a field of the HPA stands: `spec.metrics[0]`."""
        return Place(self.document.file, self.document.line_of(path))
