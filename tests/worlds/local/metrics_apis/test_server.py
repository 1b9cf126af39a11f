"""The process: who may ask it, what it answers, what it writes, and how it ends."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scalecert import clock
from scalecert.worlds.local.control_plane.certificates import KeyPair, Pki, make_pki
from scalecert.worlds.local.control_plane.kubeconfigs import write_kubeconfig
from scalecert.worlds.local.metrics_apis.config import Config, Semantics, read_config, write_config
from scalecert.worlds.local.metrics_apis.server import READY

ADDRESS = "127.0.0.1"
NOWHERE = "https://127.0.0.1:9"
LIMIT_SECONDS = 60.0
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue"
SEMANTICS = Semantics(
    kinds={"queue": "gauge"},
    rules=(),
    series=("queue",),
    google_delay_seconds=5.0,
    prometheus_delay_seconds=0.0,
    relist_seconds=60.0,
    relist_phase_seconds=7.0,
    resolution_seconds=15.0,
)


@dataclass(frozen=True)
class Running:
    """A process, and what it was started with."""

    process: subprocess.Popen[str]
    config: Config
    pki: Pki

    def get(self, path: str, pair: KeyPair | None) -> tuple[int, bytes]:
        """GET with a client's certificate, or without one."""
        context = ssl.create_default_context(cafile=self.pki.ca)
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        connection = http.client.HTTPSConnection(
            ADDRESS, self.config.port, context=context, timeout=LIMIT_SECONDS
        )
        try:
            connection.request("GET", path, headers={"User-Agent": "autoscaler/1.0"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("metrics-apis")
    pki = make_pki(folder / "pki", ADDRESS, now_seconds=clock.unix_seconds())
    kubeconfig = write_kubeconfig(
        folder / "kubeconfig", api_url=NOWHERE, ca=pki.ca, client=pki.admin
    )
    with socket.socket() as free:
        free.bind((ADDRESS, 0))
        port = free.getsockname()[1]
    config = Config(
        address=ADDRESS,
        port=port,
        certificate=pki.metrics_apis.certificate,
        key=pki.metrics_apis.key,
        client_ca=pki.front_proxy_ca,
        kubeconfig=kubeconfig,
        prometheus="http://127.0.0.1:9",
        usage=folder / "usage.json",
        outages=folder / "outages.json",
        log=folder / "metrics-api.jsonl",
        time_lapse=5,
        semantics=SEMANTICS,
    )
    write_config(folder / "config.json", config)
    command = [
        sys.executable,
        "-m",
        "scalecert.worlds.local.metrics_apis",
        str(folder / "config.json"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == READY
            yield Running(process, config, pki)
        finally:
            process.kill()


def test_configuration_is_read_as_it_was_written(tmp_path: Path, running: Running) -> None:
    """What the world writes is what the process reads."""
    write_config(tmp_path / "config.json", running.config)
    assert read_config(tmp_path / "config.json") == running.config


def test_kube_apiserver_reads_discovery(running: Running) -> None:
    """Whoever has a certificate of the aggregation layer is answered."""
    status, body = running.get("/apis/custom.metrics.k8s.io/v1beta2", running.pki.front_proxy)
    assert status == 200
    assert json.loads(body)["kind"] == "APIResourceList"
    assert running.get("/readyz", running.pki.front_proxy) == (200, b"ok")
    assert running.get("/apis/apps/v1", running.pki.front_proxy)[0] == 404


@pytest.mark.parametrize("who", ["nobody", "an administrator of the API"])
def test_others_are_refused_before_they_can_ask(running: Running, who: str) -> None:
    """A connection without a certificate of the aggregation layer's authority is closed."""
    pair = None if who == "nobody" else running.pki.admin
    with pytest.raises((ssl.SSLError, ConnectionError)):
        running.get("/apis", pair)


def test_each_request_for_a_metric_is_a_line(running: Running) -> None:
    """A line says what was asked and answered, by the time that the answer is there."""
    before = running.config.log.read_bytes().count(b"\n")
    status, body = running.get(EXTERNAL, running.pki.front_proxy)
    lines = running.config.log.read_text().splitlines()
    assert len(lines) == before + 1
    line = json.loads(lines[-1])
    assert line["status"] == status == 404
    assert line["message"] == json.loads(body)["message"]
    assert line["message"] == "the server could not find the metric queue for namespaces"
    assert (line["agent"], line["api"], line["metric"]) == ("autoscaler/1.0", "external", "queue")


def test_a_prometheus_and_an_api_server_that_are_gone_are_answers(running: Running) -> None:
    """The process outlives what it asks."""
    google = EXTERNAL.replace("queue", "prometheus.googleapis.com%7Cqueue%7Cgauge")
    pods = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dweb"
    for path in (google, pods):
        status, body = running.get(path, running.pki.front_proxy)
        assert status == 500
        assert json.loads(body)["message"].startswith("Internal error occurred:")


def test_it_ends_when_it_is_told_to(running: Running) -> None:
    """SIGTERM ends it with nothing left to say, although a client keeps its connection."""
    context = ssl.create_default_context(cafile=running.pki.ca)
    pair = running.pki.front_proxy
    context.load_cert_chain(pair.certificate, pair.key)
    connection = http.client.HTTPSConnection(ADDRESS, running.config.port, context=context)
    connection.request("GET", "/apis")
    assert connection.getresponse().read()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(LIMIT_SECONDS) in (0, -signal.SIGTERM)
    connection.close()
