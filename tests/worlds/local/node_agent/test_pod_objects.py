"""Pods of the API server, read."""

from __future__ import annotations

import json

import msgspec
import pytest
from worlds.local.node_agent.pods import PLAIN, SERVER, pod_object, pod_spec

from scalecert.errors import UsageError
from scalecert.worlds.local.node_agent.pod_objects import PodObject, read_spec


def test_probes_are_read_as_a_kubelet_runs_them():
    """With headers, TCP, gRPC and commands, which a policy's reader has no use for."""
    header = {"name": "X-Probe", "value": "1"}
    probes = {
        "startupProbe": {"httpGet": {"path": "/up", "port": "http", "httpHeaders": [header]}},
        "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 3},
        "livenessProbe": {"grpc": {"port": 9000, "service": "s"}},
    }
    (server,) = read_spec(pod_object(spec=pod_spec(SERVER | probes))).containers
    assert server.startup is not None
    assert server.startup.http_get is not None
    assert server.startup.http_get.http_headers[0].name == "X-Probe"
    assert server.readiness is not None
    assert server.readiness.tcp_socket is not None
    assert server.readiness.period_seconds == 3
    assert server.liveness is not None
    assert server.liveness.grpc is not None
    assert server.liveness.grpc.service == "s"


def test_a_pod_has_the_ports_of_all_its_containers():
    """By name, or by number for one without."""
    beside = PLAIN | {"ports": [{"containerPort": 9100}]}
    sidecar = PLAIN | {
        "name": "proxy",
        "restartPolicy": "Always",
        "ports": [{"name": "admin", "containerPort": 15000}],
    }
    spec = read_spec(pod_object(spec=pod_spec(SERVER, beside, initContainers=[sidecar])))
    assert spec.ports == {"admin": 15000, "http": 8000, "9100": 9100}
    assert spec.init_containers[0].container.restarts_always


def test_pods_of_one_template_share_what_is_read():
    """Whatever their names and nodes are: a ReplicaSet's pods are read once."""
    one = read_spec(pod_object("a", node="node-0"))
    assert read_spec(pod_object("b", node="node-1")) is one


def test_a_pod_is_over_when_its_containers_have_ended_for_good():
    """That is what its phase says."""
    text = json.dumps(
        {"metadata": {"name": "a", "namespace": "b", "uid": "c"}, "status": {"phase": "Failed"}}
    )
    assert msgspec.json.decode(text, type=PodObject).is_over
    assert not pod_object().is_over


def test_what_can_not_be_read_is_refused():
    """By a message for people."""
    with pytest.raises(UsageError, match="args"):
        read_spec(pod_object(spec=pod_spec(SERVER | {"args": "one"})))
