"""What stands behind a mock server's API: one engine on the wall clock, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mock_servers.serving.pacing import Pacer
from scalecert.clock import monotonic_seconds, unix_seconds
from scalecert.engines.base import Engine, EngineKind, Limits, MetricInfo, Sample
from scalecert.engines.profiles import EngineProfile
from scalecert.engines.request_log import RequestLog
from scalecert.request_limits import RequestLimits

_FIRST_PLACES = 1024
"""Requests that a server's log has room for at first."""


@dataclass(frozen=True, slots=True)
class Given:
    """What one engine's mock server was started with.

    Attributes:
        words: of the command line that are the real server's own.
        env: the variables that the real server would read.
        metrics_version: whose metric names it shows, the profile's if None.
        speed: model seconds per second.
        startup_seconds: that loading the model takes, of the wall clock.
        grace_seconds: between SIGTERM and the end in any case.
        answer_tokens: of an answer that the request does not bound.
        most_body_bytes: that a request's body may have.
    """

    kind: EngineKind
    profile: EngineProfile
    words: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    metrics_version: str | None = None
    speed: float = 1.0
    startup_seconds: float = 0.0
    grace_seconds: float = 30.0
    answer_tokens: int = 128
    most_body_bytes: int = 4 << 20


@dataclass(slots=True)
class Backend:
    """One engine on the wall clock.

    Attributes:
        given: what the server was started with.
        limits: of the server, from profile and command line.
        request_limits: the longest requests that it takes.
        version: of the engine, by its profile.
        metrics_version: whose metric names it shows.
        model_name: in its API and metrics.
        engine: that runs; its clock is the pacer's.
        pacer: runs it.
        started_unix_seconds: when the process started.
        ready: whether the model is loaded.
        ending: whether SIGTERM has come.
    """

    given: Given
    limits: Limits
    request_limits: RequestLimits
    version: str
    metrics_version: str
    model_name: str
    engine: Engine
    pacer: Pacer
    started_unix_seconds: float
    ready: bool = False
    ending: bool = False
    _started: float = field(default_factory=monotonic_seconds)

    @classmethod
    def start(cls, given: Given) -> Backend:
        """Start an engine; its clock runs from now on.

        Raises:
            UsageError: for a flag value that the real server would not take.
        """
        kind, profile = given.kind, given.profile
        limits = kind.limits(profile, given.words, given.env)
        name = kind.served_name(given.words, given.env) or profile.spec.model.name
        log = RequestLog.of_size(_FIRST_PLACES)
        engine = kind.start(profile, limits, log, ordinal=0, model_name=name, now=0.0)
        behind = profile.spec.costs.delivery_seconds
        return cls(
            given=given,
            limits=limits,
            request_limits=kind.request_limits(limits),
            version=profile.spec.engine_version,
            metrics_version=given.metrics_version or profile.spec.engine_version,
            model_name=name,
            engine=engine,
            pacer=Pacer(engine, log, behind_seconds=behind, speed=given.speed),
            started_unix_seconds=unix_seconds(),
        )

    def drain_seconds(self) -> float:
        """Return how long the real server works on after SIGTERM."""
        return self.given.kind.drain_seconds(self.limits)

    def families(self) -> list[tuple[MetricInfo, Sequence[Sample]]]:
        """Return every metric family of the version with its samples now, in order."""
        infos = self.given.kind.metrics(self.metrics_version)
        samples = self.pacer.samples(tuple(infos))
        return [(info, samples.get(name, ())) for name, info in infos.items()]
