"""Prometheus takes its configuration anew, or says why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from scalecert.errors import EnvironmentFault
from scalecert.worlds.local.monitors import prometheus
from scalecert.worlds.local.monitors.prometheus import ConfigRefused, PrometheusServer


@contextmanager
def answering(*answers: tuple[int, str]) -> Iterator[tuple[str, list[str]]]:
    """Serve answers, one a request; yield the URL, and what was asked for."""
    asked: list[str] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            status, text = left.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_reload_is_asked_for_until_prometheus_has_started() -> None:
    """It answers 503 while it starts."""
    with answering((503, "Service Unavailable"), (200, "")) as (url, asked):
        PrometheusServer(url).reload()
    assert asked == ["/-/reload", "/-/reload"]


def test_a_refusal_says_what_prometheus_said() -> None:
    """A configuration that can't be used is not asked for again."""
    with (
        answering((500, "failed to reload config: no\n")) as (url, asked),
        pytest.raises(ConfigRefused, match=r"^failed to reload config: no$"),
    ):
        PrometheusServer(url).reload()
    assert len(asked) == 1


def test_a_prometheus_that_is_gone_is_a_fault_of_the_world(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The wait has a limit, and says what it waited for."""
    monkeypatch.setattr(prometheus, "RELOAD_SECONDS", 0.2)
    with answering() as (url, _):
        pass
    waiting: Callable[[], None] = PrometheusServer(url).reload
    with pytest.raises(EnvironmentFault, match=r"waited 0.2 s for Prometheus at http://127"):
        waiting()
