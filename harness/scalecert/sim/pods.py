"""One pod's life: created, bound, pulled, started, listening, ready, terminating, gone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from scalecert.engines.base import Engine


@dataclass(frozen=True, slots=True)
class Probe:
    """A kubelet probe's timing; it succeeds at the first try at or after the server listens."""

    initial_delay_seconds: float = 0.0
    period_seconds: float = 10.0
    success_threshold: int = 1

    def first_success(self, started: float, listening: float) -> float:
        """Return when the probe first succeeds, for a container started at `started`."""
        first = started + self.initial_delay_seconds
        tries = max(0, math.ceil((listening - first) / self.period_seconds - 1e-9))
        return first + (tries + self.success_threshold - 1) * self.period_seconds


@dataclass(frozen=True, slots=True)
class PodTiming:
    """How long each part of a pod's life takes, in seconds.

    Attributes:
        image_pull: from bound to the container's start.
        model_load: from the container's start until the server listens.
        startup: startup probe; readiness is not probed before it succeeds.
        readiness: readiness probe; None: ready as soon as the container runs.
        pre_stop: sleep of the preStop hook; the server goes on meanwhile.
        drain: how long the server works on after SIGTERM before it aborts what runs.
        grace: terminationGracePeriodSeconds, counted from the deletion.
    """

    image_pull: float
    model_load: float
    startup: Probe | None
    readiness: Probe | None
    pre_stop: float
    drain: float
    grace: float

    def ready_after(self, started: float) -> float:
        """Return when a container started at `started` becomes ready."""
        if self.readiness is None:
            return started
        listening = started + self.model_load
        if self.startup is not None:
            listening = max(listening, self.startup.first_success(started, listening))
        return self.readiness.first_success(started, listening)

    def startup_seconds(self) -> float:
        """Return the time from bound to ready on a node that is there."""
        return self.image_pull + self.ready_after(0.0)

    def killed_after(self) -> float:
        """Return the longest that running requests go on after the pod's deletion."""
        return min(self.grace, self.pre_stop + self.drain)


@dataclass(slots=True, eq=False)
class Pod:
    """A pod of the simulated cluster; times are seconds of the run, None until they happen."""

    ordinal: int
    name: str
    created: float
    bound: float | None = None
    started: float | None = None
    listening: float | None = None
    ready: float | None = None
    deleted: float | None = None
    gone: float | None = None
    engine: Engine | None = None
    node: int | None = None
    refused: list[int] = field(default_factory=list)

    def serves(self) -> bool:
        """Tell whether the Service routes new connections to this pod."""
        return self.ready is not None and self.deleted is None

    def phase(self) -> str:
        """Return the pod's phase as the API shows it."""
        return "Pending" if self.started is None else "Running"
