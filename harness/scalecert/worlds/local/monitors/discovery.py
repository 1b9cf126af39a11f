"""Pods to targets, as Prometheus' Kubernetes discovery has them for `role: pod`.

Distributions build Prometheus without that discovery (Debian's does), so it is done here and handed
over as file_sd: a target for each declared port of a container, or one for a container without any,
under the labels of discovery/kubernetes/pod.go. Which of them are scraped, and under what name, is
for the relabelling of each job (`target_rules`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from scalecert.documents import canonical_json

PREFIX = "__meta_kubernetes_pod"
NAMESPACE = "__meta_kubernetes_namespace"
WITHOUT_PORTS = "__meta_scalecert_without_ports"
"""Ours: on the first container of a pod that declares no port at all."""

_UNSAFE = re.compile(r"[^a-zA-Z0-9_]")

Labels = dict[str, str]


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    """Base: camelCase names, other fields are passed over."""


class _Owner(_Part, frozen=True):
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class _Metadata(_Part, frozen=True):
    name: str
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[_Owner, ...] = ()


class _Port(_Part, frozen=True):
    container_port: int
    name: str = ""
    protocol: str = "TCP"


class _Container(_Part, frozen=True):
    name: str
    image: str = ""
    ports: tuple[_Port, ...] = ()


class _Spec(_Part, frozen=True):
    node_name: str = ""
    containers: tuple[_Container, ...] = ()
    init_containers: tuple[_Container, ...] = ()


class _ContainerStatus(_Part, frozen=True):
    name: str
    container_id: str = msgspec.field(default="", name="containerID")


class _Condition(_Part, frozen=True):
    type: str
    status: str


class _Status(_Part, frozen=True):
    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    host_ip: str = msgspec.field(default="", name="hostIP")
    conditions: tuple[_Condition, ...] = ()
    container_statuses: tuple[_ContainerStatus, ...] = ()
    init_container_statuses: tuple[_ContainerStatus, ...] = ()


class Pod(_Part, frozen=True):
    """A pod of the API, as far as discovery looks at it."""

    metadata: _Metadata
    spec: _Spec = _Spec()
    status: _Status = _Status()


class TargetGroup(msgspec.Struct, frozen=True):
    """One entry of a file_sd file: addresses, and the labels that they share."""

    targets: tuple[str, ...]
    labels: Labels


def discovered(pods: Iterable[Pod]) -> bytes:
    """Return the file_sd document of the pods: equal pods in any order give equal bytes."""
    ordered = sorted(pods, key=lambda pod: (pod.metadata.namespace, pod.metadata.name))
    return canonical_json([group for pod in ordered for group in target_groups(pod)])


def target_groups(pod: Pod) -> Iterator[TargetGroup]:
    """Return the targets that a pod may be; none while it has no address."""
    address = pod.status.pod_ip
    if not address:
        return
    shared = _pod_labels(pod)
    for container, ids, init in _containers(pod):
        own = shared | {
            f"{PREFIX}_container_name": container.name,
            f"{PREFIX}_container_id": ids.get(container.name, ""),
            f"{PREFIX}_container_image": container.image,
            f"{PREFIX}_container_init": _said(init),
        }
        if not container.ports:
            yield TargetGroup((address,), own | _anonymous(pod, container))
        for port in container.ports:
            number = str(port.container_port)
            named = {
                f"{PREFIX}_container_port_name": port.name,
                f"{PREFIX}_container_port_number": number,
                f"{PREFIX}_container_port_protocol": port.protocol,
            }
            yield TargetGroup((f"{address}:{number}",), own | named)


def _anonymous(pod: Pod, container: _Container) -> Labels:
    containers = pod.spec.containers
    lone = container is containers[0] and not any(one.ports for one in containers)
    return {WITHOUT_PORTS: _said(True)} if lone else {}


def _containers(pod: Pod) -> Iterator[tuple[_Container, Mapping[str, str], bool]]:
    """Return each container, the ids of its sort by name, and whether it is an init container."""
    status = pod.status
    for containers, statuses, init in (
        (pod.spec.containers, status.container_statuses, False),
        (pod.spec.init_containers, status.init_container_statuses, True),
    ):
        ids = {one.name: one.container_id for one in statuses}
        for container in containers:
            yield container, ids, init


def _pod_labels(pod: Pod) -> Labels:
    meta, status = pod.metadata, pod.status
    ready = next((one.status for one in status.conditions if one.type == "Ready"), "Unknown")
    labels = {
        NAMESPACE: meta.namespace,
        f"{PREFIX}_name": meta.name,
        f"{PREFIX}_ip": status.pod_ip,
        f"{PREFIX}_ready": ready.lower(),
        f"{PREFIX}_phase": status.phase,
        f"{PREFIX}_node_name": pod.spec.node_name,
        f"{PREFIX}_host_ip": status.host_ip,
        f"{PREFIX}_uid": meta.uid,
    }
    controller = next((one for one in meta.owner_references if one.controller), _Owner())
    labels[f"{PREFIX}_controller_kind"] = controller.kind
    labels[f"{PREFIX}_controller_name"] = controller.name
    return labels | _shown("label", meta.labels) | _shown("annotation", meta.annotations)


def _shown(what: str, pairs: Mapping[str, str]) -> Labels:
    labels = {}
    for name, value in pairs.items():
        safe = safe_name(name)
        labels[f"{PREFIX}_{what}_{safe}"] = value
        labels[f"{PREFIX}_{what}present_{safe}"] = _said(True)
    return labels


def safe_name(name: str) -> str:
    """Return a Kubernetes name as a part of a Prometheus label (strutil.SanitizeLabelName)."""
    return _UNSAFE.sub("_", name)


def _said(truth: bool) -> str:
    return "true" if truth else "false"
