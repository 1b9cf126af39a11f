"""What pods request, for utilization targets (milli-units).

Where requests are set on the pod itself, the sum follows the scheduler's formula
(component-helpers, resource/helpers.go); otherwise it is the controller's own plain sum
(replica_calculator.go).
"""

from __future__ import annotations

from collections.abc import Iterable

from scalecert.errors import ScaleCertError
from scalecert.hpa.arithmetic import wrap_int64
from scalecert.hpa.pods import RESTART_ALWAYS, Pod, PodSpec


class RequestError(ScaleCertError):
    """A pod has no request for the resource that is scaled on."""


def calculate_requests(
    pods: Iterable[Pod], container: str, resource: str, *, pod_level_resources: bool = True
) -> dict[str, int]:
    """Return what each pod (also one that is ignored) requests, milli-units per pod name.

    Args:
        pods: the pods.
        container: the one container to look at; empty for whole pods.
        resource: the resource's name.
        pod_level_resources: whether requests of the pod itself count (the feature gate).

    Raises:
        RequestError: a pod lacks the request; that fails the whole metric.
    """
    requests: dict[str, int] = {}
    for pod in pods:
        whole_pod = pod_level_resources and not container and is_pod_level_requests_set(pod.spec)
        requests[pod.name] = (
            pod_level_requests(pod, resource)
            if whole_pod
            else container_requests(pod, resource, container)
        )
    return requests


def is_supported_pod_level_resource(resource: str) -> bool:
    """Tell whether a pod itself can request the resource."""
    return resource in ("cpu", "memory") or resource.startswith("hugepages-")


def is_pod_level_requests_set(spec: PodSpec) -> bool:
    """Tell whether the pod itself requests anything that it can."""
    return any(is_supported_pod_level_resource(resource) for resource in spec.requests_milli)


def pod_level_requests(pod: Pod, resource: str) -> int:
    """Return the pod's request with pod-level requests over those of containers, and overhead.

    Raises:
        RequestError: nothing in the pod requests the resource.
    """
    spec = pod.spec
    request = _aggregate_container_requests(spec, resource)
    if is_supported_pod_level_resource(resource) and resource in spec.requests_milli:
        request = spec.requests_milli[resource]
    request = _sum(request, spec.overhead_milli.get(resource))
    if request is None:
        raise RequestError(f"missing pod-level request for {resource} in Pod {pod.name}")
    return wrap_int64(request)


def container_requests(pod: Pod, resource: str, container: str) -> int:
    """Return the sum over containers and restartable init containers, or one of them.

    Args:
        pod: the pod.
        resource: the resource's name.
        container: the one container to look at; empty for all.

    Raises:
        RequestError: one of them lacks the request, or there is no container of that name.
    """
    spec = pod.spec
    restartable = [one for one in spec.init_containers if one.restart_policy == RESTART_ALWAYS]
    total = 0
    for one in (*spec.containers, *restartable):
        if container not in ("", one.name):
            continue
        if resource not in one.requests_milli:
            raise RequestError(
                f"missing request for {resource} in container {one.name} of Pod {pod.name}"
            )
        if container:
            return one.requests_milli[resource]
        total += one.requests_milli[resource]
    if container:
        raise RequestError(f"container {container} not found in Pod {pod.name}")
    return wrap_int64(total)


def _sum(one: int | None, other: int | None) -> int | None:
    """Add requests, where None is one that is not set."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _max(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _aggregate_container_requests(spec: PodSpec, resource: str) -> int | None:
    """Return max(what runs together, the largest moment of initialization); None if unset."""
    total: int | None = None
    for one in spec.containers:
        total = _sum(total, one.requests_milli.get(resource))
    restartable: int | None = None
    initializing: int | None = None
    for one in spec.init_containers:
        request = one.requests_milli.get(resource)
        if one.restart_policy == RESTART_ALWAYS:
            total, restartable = _sum(total, request), _sum(restartable, request)
            initializing = _max(initializing, restartable)
        else:
            initializing = _max(initializing, _sum(request, restartable))
    return _max(total, initializing)
