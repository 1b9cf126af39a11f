"""JetStream as an engine kind: all that the rest of ScaleCert asks of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from scalecert.documents import DocumentPart
from scalecert.engines.base import EngineKind, Limits, MetricsEndpoint
from scalecert.engines.flags import last_value
from scalecert.engines.images import version_of_image
from scalecert.engines.jetstream.arguments import costly_arguments, is_of_pytorch
from scalecert.engines.jetstream.client import client
from scalecert.engines.jetstream.engine import JetStreamEngine
from scalecert.engines.jetstream.estimate import estimate
from scalecert.engines.jetstream.identity import (
    has_http_entry_point,
    is_jetstream_command,
    is_jetstream_image,
)
from scalecert.engines.jetstream.metrics import families, replacement
from scalecert.engines.jetstream.model_name import model_of
from scalecert.engines.jetstream.pipeline_limits import PipelineLimits
from scalecert.engines.jetstream.profile_limits import JetStreamProfileLimits
from scalecert.engines.jetstream.server_limits import server_limits
from scalecert.engines.profiles import EngineProfile
from scalecert.engines.request_log import RequestLog
from scalecert.request_limits import RequestLimits

_HTTP_METRICS_PORT = 9988
"""Of JetStream's own HTTP entry point, which has them on."""


class JetStreamKind:
    """JetStream with MaxText or PyTorch, prefill and decode interleaved."""

    name = "jetstream"
    default_port = 9000
    """gRPC; HTTP is another container's, or another entry point's."""
    health_path = "/healthcheck"
    """Of the HTTP server in front of it, which is another container."""
    exits_when_idle = False
    profile_limits: type[DocumentPart] = JetStreamProfileLimits

    recognises = staticmethod(is_jetstream_image)
    is_started_by = staticmethod(is_jetstream_command)
    client = staticmethod(client)
    version_of = staticmethod(version_of_image)
    costly_flags = staticmethod(costly_arguments)
    metrics = staticmethod(families)
    replaced_by = staticmethod(replacement)
    estimate = staticmethod(estimate)

    def limits(
        self,
        profile: EngineProfile,
        args: Sequence[str],
        env: Mapping[str, str],  # noqa: ARG002 - no variable of JetStream sets a limit
        *,
        version: str | None = None,  # noqa: ARG002 - the defaults are those of all versions
    ) -> Limits:
        """Return the limits of a server with the arguments `args`."""
        return server_limits(profile, args)

    def metrics_endpoint(
        self,
        words: Sequence[str],
        env: Mapping[str, str],  # noqa: ARG002 - no variable of JetStream says
    ) -> MetricsEndpoint:
        """Return the metrics' own port, which answers on any path; it is off if nothing sets it."""
        written = last_value(words, ("prometheus_port", "--prometheus_port", "--prometheus-port"))
        on = written is not None and written.isdecimal() and int(written) > 0
        port = int(written) if written and on else None
        if written is None and has_http_entry_point(words):
            port = _HTTP_METRICS_PORT
        switch = "--prometheus_port=9100" if is_of_pytorch(words) else "prometheus_port=9100"
        return MetricsEndpoint(port, path=None, switch=switch)

    def request_limits(self, limits: Limits) -> RequestLimits:
        """Return the longest requests: prompt and answer have a part of a slot each."""
        return PipelineLimits.of(limits).requests

    def drain_seconds(self, limits: Limits) -> float:  # noqa: ARG002 - none of them says
        """Return infinity: the server works on until the kubelet kills it.

        Neither server handles SIGTERM (jetstream/core/server_lib.py), and the first process of a
        container, be it the images' shell script or Python, is not ended by a signal that it does
        not handle.
        """
        return inf

    def model_of(
        self,
        words: Sequence[str],
        env: Mapping[str, str],  # noqa: ARG002 - no variable of JetStream says
    ) -> tuple[str, str] | None:
        """Return the model that the server loads and where that is said."""
        return model_of(words)

    def served_name(
        self,
        words: Sequence[str],  # noqa: ARG002 - the API names no model
        env: Mapping[str, str],  # noqa: ARG002
    ) -> str | None:
        """Return None: there is no model name in the API, nor on MaxText's metrics."""
        return None

    def start(
        self,
        profile: EngineProfile,
        limits: Limits,
        log: RequestLog,
        *,
        ordinal: int,
        model_name: str,  # noqa: ARG002 - see `served_name`
        now: float,
    ) -> JetStreamEngine:
        """Return a started, idle engine whose first prefill can begin at `now`."""
        return JetStreamEngine(
            PipelineLimits.of(limits),
            profile.spec.costs,
            log,
            ordinal=ordinal,
            now=now,
            load_seconds=profile.spec.startup.model_load_seconds,
        )


KIND: EngineKind = JetStreamKind()
