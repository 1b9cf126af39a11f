"""The pods that a policy scales, as the world's controllers and scrapes see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scalecert.hpa.pods import Container, PodSpec
from scalecert.hpa.quantity import Quantity
from scalecert.planning.pod_timing import Ordering
from scalecert.policy import model as manifests
from scalecert.policy.model import Policy
from scalecert.policy.resolve import Resolved
from scalecert.policy.scraping import metrics_endpoint


@dataclass(frozen=True, slots=True)
class ScaledPods:
    """The pods that the HPA scales, as controllers, scrapes and the HPA see them.

    `ordering` is how the workload controller picks pods; `ports` are the engine container's, with
    the one that its metrics are on whether it is declared or not.
    """

    workload: str
    kind: str
    ordering: Ordering
    labels: Mapping[str, str]
    selector: str
    requests: PodSpec
    ports: Mapping[str, int]
    container: str


def scaled_pods(policy: Policy, resolved: Resolved) -> ScaledPods:
    """Return the pods of the policy's target; assumed ones if it is not in the input."""
    target = policy.target
    reference = policy.hpa.scale_target_ref
    if target is None:
        labels = {"app": reference.name}
        return ScaledPods(
            workload=reference.name,
            kind=reference.kind,
            ordering=_ordering(reference.kind),
            labels=labels,
            selector=_selector(labels),
            requests=PodSpec(),
            ports={"http": resolved.kind.default_port},
            container="inference-server",
        )
    container = resolved.container or target.serving.containers[0]
    return ScaledPods(
        workload=target.name,
        kind=target.kind,
        ordering=_ordering(target.kind, target.pod_management),
        labels=target.serving.labels,
        selector=_selector(target.serving.labels),
        requests=_requests(target.serving),
        ports=_ports(container, resolved),
        container=container.name,
    )


def _ordering(kind: str, pod_management: str = "OrderedReady") -> Ordering:
    """Return the order in which a controller starts and ends pods.

    A LeaderWorkerSet's groups come and go as the pods of a parallel StatefulSet.
    """
    if kind == "StatefulSet":
        return "parallel-ordinals" if pod_management == "Parallel" else "one-by-one"
    return "parallel-ordinals" if kind == "LeaderWorkerSet" else "any"


def _ports(container: manifests.Container, resolved: Resolved) -> Mapping[str, int]:
    """Return the declared ports; a scrape by number reaches the server's own beside them."""
    serves = metrics_endpoint(resolved, container).port
    if not container.ports or serves is None or serves in container.ports.values():
        return container.ports
    return {**container.ports, str(serves): serves}


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _requests(template: manifests.PodTemplate) -> PodSpec:
    return PodSpec(
        containers=tuple(_container(one) for one in template.containers),
        init_containers=tuple(_container(one) for one in template.init_containers),
    )


def _container(container: manifests.Container) -> Container:
    return Container(
        name=container.name,
        requests_milli=_milli(container.requests or {}),
        restart_policy="Always" if container.restarts_always else None,
    )


def _milli(quantities: Mapping[str, Quantity]) -> dict[str, int]:
    return {name: quantity.milli_value for name, quantity in quantities.items()}
