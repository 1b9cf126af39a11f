"""Pods as the API server has them, read as far as a kubelet needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from scalecert.documents import Document, decode, parse_documents
from scalecert.policy.manifests import Exec, HttpGet, ProbeDocument
from scalecert.policy.manifests import PodSpec as ManifestPodSpec
from scalecert.policy.model import Container, PodTemplate, Target
from scalecert.policy.targets import read_target

_CACHED_TEMPLATES = 64


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    """Base: camelCase names, other fields are passed over."""


class PodMeta(_Part, frozen=True):
    """Metadata of a pod."""

    name: str
    namespace: str
    uid: str
    resource_version: str = ""
    creation_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None


class _PodSpec(_Part, frozen=True):
    node_name: str = ""


class _PodStatus(_Part, frozen=True):
    phase: str = "Pending"


class PodObject(_Part, frozen=True):
    """A pod, its spec still as text: most events of a watch need no look into it."""

    metadata: PodMeta
    raw_spec: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"{}"), name="spec")
    status: _PodStatus = _PodStatus()

    @property
    def node_name(self) -> str:
        """The node that it is bound to; empty if none."""
        return msgspec.json.decode(self.raw_spec, type=_PodSpec).node_name

    @property
    def is_over(self) -> bool:
        """Whether all its containers have ended for good."""
        return self.status.phase in ("Succeeded", "Failed")


class HttpHeader(_Part, frozen=True):
    """A header of an HTTP probe."""

    name: str
    value: str


class HttpGetAction(HttpGet, frozen=True, rename="camel"):
    """An HTTP probe."""

    scheme: str = "HTTP"
    host: str = ""
    http_headers: tuple[HttpHeader, ...] = ()


class TcpSocketAction(_Part, frozen=True):
    """A TCP probe."""

    port: int | str
    host: str = ""


class GrpcAction(_Part, frozen=True):
    """A probe of gRPC's health service."""

    port: int
    service: str = ""


class ProbeSpec(ProbeDocument, frozen=True, rename="camel"):
    """A probe with all that a kubelet can do."""

    http_get: HttpGetAction | None = None
    tcp_socket: TcpSocketAction | None = None
    grpc: GrpcAction | None = None
    exec: Exec | None = None


class _ContainerProbes(_Part, frozen=True):
    startup_probe: ProbeSpec | None = None
    readiness_probe: ProbeSpec | None = None
    liveness_probe: ProbeSpec | None = None


class _KubeletSpec(_Part, frozen=True):
    containers: tuple[_ContainerProbes, ...] = ()
    init_containers: tuple[_ContainerProbes, ...] = ()
    restart_policy: str = "Always"


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container with its probes as a kubelet runs them."""

    container: Container
    startup: ProbeSpec | None = None
    readiness: ProbeSpec | None = None
    liveness: ProbeSpec | None = None

    @property
    def name(self) -> str:
        """The container's name."""
        return self.container.name


@dataclass(frozen=True, slots=True)
class PodSpec:
    """What is to run in a pod.

    Attributes:
        target: the pod's template, as if an object of one replica had it.
        document: what the target was read from.
        containers: the regular ones.
        init_containers: sidecars among them.
        restart_policy: of the pod.
    """

    target: Target
    document: Document
    containers: tuple[ContainerSpec, ...]
    init_containers: tuple[ContainerSpec, ...] = ()
    restart_policy: str = "Always"

    @property
    def template(self) -> PodTemplate:
        """The pod's template."""
        return self.target.template

    @property
    def node_labels(self) -> dict[str, str]:
        """Labels that a node must have: of several values that affinity allows, the first."""
        return {**_affinity(self.document), **self.template.node_labels}

    @property
    def ports(self) -> Mapping[str, int]:
        """The ports of all containers, by name (or number, for one without a name)."""
        every = (*self.init_containers, *self.containers)
        return {name: port for one in every for name, port in one.container.ports.items()}


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """Which pod it is; `ordinal` counts all pods in the order of their creation."""

    name: str
    namespace: str
    uid: str
    ordinal: int

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def read_spec(pod: PodObject) -> PodSpec:
    """Return what is to run in a pod.

    Raises:
        UsageError: for something in it that can't be read.
    """
    spec = msgspec.json.decode(pod.raw_spec)
    spec.pop("nodeName", None)
    meta = pod.metadata
    template = {
        "metadata": {"labels": meta.labels, "annotations": meta.annotations},
        "spec": spec,
    }
    return _read(msgspec.json.encode(template, order="deterministic"))


@lru_cache(_CACHED_TEMPLATES)
def _read(template: bytes) -> PodSpec:
    """Return what a pod template says; the pods of a ReplicaSet share one."""
    (document,) = parse_documents(_owner(template), "pod")
    target = read_target(document)
    probes = decode(document, _KubeletSpec, path="spec.template.spec")
    return PodSpec(
        target=target,
        document=document,
        containers=_with_probes(target.template.containers, probes.containers),
        init_containers=_with_probes(target.template.init_containers, probes.init_containers),
        restart_policy=probes.restart_policy,
    )


def _affinity(document: Document) -> dict[str, str]:
    """Return a label for each condition of the first term of the required node affinity."""
    read = decode(document, ManifestPodSpec, path="spec.template.spec")
    terms = read.affinity.node_affinity.required.node_selector_terms
    conditions = terms[0].match_expressions if terms else ()
    any_value = {one.key: "true" for one in conditions if one.operator == "Exists"}
    return any_value | {
        one.key: one.values[0] for one in conditions if one.operator == "In" and one.values
    }


def _owner(template: bytes) -> bytes:
    """Return a Deployment of pods of a template, which is what manifests are read from."""
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "pod"},
        "spec": {"replicas": 1, "selector": {}, "template": msgspec.Raw(template)},
    }
    return msgspec.json.encode(owner)


def _with_probes(
    containers: tuple[Container, ...], probes: tuple[_ContainerProbes, ...]
) -> tuple[ContainerSpec, ...]:
    return tuple(
        ContainerSpec(one, its.startup_probe, its.readiness_probe, its.liveness_probe)
        for one, its in zip(containers, probes, strict=True)
    )
