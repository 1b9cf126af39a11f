"""How long each part of a pod's life takes: the policy's probes, the profile, the conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scalecert.policy.model import Policy, Probe
from scalecert.policy.resolve import Resolved
from scalecert.scenario.model import PodStartup

Ordering = Literal["any", "parallel-ordinals", "one-by-one"]
"""How the workload controller picks pods: Deployment, parallel StatefulSet, ordered StatefulSet."""


@dataclass(frozen=True, slots=True)
class PodTiming:
    """How long each part of a pod's life takes.

    Attributes:
        image_pull_seconds: from bound to the container's start.
        model_load_seconds: from the container's start until the server listens.
        startup: startup probe; readiness is not probed before it succeeds.
        readiness: readiness probe; None: ready as soon as the container runs, or its startup
            probe has succeeded (kubernetes pkg/kubelet/prober/prober_manager.go, UpdatePodStatus).
        pre_stop_seconds: sleep of the preStop hook; the server goes on meanwhile.
        drain_seconds: how long the server works on after SIGTERM before it aborts what runs.
        grace_seconds: terminationGracePeriodSeconds, counted from the deletion.
        exits_when_idle: whether the server exits after SIGTERM once nothing runs.
    """

    image_pull_seconds: float
    model_load_seconds: float
    startup: Probe | None
    readiness: Probe | None
    pre_stop_seconds: float
    drain_seconds: float
    grace_seconds: float
    exits_when_idle: bool = True

    def ready_after(self, started: float) -> float:
        """Return when a container started at `started` becomes ready."""
        listening, readiness = started + self.model_load_seconds, self.readiness
        if self.startup is None:
            return started if readiness is None else first_success(readiness, started, listening)
        begun = first_success(self.startup, started, listening)
        if readiness is None:
            return begun
        # Readiness is asked for in the moment in which the startup probe succeeds
        # (kubernetes pkg/kubelet/prober/worker.go, manualTriggerCh).
        first = max(begun, started + readiness.initial_delay_seconds)
        return first + (readiness.success_threshold - 1) * readiness.period_seconds

    def startup_seconds(self) -> float:
        """Return the time from bound to ready on a node that is there."""
        return self.image_pull_seconds + self.ready_after(0.0)

    def killed_after(self) -> float:
        """Return the longest that running requests go on after the pod's deletion."""
        return min(self.grace_seconds, self.pre_stop_seconds + self.drain_seconds)


def first_success(probe: Probe, started: float, listening: float) -> float:
    """Return when a probe first succeeds, for a container started at `started`.

    It does at its first try after `listening`, and then as often as its threshold asks. A try in
    the very moment in which the server begins to listen comes too early: a process takes some
    milliseconds. Tries are a period apart from the container's start on; an initial delay leaves
    those before it out (pkg/kubelet/prober/worker.go, `doProbe`).
    """
    period = probe.period_seconds
    least = max(0, math.ceil(probe.initial_delay_seconds / period - 1e-9))
    after = math.floor((listening - started) / period + 1e-9) + 1 if listening > started else 0
    return started + (max(least, after) + probe.success_threshold - 1) * period


def pod_timing(policy: Policy, resolved: Resolved, startup: PodStartup) -> PodTiming:
    """Return the timing of a policy's pods.

    Without a Deployment in the input, readiness is probed every 10 s (the API's default) and
    termination is assumed to let every request finish.
    """
    load = startup.model_load
    load_seconds = resolved.profile.spec.startup.model_load_seconds if load is None else float(load)
    container = resolved.container
    if policy.target is None or container is None:
        return PodTiming(
            image_pull_seconds=float(startup.image_pull),
            model_load_seconds=load_seconds,
            startup=None,
            readiness=Probe(),
            pre_stop_seconds=0.0,
            drain_seconds=math.inf,
            grace_seconds=math.inf,
        )
    return PodTiming(
        image_pull_seconds=float(startup.image_pull),
        model_load_seconds=load_seconds,
        startup=container.startup,
        readiness=container.readiness,
        pre_stop_seconds=container.pre_stop_seconds,
        drain_seconds=resolved.kind.drain_seconds(resolved.limits),
        grace_seconds=policy.target.serving.termination_grace_seconds,
        exits_when_idle=resolved.kind.exits_when_idle,
    )
