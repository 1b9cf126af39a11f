"""`scalecert mock jetstream`: the ports of a JetStream pod.

gRPC and the metrics are the server's, `/generate` the container's beside it, and `/v1/generate`
that of JetStream's other entry point, which a real pod has in place of gRPC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import click

from mock_servers.jetstream.http_entry import http_entry
from mock_servers.jetstream.metrics_page import SERVER_HEADER, MetricsPage, metrics_app
from mock_servers.jetstream.orchestrator import Orchestrator
from mock_servers.jetstream.sidecar import sidecar
from mock_servers.serving.backend import Backend
from mock_servers.serving.command import check_metrics_version, engine_command
from mock_servers.serving.limits import make_room_for
from mock_servers.serving.options import PORT
from mock_servers.serving.services import HttpService, LateHttpService, Service
from scalecert.engines.flags import last_value
from scalecert.engines.jetstream.identity import LATEST
from scalecert.engines.versions import Versions

_METRICS_FLAGS = ("prometheus_port", "--prometheus_port", "--prometheus-port")
_METRICS_PORT = 9100
"""Of GKE's manifests; the real server shows no metrics unless it is told a port."""

_KNOWN = Versions(since="0.2.2", until="0.4")
"""Versions whose metrics were read, and those between."""


class _Port(click.ParamType[int | None]):
    """A port, or off."""

    name = "port|off"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Return the port; None if it is off."""
        if value == "off" or value is None:
            return None
        return PORT.convert(cast("int", value), param, ctx)


def _build(backend: Backend, host: str, port: int) -> Sequence[Service]:
    check_metrics_version(
        backend,
        _KNOWN,
        expected="a version of JetStream",
        hint=f"such as 0.2.2, 0.3 or {LATEST}, which is its main branch",
    )
    return list(_services(backend, host, port, click.get_current_context()))


def _services(backend: Backend, host: str, port: int, context: click.Context) -> Iterator[Service]:
    options, most = context.params, backend.given.most_body_bytes
    orchestrator = Orchestrator(backend)
    if options["grpc"]:
        from mock_servers.jetstream.grpc_service import GrpcService

        calls = make_room_for(options["max_connections"])
        yield GrpcService(orchestrator, host, port, most_body_bytes=most, most_calls=calls)
    if (at := options["http_port"]) is not None:
        yield LateHttpService("HTTP", http_entry(orchestrator, most), host, at)
    if (at := options["sidecar_port"]) is not None:
        yield HttpService("sidecar", sidecar(orchestrator, most), host, at)
    if (at := _metrics_port(backend, options["metrics_port"])) is not None:
        page = MetricsPage(backend, orchestrator, fixed_gauges=options["fixed_gauges"])
        app = metrics_app(page, most)
        yield HttpService(
            "metrics", app, host, at, server_header=SERVER_HEADER, open_to_the_end=True
        )


def _metrics_port(backend: Backend, option: int | None) -> int | None:
    """Return the port of the metrics: as the real server is told, else as the option says."""
    words = backend.given.words
    if last_value(words, _METRICS_FLAGS) is None:
        return option
    return backend.given.kind.metrics_endpoint(words, backend.given.env).port


command = engine_command(
    "jetstream",
    _build,
    extra=[
        click.Option(
            ["--grpc/--no-grpc"],
            default=True,
            help="Serve gRPC on --port.",
        ),
        click.Option(
            ["--http-port"],
            type=_Port(),
            default=8080,
            show_default=True,
            help="Of /v1/generate, JetStream's own HTTP entry point.",
        ),
        click.Option(
            ["--sidecar-port"],
            type=_Port(),
            default=8000,
            show_default=True,
            help="Of /generate, the HTTP server that GKE puts beside.",
        ),
        click.Option(
            ["--metrics-port"],
            type=_Port(),
            default=_METRICS_PORT,
            show_default=True,
            help="Of the metrics; the real server's prometheus_port, if given, counts instead.",
        ),
        click.Option(
            ["--fixed-gauges"],
            is_flag=True,
            help="Let jetstream_transfer_backlog_size and jetstream_generate_backlog_size show"
            " what their names say; the real ones are always 0.",
        ),
    ],
)
