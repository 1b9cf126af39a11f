"""The metrics APIs, end to end: the real autoscaler reads a real Prometheus through them."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from control_planes import Plane, open_plane, wait_until
from worlds.local.metrics_apis.real_prometheus import require_prometheus

from scalecert import clock
from scalecert.engines.base import MetricInfo
from scalecert.metrics.canary import CanaryPath
from scalecert.metrics.conditions import MetricConditions
from scalecert.metrics.inputs import MetricsInput, WantedMetric
from scalecert.units import Duration
from scalecert.worlds.local.control_plane import ControllerFlags
from scalecert.worlds.local.metrics_apis.api_services import api_services
from scalecert.worlds.local.metrics_apis.canary_urls import canary_urls, read_heartbeat
from scalecert.worlds.local.metrics_apis.config import Config, write_config
from scalecert.worlds.local.metrics_apis.outages import OutageSpan, write_outages
from scalecert.worlds.local.metrics_apis.requests import read_request
from scalecert.worlds.local.metrics_apis.semantics import semantics_of
from scalecert.worlds.local.node_agent.usage import (
    USAGE_FILE,
    ContainerUsage,
    PodUsage,
    Usage,
    write_usage,
)

pytestmark = pytest.mark.e2e

K = 5
SYNC_SECONDS = 1.0
LIMIT_SECONDS = 60.0
GOOGLE = "prometheus.googleapis.com|queue|gauge"
PODS = ("a", "b")
PATHS: tuple[CanaryPath, ...] = (
    "google-custom",
    "google-external",
    "prometheus-custom",
    "prometheus-external",
    "resource",
)


@contextmanager
def exposed() -> Iterator[str]:
    """Serve a page with a queue of 25 on /metrics, and the canary on /canary; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            beat = f"scalecert_canary {clock.unix_seconds():.3f}\n"
            page = (beat if self.path == "/canary" else "queue 25\n").encode()
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *arguments: object) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Served:
    """A control plane whose metrics APIs are served."""

    plane: Plane
    config: Config

    def raw(self, path: str) -> Any:
        return json.loads(self.plane.kubectl("get", "--raw", path))

    def lines(self) -> list[dict[str, Any]]:
        text = self.config.log.read_text() if self.config.log.exists() else ""
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    require_prometheus()
    with open_plane("e2e-metrics-apis") as plane, exposed() as address:
        scrapes = plane.directory.path / "prometheus.yml"
        scrapes.write_text(json.dumps({"scrape_configs": list(_jobs(address))}))
        plane.control_plane.start_prometheus(scrapes, lookback_seconds=300.0 / K)
        config = _config(plane)
        file = plane.directory.path / "metrics-apis.json"
        write_config(file, config)
        command = [sys.executable, "-m", "scalecert.worlds.local.metrics_apis", str(file)]
        plane.directory.processes.start("metrics-apis", command)
        plane.directory.processes.wait_for_line(
            "metrics-apis", "ready", timeout_seconds=LIMIT_SECONDS
        )
        ca = plane.control_plane.pki.ca.read_bytes()
        for manifest in api_services(config.address, config.port, ca):
            plane.apply(manifest)
        for pod in PODS:
            plane.apply(_pod(pod))
        plane.kubectl(
            "wait", "--for=condition=Available", "apiservice", "v1beta2.custom.metrics.k8s.io",
            "v1beta1.external.metrics.k8s.io", "v1beta1.metrics.k8s.io",
        )  # fmt: skip
        yield Served(plane, config)


def _jobs(address: str) -> Iterator[dict[str, Any]]:
    for pod in (*PODS, "scalecert-canary"):
        labels = {"namespace": "default", "pod": pod, "cluster": "cluster", "instance": pod}
        path = "/canary" if pod == "scalecert-canary" else "/metrics"
        static = [{"targets": [address], "labels": labels}]
        yield {
            "job_name": pod,
            "scrape_interval": "200ms",
            "scrape_timeout": "200ms",
            "metrics_path": path,
            "static_configs": static,
        }


def _config(plane: Plane) -> Config:
    pki, folder = plane.control_plane.pki, plane.directory.path
    wanted = (WantedMetric("Pods", "queue"), WantedMetric("Resource", "cpu"))
    conditions = MetricConditions(
        adapter_relist_interval=Duration(2.0), resource_resolution=Duration(2.0)
    )
    metrics = {"queue": MetricInfo("queue", "gauge", "", ())}
    return Config(
        address=plane.directory.address,
        port=plane.directory.free_port(),
        certificate=pki.metrics_apis.certificate,
        key=pki.metrics_apis.key,
        client_ca=pki.front_proxy_ca,
        kubeconfig=plane.control_plane.kubeconfig,
        prometheus=plane.control_plane.prometheus_url,
        usage=folder / USAGE_FILE,
        outages=folder / "outages.json",
        log=folder / "metrics-api.jsonl",
        time_lapse=K,
        semantics=semantics_of(MetricsInput("default", "web", wanted), metrics, conditions, 1),
    )


def _pod(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "server", "image": "server"}]},
    }


def _report_usage(folder: Path) -> None:
    """Report a core and a half for each pod, twice."""
    start = clock.unix_seconds()
    for step in (0, 1):
        pods = [
            PodUsage("default", pod, [ContainerUsage("server", 0.0, 1.5 * step, 2**30)])
            for pod in PODS
        ]
        write_usage(folder, Usage(start - 1.0 + step, pods))
        threading.Event().wait(0.3)


def _values(served: Served, path: str) -> dict[str, str]:
    items = served.raw(path)["items"]
    return {item["describedObject"]["name"]: item["value"] for item in items}


@pytest.mark.parametrize("metric", ["queue", GOOGLE.replace("|", "%7C")])
def test_pods_have_what_prometheus_has_scraped(served: Served, metric: str) -> None:
    """Either adapter answers for the selected pods, through kube-apiserver."""
    path = (
        "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/"
        f"{metric}?labelSelector=app%3Dweb"
    )
    wait_until(lambda: _listed(served, path) and len(served.lines()[-1]["values"]) == len(PODS))
    assert _values(served, path) == {"a": "25", "b": "25"}


def _listed(served: Served, path: str) -> bool:
    """Tell whether a list is answered; before the first scrape or relist it is not found."""
    asked = len(served.lines())
    try:
        served.raw(path)
    except AssertionError:
        return False
    return len(served.lines()) > asked and served.lines()[-1]["values"] != []


def test_usage_is_what_the_node_agent_reported(served: Served) -> None:
    """`kubectl top` shows it, and the autoscaler reads the same."""
    _report_usage(served.plane.directory.path)
    top = served.plane.kubectl("top", "pod", "--no-headers").split()
    assert top == ["a", "1500m", "1024Mi", "b", "1500m", "1024Mi"]


def test_the_canary_arrives_over_each_path(served: Served) -> None:
    """Whoever asks through kube-apiserver gets a fresh heartbeat, whatever the path."""
    _report_usage(served.plane.directory.path)
    for path, url in canary_urls(PATHS, "default").items():
        wait_until(lambda url=url: _listed(served, url))
        body = served.plane.kubectl("get", "--raw", url).encode()
        beat = read_heartbeat(path, 200, body, clock.unix_seconds(), K)
        assert 0.0 <= beat.age_seconds < LIMIT_SECONDS * K
        assert served.lines()[-1]["canary"] is True
        split = urlsplit(url)
        assert read_request(split.path, split.query) is not None


def test_the_autoscaler_reads_them_and_hears_why_it_can_not(served: Served) -> None:
    """An HPA scales by an external metric; in an outage its condition has client-go's words."""
    plane = served.plane
    plane.apply(_deployment())
    plane.apply(_autoscaler())
    plane.control_plane.start_controllers(
        ControllerFlags(
            sync_period_seconds=SYNC_SECONDS,
            downscale_stabilization_seconds=60.0,
            tolerance=0.1,
            cpu_initialization_period_seconds=60.0,
            initial_readiness_delay_seconds=6.0,
        )
    )
    wait_until(lambda: plane.get("hpa", "web")["status"].get("desiredReplicas") == 5)
    agents = {line["agent"] for line in served.lines() if line["metric"] == GOOGLE}
    assert any("horizontal-pod-autoscaler" in agent for agent in agents)
    now = clock.unix_seconds()
    write_outages(served.config.outages, [OutageSpan("adapter", now, now + 3600.0)])
    wait_until(lambda: "unable to handle the request" in _scaling_active(plane))
    write_outages(served.config.outages, [])
    wait_until(lambda: "able to successfully calculate" in _scaling_active(plane))


def _scaling_active(plane: Plane) -> str:
    conditions = plane.get("hpa", "web")["status"]["conditions"]
    return str(next(one["message"] for one in conditions if one["type"] == "ScalingActive"))


def _deployment() -> dict[str, Any]:
    labels = {"app": "scaled"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "server", "image": "server"}]},
            },
        },
    }


def _autoscaler() -> dict[str, Any]:
    """Return an HPA that wants a replica for 10 of the two queues of 25."""
    target = {"type": "AverageValue", "averageValue": "10"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1,
            "maxReplicas": 8,
            "metrics": [
                {"type": "External", "external": {"metric": {"name": GOOGLE}, "target": target}}
            ],
        },
    }
