"""The mock exporters as a process beside the mock servers of their node."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import pytest
from mock_processes import LIMIT_SECONDS, MockServer, mock_server
from prometheus_client.parser import text_string_to_metric_families

SPEED = "60"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Return the folder of a node."""
    with TemporaryDirectory() as path:
        yield Path(path)


@pytest.fixture(scope="module")
def exporter(folder: Path) -> Iterator[MockServer]:
    """Run the exporters of a node with two GPUs."""
    with mock_server(
        "accelerator",
        *("--accelerator", "l4", "--count", "2", "--node", "gke-1", "--node-dir", str(folder)),
        *("--plugin-port", "0", "--speed", SPEED),
    ) as running:
        yield running


def scraped(exporter: MockServer, service: str, family: str) -> dict[str, float]:
    """Return a family's values by the pod that holds the accelerator, `-` if none does."""
    status, _, body = exporter.get("/metrics", service=service)
    assert status == 200
    return {
        sample.labels.get("pod", "-"): sample.value
        for found in text_string_to_metric_families(body.decode())
        for sample in found.samples
        if sample.name == family
    }


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds."""
    until = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < until
        Event().wait(0.05)


@contextmanager
def busy(server: MockServer) -> Iterator[None]:
    """Keep a server busy with one request after the other."""
    enough = Event()
    body = json.dumps({"model": "llama-2-7b", "prompt": "hi", "max_tokens": 1000}).encode()

    def ask() -> None:
        while not enough.is_set():
            server.post("/v1/completions", body)

    asking = Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        enough.set()
        asking.join()


def test_a_pods_work_is_seen_on_its_accelerator(exporter: MockServer, folder: Path) -> None:
    """Requests to the server make its GPU busy, on both pages; it goes with the server."""
    with mock_server(
        "vllm",
        *("--profile", "vllm_llama-2-7b_l4", "--speed", SPEED, "--node-dir", str(folder)),
        *("--pod", "prod/busy", "--container", "server", "--accelerators", "1"),
    ) as server:
        with busy(server):
            wait_until(
                lambda: scraped(exporter, "dcgm-exporter", "DCGM_FI_DEV_GPU_UTIL")["busy"] == 100.0
            )
            wait_until(
                lambda: scraped(exporter, "device plugin", "duty_cycle").get("busy", 0.0) > 90.0
            )
        assert scraped(exporter, "dcgm-exporter", "DCGM_FI_DEV_FB_USED")["busy"] > 20_000
        assert scraped(exporter, "dcgm-exporter", "DCGM_FI_DEV_FB_USED")["-"] == 0.0
    assert not list(folder.iterdir())
    assert scraped(exporter, "dcgm-exporter", "DCGM_FI_DEV_GPU_UTIL").keys() == {"-"}


def test_a_killed_server_is_forgotten(exporter: MockServer, folder: Path) -> None:
    """It leaves its socket behind, which the exporter removes at its next look."""
    with mock_server(
        "vllm",
        *("--profile", "vllm_llama-2-7b_l4", "--node-dir", str(folder), "--pod", "prod/killed"),
    ) as server:
        wait_until(lambda: "killed" in scraped(exporter, "dcgm-exporter", "DCGM_FI_DEV_FB_USED"))
        server.stop(signal.SIGKILL)
        wait_until(
            lambda: "killed" not in scraped(exporter, "dcgm-exporter", "DCGM_FI_DEV_FB_USED")
        )
        assert not list(folder.iterdir())


def test_the_pages_beside_the_metrics_are_the_real_ones(exporter: MockServer) -> None:
    """dcgm-exporter has an index and /health; whatever else is Go's 404."""
    status, headers, body = exporter.get("/health", service="dcgm-exporter")
    assert (status, body) == (200, b"OK")
    assert headers["x-registry-available"] == "true"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers
    assert b"GPU Exporter" in exporter.get("/", service="dcgm-exporter")[2]
    types = {
        service: exporter.get("/metrics", service=service)[1]["content-type"]
        for service in ("dcgm-exporter", "device plugin")
    }
    assert types == {
        "dcgm-exporter": "text/plain; charset=utf-8",
        "device plugin": "text/plain; version=0.0.4; charset=utf-8",
    }
    for service in ("dcgm-exporter", "device plugin"):
        status, _, body = exporter.get("/nothing", service=service)
        assert (status, body) == (404, b"404 page not found\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(folder: Path, number: int) -> None:
    """As a DaemonSet's pod ends: with 0 and nothing on stderr."""
    with mock_server(
        "accelerator",
        *("--accelerator", "v5e", "--count", "8", "--node-dir", str(folder)),
        *("--plugin-port", "0"),
    ) as running:
        assert running.addresses.keys() == {"device plugin"}
        assert running.stop(number) == 0
