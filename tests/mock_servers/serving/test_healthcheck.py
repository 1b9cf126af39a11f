"""The image's health check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from mock_servers.serving.healthcheck import HEALTH, main
from scalecert.engines.registry import engine_kind


@contextmanager
def server(status: int, path: str = "/health") -> Iterator[str]:
    """Answer one path with a status, all else with 404; yield the port."""

    class _Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == path else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), _Answer) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield str(listening.server_port)
        listening.shutdown()
        thread.join()


@pytest.fixture
def nobody() -> str:
    """Return a port that nobody listens on."""
    with server(200) as port:
        pass
    return port


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (500, 1)])
def test_a_server_is_healthy_as_its_status_says(status: int, code: int) -> None:
    """Either form of the option, and whatever stands before."""
    with server(status) as port:
        assert main(["python", "scalecert", "mock", "vllm", "--port", port]) == code
        everywhere = ["--host", "0.0.0.0"]  # noqa: S104 - nobody listens there
        assert main(["scalecert", "mock", "tgi", f"--port={port}", *everywhere]) == code


def test_nobody_there_is_not_healthy(nobody: str) -> None:
    """Before the server listens, and when it has gone."""
    assert main(["scalecert", "mock", "vllm", "--port", nobody]) == 1


@pytest.mark.parametrize("words", [[], ["sh"], ["scalecert", "mock"], ["x", "mock", "unknown"]])
def test_another_process_is_not_healthy(words: list[str]) -> None:
    """It knows the mock servers only."""
    assert main(words) == 1


def test_where_one_port_is_off_the_next_one_counts(nobody: str) -> None:
    """JetStream's pods have one HTTP server or another; a TPU node has no dcgm-exporter."""
    with server(200, "/healthcheck") as port:
        words = ["mock", "jetstream", "--sidecar-port", port]
        assert main(words) == 0
    with server(200, "/metrics") as port:
        words = ["mock", "jetstream", "--sidecar-port", "off", "--http-port", nobody]
        assert main([*words, "--metrics-port", port]) == 0
        words = ["mock", "accelerator", "--port", nobody, "--plugin-port", port]
        assert main(words) == 0


@pytest.mark.parametrize("name", ["vllm", "tgi"])
def test_default_ports_are_the_engines(name: str) -> None:
    """What the command line leaves out is what the server takes."""
    assert HEALTH[name][0][1] == engine_kind(name).default_port
