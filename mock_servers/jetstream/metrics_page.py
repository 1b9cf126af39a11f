"""JetStream's metrics port: prometheus_client's own server, which answers on any path.

It is open before the model is loaded; until then families have their heads alone.
"""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mock_servers.jetstream.orchestrator import Orchestrator
from mock_servers.serving.backend import Backend
from mock_servers.serving.books import BY_FAULT
from mock_servers.serving.http import TEXT, Exchange, Routes
from mock_servers.serving.python_metrics import Family, python_client_page
from mock_servers.serving.python_process import python_process_families
from scalecert.clock import unix_seconds
from scalecert.engines.base import Sample

SERVER_HEADER = f"WSGIServer/0.2 CPython/{platform.python_version()}"
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Value = Callable[[Sample], float]


class MetricsPage:
    """The page of one server.

    Args:
        backend: of the server.
        orchestrator: of the same.
        fixed_gauges: show the lengths of the two backlogs that the real server never updates.
    """

    def __init__(self, backend: Backend, orchestrator: Orchestrator, *, fixed_gauges: bool) -> None:
        self._backend = backend
        self._identity = os.environ.get("HOSTNAME") or socket.gethostname()
        startup = backend.given.startup_seconds
        self._values: dict[str, Value] = {
            "jetstream_server_startup_latency": lambda _: startup,
            "jetstream_model_load_time": lambda _: startup,
            "lora_request_info": self._unix_seconds,
        }
        if fixed_gauges:
            self._values["jetstream_transfer_backlog_size"] = lambda _: orchestrator.transfers
            self._values["jetstream_generate_backlog_size"] = lambda _: orchestrator.insertions

    def page(self, names: Sequence[str] = ()) -> bytes:
        """Return the page, or of it the samples of these names if there are any."""
        process, families = iter(python_process_families()), self._families()
        if names:
            wanted = frozenset(names)
            process, families = _restricted(process, wanted), _restricted(families, wanted)
        since = self._backend.started_unix_seconds
        return python_client_page(process, None) + python_client_page(families, since)

    def _families(self) -> Iterator[Family]:
        for info, samples in self._backend.families():
            yield info, [self._shown(one) for one in samples] if self._backend.ready else ()

    def _shown(self, sample: Sample) -> Sample:
        """Return a sample as the process shows it: by its own name and clock."""
        value = self._values.get(sample.name)
        return replace(
            sample,
            labels={**sample.labels, "id": self._identity},
            value=sample.value if value is None else value(sample),
        )

    def _unix_seconds(self, sample: Sample) -> float:
        """Return the date of a moment by the model's clock."""
        pacer = self._backend.pacer
        return unix_seconds() - (pacer.now() - sample.value) / (pacer.speed or 1.0)


def _restricted(families: Iterator[Family], names: frozenset[str]) -> Iterator[Family]:
    for info, samples in families:
        if kept := [sample for sample in samples if sample.name in names]:
            yield info, kept


def metrics_app(page: MetricsPage, most_body_bytes: int) -> Routes:
    """Return the application of the metrics port."""

    async def any_path(exchange: Exchange) -> None:
        if BY_FAULT in exchange.scope["state"]:
            await exchange.reply(404, b"", "")
        elif exchange.method == "GET":
            names = exchange.query().get("name[]", ())
            await exchange.reply(200, page.page(names), _CONTENT_TYPE)
        elif exchange.method == "OPTIONS":
            await exchange.reply(200, b"", "", _ALLOWED)
        else:
            text = f"# HTTP 405 Method Not Allowed: {exchange.method}; use OPTIONS or GET\n"
            await exchange.reply(405, text.encode(), "", _ALLOWED)

    async def nothing(exchange: Exchange) -> None:
        await exchange.reply(200, b"", "")

    async def too_large(exchange: Exchange) -> None:
        await exchange.reply(413, b"", TEXT)

    return Routes(
        {"/favicon.ico": {"GET": nothing}},
        unknown=any_path,
        not_allowed=any_path,
        too_large=too_large,
        most_body_bytes=most_body_bytes,
    )


_ALLOWED = [("allow", "OPTIONS,GET")]
