"""Deployment controller, scheduler and kubelet of the simulated cluster.

`Cluster.scale` is the write to `spec.replicas`; pods then come and go in virtual time, and the
`Observer` hears of every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from scalecert.planning.pod_timing import Ordering, PodTiming
from scalecert.sim.kernel import Kernel, Priority
from scalecert.sim.nodes import NodePool
from scalecert.sim.pods import Pod


class Observer(Protocol):
    """Hears of the cluster's changes."""

    def before_change(self, now: float) -> None:
        """Who serves is about to change."""

    def pod_changed(self, pod: Pod, what: str, now: float) -> None:
        """`what` has happened: created, bound, started, listening, ready, terminating, gone."""


@dataclass(frozen=True, slots=True)
class WorkloadSpec:
    """The scaled object as the controllers see it."""

    name: str
    timing: PodTiming
    ordering: Ordering = "any"


class Cluster:
    """Pods of one scaled workload on one pool of nodes."""

    def __init__(
        self, kernel: Kernel, workload: WorkloadSpec, nodes: NodePool, observer: Observer
    ) -> None:
        self.spec_replicas = 0
        self.pods: list[Pod] = []
        self._kernel = kernel
        self._workload = workload
        self._nodes = nodes
        self._observer = observer
        self._created = 0
        self._unplaced: list[Pod] = []

    def start_ready(self, replicas: int) -> None:
        """Begin the run with `replicas` pods that have been ready for long."""
        self.spec_replicas = replicas
        for _ in range(replicas):
            pod = self._new_pod(0.0)
            placed = self._nodes.place(0.0)
            pod.node = placed[0] if placed else None
            pod.bound = pod.started = 0.0
            self._observer.pod_changed(pod, "bound", 0.0)
            self._observer.pod_changed(pod, "started", 0.0)
            self._listening(pod, 0.0)
            self._ready(pod, 0.0)

    def scale(self, replicas: int, now: float) -> None:
        """Set `spec.replicas`; the controller acts at once."""
        self.spec_replicas = replicas
        self._reconcile(now)

    def serving(self) -> list[Pod]:
        """Return the pods that the Service routes to, oldest first."""
        return [pod for pod in self.pods if pod.serves()]

    def active(self) -> list[Pod]:
        """Return the pods that are not terminating: what `status.replicas` counts."""
        return [pod for pod in self.pods if pod.deleted is None]

    def _reconcile(self, now: float) -> None:
        active = self.active()
        missing = self.spec_replicas - len(active)
        if self._workload.ordering == "one-by-one":
            missing = 0 if self._unsettled() else max(-1, min(1, missing))
        for _ in range(missing):
            self._create(now)
        if missing < 0:
            for pod in self._victims(active)[:-missing]:
                self._delete(pod, now)

    def _unsettled(self) -> bool:
        """Tell whether an ordered StatefulSet still waits for a pod to come or go."""
        return any(pod.ready is None or pod.deleted is not None for pod in self.pods)

    def _victims(self, active: list[Pod]) -> list[Pod]:
        """Return pods in the order of deletion.

        ReplicaSet (kubernetes pkg/controller, ActivePodsWithRanks): unassigned, pending and
        unready pods first, then those ready for the shortest time. StatefulSet: highest ordinal.
        """
        if self._workload.ordering != "any":
            return sorted(active, key=lambda pod: -pod.ordinal)
        return sorted(
            active,
            key=lambda pod: (
                pod.bound is not None,
                pod.started is not None,
                pod.ready is not None,
                -(pod.ready or 0.0),
                -pod.created,
                -pod.ordinal,
            ),
        )

    def _new_pod(self, now: float) -> Pod:
        pod = Pod(self._created, f"{self._workload.name}-{self._created}", now)
        self._created += 1
        self.pods.append(pod)
        self._observer.pod_changed(pod, "created", now)
        return pod

    def _create(self, now: float) -> None:
        self._place(self._new_pod(now), now)

    def _place(self, pod: Pod, now: float) -> None:
        placed = self._nodes.place(now)
        if placed is None:
            self._unplaced.append(pod)
            return
        pod.node, bound = placed
        self._later(pod, bound, self._bind)

    def _later(self, pod: Pod, time_seconds: float, step: Callable[[Pod, float], None]) -> None:
        self._kernel.at(time_seconds, Priority.CLUSTER, partial(self._step, pod, step))

    def _step(self, pod: Pod, step: Callable[[Pod, float], None], now: float) -> None:
        """Take the next step of a pod's start, unless it was deleted meanwhile."""
        if pod.deleted is None:
            step(pod, now)

    def _bind(self, pod: Pod, now: float) -> None:
        pod.bound = now
        self._observer.pod_changed(pod, "bound", now)
        self._later(pod, now + self._workload.timing.image_pull_seconds, self._container_started)

    def _container_started(self, pod: Pod, now: float) -> None:
        pod.started = now
        self._observer.pod_changed(pod, "started", now)
        timing = self._workload.timing
        self._later(pod, now + timing.model_load_seconds, self._listening)
        self._later(pod, timing.ready_after(now), self._ready)

    def _listening(self, pod: Pod, now: float) -> None:
        pod.listening = now
        self._observer.pod_changed(pod, "listening", now)

    def _ready(self, pod: Pod, now: float) -> None:
        self._observer.before_change(now)
        pod.ready = now
        self._observer.pod_changed(pod, "ready", now)
        if self._workload.ordering == "one-by-one":
            self._reconcile(now)

    def _delete(self, pod: Pod, now: float) -> None:
        """Delete a pod: no new connections from now on, SIGTERM after its preStop hook."""
        self._observer.before_change(now)
        pod.deleted = now
        self._observer.pod_changed(pod, "terminating", now)
        if pod in self._unplaced:
            self._unplaced.remove(pod)
        timing = self._workload.timing
        sigterm = now + (min(timing.grace_seconds, timing.pre_stop_seconds) if pod.engine else 0.0)
        self._kernel.at(sigterm, Priority.CLUSTER, partial(self._drain, pod))

    def _drain(self, pod: Pod, now: float) -> None:
        """After SIGTERM: wait for what runs, until the server or the kubelet ends it."""
        if pod.stopped is None:
            self._observer.before_change(now)
            pod.stopped = now
        deadline = (pod.deleted or 0.0) + self._workload.timing.killed_after()
        if now < deadline:
            finish = self._next_finish(pod, now)
            if finish is not None:
                again = partial(self._drain, pod)
                self._kernel.at(min(finish, deadline), Priority.CLUSTER, again)
                return
        self._gone(pod, now)

    def _next_finish(self, pod: Pod, now: float) -> float | None:
        """Return when a server that got SIGTERM may be done, None if it exits now."""
        if pod.engine is not None:
            pod.engine.advance(now)
            if pod.engine.outstanding():
                return pod.engine.next_finish_seconds()
        runs = pod.started is not None
        return math.inf if runs and not self._workload.timing.exits_when_idle else None

    def _gone(self, pod: Pod, now: float) -> None:
        self._observer.before_change(now)
        pod.gone = now
        self.pods.remove(pod)
        self._observer.pod_changed(pod, "gone", now)
        if pod.node is not None:
            self._nodes.release(pod.node)
        if self._unplaced:
            self._place(self._unplaced.pop(0), now)
        if self._workload.ordering == "one-by-one":
            self._reconcile(now)
