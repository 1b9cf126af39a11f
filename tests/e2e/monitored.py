"""A control plane whose monitors are looked after, for end-to-end tests, and what it scrapes."""

from __future__ import annotations

import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from control_planes import Plane, wait_until

from scalecert.worlds.local.monitors.config import MonitorsConfig, write_config

INTERVAL_SECONDS = 1.0


@dataclass(frozen=True)
class World:
    """A control plane with a Prometheus that the monitors process looks after."""

    plane: Plane
    config: MonitorsConfig

    def query(self, text: str) -> list[dict[str, Any]]:
        """Return the series of an instant query: `metric` and `value`."""
        answer = self.ask(f"/api/v1/query?query={urllib.parse.quote(text)}")
        found: list[dict[str, Any]] = answer["result"]
        return found

    def ask(self, path: str) -> dict[str, Any]:
        """Return the data of an answer of Prometheus."""
        url = self.config.prometheus_url + path
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - a URL of ours
            data: dict[str, Any] = json.load(answer)["data"]
        return data

    def start_monitors(self) -> None:
        """Start the process, and wait until it says that it is ready."""
        file = self.plane.directory.path / "monitors.json"
        write_config(file, self.config)
        processes = self.plane.directory.processes
        command = [sys.executable, "-m", "scalecert.worlds.local.monitors", str(file)]
        processes.stop("monitors")
        processes.start("monitors", command)
        processes.wait_for_line("monitors", "ready", timeout_seconds=30.0)

    def jobs(self) -> list[str]:
        """Return the jobs that Prometheus has, without the harness's own."""
        targets = self.ask("/api/v1/targets")["activeTargets"]
        return sorted(
            {one["scrapePool"] for one in targets} - {"scalecert-canary", "scalecert-system"}
        )

    def run_pod(self, name: str, address: str, container: Mapping[str, Any], **meta: Any) -> None:
        """Make a pod that runs, as a node agent would."""
        self.plane.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "default", **meta},
                "spec": {"nodeName": "node-0", "containers": [{"image": "none", **container}]},
            }
        )
        status = json.dumps({"status": {"phase": "Running", "podIP": address}})
        words = ("patch", "pod", name, "--subresource=status", "--type=merge", "-p", status)
        self.plane.kubectl(*words)


@contextmanager
def serving(address: str, port: int, page: str) -> Iterator[None]:
    """Serve a page of metrics on a pod's address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(f"{page}\n".encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    server = ThreadingHTTPServer((address, port), Page)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def container(name: str, port_name: str, port: int) -> dict[str, Any]:
    """Return a container of one port."""
    return {"name": name, "ports": [{"name": port_name, "containerPort": port}]}


def monitoring(name: str, selector: dict[str, Any]) -> dict[str, Any]:
    """Return a PodMonitoring of port http."""
    return {
        "apiVersion": "monitoring.googleapis.com/v1",
        "kind": "PodMonitoring",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "selector": selector,
            "endpoints": [{"port": "http", "interval": f"{INTERVAL_SECONDS:g}s"}],
        },
    }


def has(world: World, query: str) -> None:
    """Wait until a query finds a series."""
    wait_until(lambda: bool(world.query(query)))
