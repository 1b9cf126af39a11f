"""vLLM as an engine kind: all that the rest of ScaleCert asks of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert.documents import DocumentPart
from scalecert.engines.api_client import ApiClient
from scalecert.engines.base import EngineKind, Limits, MetricsEndpoint
from scalecert.engines.flags import flags_among, last_value
from scalecert.engines.images import version_of_image
from scalecert.engines.profiles import EngineProfile
from scalecert.engines.request_log import RequestLog
from scalecert.engines.vllm.client import client
from scalecert.engines.vllm.engine import VllmEngine
from scalecert.engines.vllm.estimate import estimate
from scalecert.engines.vllm.flags import COSTLY_FLAGS
from scalecert.engines.vllm.identity import is_vllm_command, is_vllm_image
from scalecert.engines.vllm.metrics import families, replacement
from scalecert.engines.vllm.model_name import model_of, served_name
from scalecert.engines.vllm.profile_limits import VllmProfileLimits
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits
from scalecert.engines.vllm.server_limits import server_limits
from scalecert.request_limits import RequestLimits


class VllmKind:
    """vLLM, V1 engine."""

    name = "vllm"
    default_port = 8000
    health_path = "/health"
    exits_when_idle = True
    profile_limits: type[DocumentPart] = VllmProfileLimits

    recognises = staticmethod(is_vllm_image)
    is_started_by = staticmethod(is_vllm_command)
    version_of = staticmethod(version_of_image)
    model_of = staticmethod(model_of)
    served_name = staticmethod(served_name)
    metrics = staticmethod(families)
    replaced_by = staticmethod(replacement)
    estimate = staticmethod(estimate)

    def limits(
        self,
        profile: EngineProfile,
        args: Sequence[str],
        env: Mapping[str, str],  # noqa: ARG002 - no variable of vLLM sets a limit
        *,
        version: str | None = None,
    ) -> Limits:
        """Return the limits of a server with the command line `args`."""
        return server_limits(profile, args, version)

    def metrics_endpoint(
        self,
        words: Sequence[str],
        env: Mapping[str, str],  # noqa: ARG002 - no variable of vLLM says
    ) -> MetricsEndpoint:
        """Return the API's port: vLLM has one for everything."""
        port = last_value(words, ("--port",)) or ""
        return MetricsEndpoint(int(port) if port.isdecimal() else self.default_port)

    def client(self, words: Sequence[str], env: Mapping[str, str]) -> ApiClient:
        """Return how a client asks for so many tokens, and reads the answer."""
        return client(self.metrics_endpoint(words, env).port or self.default_port, words, env)

    def costly_flags(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the flags that change what a step costs, and that no profile can know."""
        return flags_among(words, COSTLY_FLAGS)

    def request_limits(self, limits: Limits) -> RequestLimits:
        """Return the longest requests that a server with these limits takes."""
        return SchedulerLimits.of(limits).requests

    def drain_seconds(self, limits: Limits) -> float:
        """Return `--shutdown-timeout`; without it a server aborts at once."""
        return float(limits.values.get("shutdown_timeout", 0.0))

    def start(
        self,
        profile: EngineProfile,
        limits: Limits,
        log: RequestLog,
        *,
        ordinal: int,
        model_name: str,
        now: float,
    ) -> VllmEngine:
        """Return a started, idle engine whose first step can begin at `now`."""
        return VllmEngine(
            SchedulerLimits.of(limits),
            profile.spec.costs.with_sequences(limits.integer("max_num_seqs")),
            log,
            ordinal=ordinal,
            model_name=model_name,
            now=now,
        )


KIND: EngineKind = VllmKind()
