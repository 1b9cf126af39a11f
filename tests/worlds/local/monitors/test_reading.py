"""Monitors of the API: read as a policy's manifests are, one fault at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scalecert.bundled import bundled
from scalecert.policy.loading import load_policies
from scalecert.worlds.local.monitors.reading import Read, read_monitors


def raw(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> bytes:
    """Return an object as the API has it."""
    meta = {"name": name, "namespace": "default", "managedFields": [{"x": 1}], **metadata}
    return json.dumps({"kind": kind, "metadata": meta, "spec": spec, "status": {"a": 1}}).encode()


POD_MONITORING = raw(
    "PodMonitoring",
    "tgi",
    {
        "selector": {"matchLabels": {"app": "tgi"}},
        "endpoints": [{"port": "http", "interval": "5s"}],
    },
)
SERVICE = {"selector": {"app": "tgi"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}


def read(services: tuple[bytes, ...] = (), **monitors: bytes) -> Read:
    """Return what one object of each kind says."""
    return read_monitors({kind: (one,) for kind, one in monitors.items()}, services)


def test_a_monitor_is_read_as_in_a_policy() -> None:
    """Interval, port and selector come out; the job is named after the object."""
    (one,) = read(PodMonitoring=POD_MONITORING).endpoints
    assert one.job == "PodMonitoring/default/tgi/0"
    assert one.monitor == "PodMonitoring/default/tgi"
    assert one.path == "/metrics"
    assert (one.config.port, one.config.interval_seconds) == ("http", 5.0)
    assert one.config.namespaces == ("default",)


@pytest.mark.parametrize("shipped", ["vllm-num-requests-waiting", "vllm-num-requests-running"])
def test_shipped_monitors_say_the_same_in_the_api_as_in_the_file(shipped: str) -> None:
    """What the simulator scrapes of a policy and what Prometheus is told are one."""
    (policy,) = load_policies([str(bundled(f"fixtures/policies/{shipped}.yaml"))])
    objects: dict[str, list[bytes]] = {}
    for manifest in policy.manifests:
        value = json.loads(json.dumps(manifest))
        value["metadata"].setdefault("namespace", "default")
        objects.setdefault(value["kind"], []).append(json.dumps(value).encode())
    found = read_monitors(objects, objects.get("Service", []))
    assert found.problems == ()
    stated = [(one.selector, one.port, one.interval_seconds) for one in policy.scrape_configs]
    assert [
        (one.config.selector, one.config.port, one.config.interval_seconds)
        for one in found.endpoints
    ] == stated
    assert stated


def test_a_monitor_that_cant_be_read_is_left_out_and_said() -> None:
    """One line, which names the object and the field; the others stay."""
    broken = raw(
        "PodMonitor", "typo", {"selector": {}, "podMetricsEndpoints": [{"intervall": "5s"}]}
    )
    found = read(PodMonitoring=POD_MONITORING, PodMonitor=broken)
    assert [one.monitor for one in found.endpoints] == ["PodMonitoring/default/tgi"]
    (problem,) = found.problems
    assert problem.startswith("PodMonitor/default/typo:")
    assert "interval" in problem
    assert "\n" not in problem


def test_a_service_monitor_scrapes_pods_of_the_services_namespace() -> None:
    """A Service has the pods of its own namespace, whatever others are called."""
    services = tuple(
        raw("Service", "web", SERVICE, namespace=space, labels={"app": "tgi"})
        for space in ("default", "team-a")
    )
    spec = {
        "selector": {"matchLabels": {"app": "tgi"}},
        "namespaceSelector": {"any": True},
        "endpoints": [{"port": "http"}],
    }
    found = read(services, ServiceMonitor=raw("ServiceMonitor", "sm", spec))
    assert [(one.job, one.config.namespaces, one.config.port) for one in found.endpoints] == [
        ("ServiceMonitor/default/sm/default/0", ("default",), 8080),
        ("ServiceMonitor/default/sm/team-a/0", ("team-a",), 8080),
    ]


def test_a_service_without_a_selector_has_no_pods() -> None:
    """`kubernetes`, the API's own Service, is one such: it must not stand for every pod."""
    bare = raw("Service", "kubernetes", {"ports": [{"name": "https", "port": 443}]})
    spec = {"selector": {}, "endpoints": [{"port": "https"}]}
    assert read((bare,), ServiceMonitor=raw("ServiceMonitor", "sm", spec)) == Read((), ())


def test_the_order_of_answers_does_not_matter() -> None:
    """Jobs are in the order of their names."""
    spec = {"selector": {}, "endpoints": [{"port": "http"}]}
    some = [raw("PodMonitoring", name, spec) for name in ("b", "a")]
    found = read_monitors({"PodMonitoring": some}, ())
    assert [one.monitor for one in found.endpoints] == [
        "PodMonitoring/default/a",
        "PodMonitoring/default/b",
    ]
