"""TGI as an engine kind: all that the rest of ScaleCert asks of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert.documents import DocumentPart
from scalecert.engines.api_client import ApiClient
from scalecert.engines.base import EngineKind, Limits, MetricInfo, MetricsEndpoint
from scalecert.engines.profiles import EngineProfile
from scalecert.engines.request_log import RequestLog
from scalecert.engines.tgi.client import client
from scalecert.engines.tgi.engine import TgiEngine
from scalecert.engines.tgi.estimate import estimate
from scalecert.engines.tgi.flags import costly_flags, value_of
from scalecert.engines.tgi.identity import is_tgi_command, is_tgi_image, version_of
from scalecert.engines.tgi.metrics import families, replacement
from scalecert.engines.tgi.profile_limits import TgiProfileLimits
from scalecert.engines.tgi.scheduler_limits import SchedulerLimits
from scalecert.engines.tgi.server_limits import server_limits
from scalecert.request_limits import RequestLimits


class TgiKind:
    """Text Generation Inference, backend v3."""

    name = "tgi"
    default_port = 80
    """Of the image (`ENV PORT`); the launcher's own is 3000, but it is rarely started outside."""
    health_path = "/health"
    exits_when_idle = True
    profile_limits: type[DocumentPart] = TgiProfileLimits

    recognises = staticmethod(is_tgi_image)
    is_started_by = staticmethod(is_tgi_command)
    version_of = staticmethod(version_of)
    costly_flags = staticmethod(costly_flags)
    estimate = staticmethod(estimate)

    def limits(
        self,
        profile: EngineProfile,
        args: Sequence[str],
        env: Mapping[str, str],
        *,
        version: str | None = None,
    ) -> Limits:
        """Return the limits of a server with the command line `args` and variables `env`."""
        return server_limits(profile, args, env, version)

    def metrics_endpoint(self, words: Sequence[str], env: Mapping[str, str]) -> MetricsEndpoint:
        """Return the API's port: `--prometheus-port` is taken, but nothing listens there."""
        port = (value_of("--port", words, env) or value_of("-p", words, {}) or ("", ""))[0]
        return MetricsEndpoint(int(port) if port.isdecimal() else self.default_port)

    def client(self, words: Sequence[str], env: Mapping[str, str]) -> ApiClient:
        """Return how a client asks for so many tokens, and reads the answer."""
        return client(self.metrics_endpoint(words, env).port or self.default_port, words, env)

    def request_limits(self, limits: Limits) -> RequestLimits:
        """Return the longest requests that a server with these limits takes."""
        return SchedulerLimits.of(limits).requests

    def drain_seconds(self, limits: Limits) -> float:
        """Return `--graceful-termination-timeout`.

        On SIGTERM the launcher passes it on to the router, which takes no more connections and
        serves those that it has, queue included; after that time both are killed
        (launcher/src/main.rs, terminate).
        """
        return float(limits.values["graceful_termination_timeout"])

    def model_of(self, words: Sequence[str], env: Mapping[str, str]) -> tuple[str, str] | None:
        """Return the model that the server loads and where that is said."""
        return value_of("--model-id", words, env)

    def served_name(self, words: Sequence[str], env: Mapping[str, str]) -> str | None:
        """Return the model's name in the API; the metrics have none."""
        model = self.model_of(words, env)
        return model[0] if model else None

    def metrics(self, version: str | None) -> Mapping[str, MetricInfo]:  # noqa: ARG002 - all alike
        """Return every metric family, by name."""
        return families()

    def replaced_by(self, name: str, version: str | None) -> str | None:  # noqa: ARG002 - likewise
        """Return what TGI calls a metric that it does not have under `name`."""
        return replacement(name)

    def start(
        self,
        profile: EngineProfile,
        limits: Limits,
        log: RequestLog,
        *,
        ordinal: int,
        model_name: str,  # noqa: ARG002 - no label has it
        now: float,
    ) -> TgiEngine:
        """Return a started, idle engine whose first step can begin at `now`."""
        return TgiEngine(
            SchedulerLimits.of(limits), profile.spec.costs, log, ordinal=ordinal, now=now
        )


KIND: EngineKind = TgiKind()
