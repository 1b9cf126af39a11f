"""What pods request."""

from __future__ import annotations

import pytest

from scalecert.hpa.pod_requests import RequestError, calculate_requests
from scalecert.hpa.pods import Container, Pod, PodSpec

SIDECAR = Container("sidecar", {"cpu": 50}, restart_policy="Always")
INIT = Container("init", {"cpu": 900})
SERVER = Container("server", {"cpu": 200, "memory": 1000})


def requested(spec: PodSpec, resource: str = "cpu", container: str = "", **gates: bool) -> int:
    return calculate_requests([Pod("p", spec=spec)], container, resource, **gates)["p"]


def test_containers_and_restartable_init_containers_are_summed() -> None:
    """Plain init containers don't count."""
    assert requested(PodSpec((SERVER,), (INIT, SIDECAR))) == 250


def test_one_container_can_be_named() -> None:
    """A named container's request is taken alone, sidecars too, over pod-level requests."""
    spec = PodSpec((SERVER,), (INIT, SIDECAR), requests_milli={"cpu": 5000})
    assert requested(spec, container="sidecar") == 50
    with pytest.raises(RequestError, match="container init not found in Pod p"):
        requested(spec, container="init")


def test_one_missing_request_fails() -> None:
    """A container without the request is an error that names it."""
    with pytest.raises(
        RequestError, match="missing request for memory in container sidecar of Pod p"
    ):
        requested(PodSpec((SERVER,), (SIDECAR,)), "memory")


def test_pod_level_requests_come_first_and_overhead_is_added() -> None:
    """The pod's own request replaces the sum; overhead is added then, and only then."""
    spec = PodSpec((SERVER,), requests_milli={"cpu": 800}, overhead_milli={"cpu": 30})
    assert requested(spec) == 830
    assert requested(spec, pod_level_resources=False) == 200
    assert requested(PodSpec((SERVER,), overhead_milli={"cpu": 30})) == 200


def test_what_the_pod_does_not_set_follows_the_schedulers_formula() -> None:
    """With pod-level memory only, CPU is the larger of running and the worst initialization."""
    spec = PodSpec((SERVER,), (SIDECAR, INIT), requests_milli={"memory": 5000})
    assert requested(spec) == max(200 + 50, 50 + 900)
    with pytest.raises(RequestError, match="missing pod-level request for nvidia"):
        requested(spec, "nvidia.com/gpu")


def test_resources_that_pods_cannot_request_do_not_count_as_pod_level() -> None:
    """A GPU at pod level is no pod-level request."""
    assert requested(PodSpec((SERVER,), requests_milli={"nvidia.com/gpu": 1000})) == 200
    assert requested(PodSpec((SERVER,), requests_milli={"hugepages-2Mi": 1, "cpu": 7})) == 7
