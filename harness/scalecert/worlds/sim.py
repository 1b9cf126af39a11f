"""World `sim`: a trial in virtual time, on the HPA, engine and pipeline models.

Who does what, in one run:

    Router      arrivals -> engines of the serving pods
    Pipeline    scrapes engines, looks at their accelerators, answers the HPA
    Autoscaler  one sync every sync period -> Cluster.scale
    Cluster     pods come and go, and tell this run
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from scalecert.engines.request_log import RequestLog
from scalecert.metrics.pipeline import Pipeline
from scalecert.planning.trial import Trial
from scalecert.recording.model import Column, Recording
from scalecert.rng import stream
from scalecert.routing import KeptConnections, Router, routing_draws
from scalecert.sim.autoscaler import Autoscaler
from scalecert.sim.cluster import Cluster, WorkloadSpec
from scalecert.sim.kernel import Kernel, Priority
from scalecert.sim.nodes import NodePool
from scalecert.sim.pods import Pod
from scalecert.sim.timeline import Timeline


class SimWorld:
    """The world in virtual time; it has no side effects."""

    name = "sim"

    def run(self, trial: Trial) -> Recording:
        """Run the trial and let every accepted request finish."""
        return _Run(trial).record()


class _Run:
    """One trial in progress."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._end = float(trial.plan.scenario.spec.duration)
        self._conditions = trial.plan.scenario.spec.cluster
        self._log = RequestLog.of_size(len(trial.requests.arrival_seconds))
        self._routed_until = 0.0
        self._kernel = Kernel()
        self._router = Router(
            trial.requests,
            self._log,
            self._conditions.routing,
            routing_draws(trial.plan.seed, len(trial.requests.arrival_seconds)),
            kept=self._kept_connections(),
        )
        self._pipeline = Pipeline(
            trial.metrics,
            trial.resolved.kind.metrics(trial.plan.engine.version),
            self._conditions.metrics,
            trial.plan.seed,
            neighbours=self._conditions.neighbours,
        )
        self._timeline = Timeline(len(trial.hpa.metrics), self._pipeline.canary_paths)
        self._autoscaler = Autoscaler(
            f"{trial.plan.policy.namespace}/{trial.plan.policy.name}",
            trial.hpa,
            controllers=self._conditions.controllers,
            labels=trial.pods.labels,
            selector=trial.pods.selector,
            pod_spec=trial.pods.requests,
        )
        nodes = self._conditions.nodes
        self._cluster = Cluster(
            self._kernel,
            WorkloadSpec(trial.pods.workload, trial.timing, trial.pods.ordering),
            NodePool(nodes, warm=self._trial.warm_nodes),
            self,
        )

    def record(self) -> Recording:
        """Run to the end of the load, let what runs finish, and return what was seen."""
        self._cluster.start_ready(self._trial.initial_replicas)
        period = float(self._conditions.controllers.sync_period)
        phase = stream(self._trial.plan.seed, "hpa-sync").random() * period
        self._kernel.at(phase, Priority.CONTROL, self._sync)
        self._kernel.run(self._end)
        self._route(self._end)
        self._kernel.run(math.inf)
        for pod in self._cluster.pods:
            if pod.engine is not None:
                pod.engine.advance(math.inf)
        return Recording(
            plan=self._trial.plan,
            series=self._timeline.series(),
            requests=self._request_columns(),
            events=tuple(self._timeline.events),
        )

    # -- what the cluster tells ---------------------------------------------------------------

    def before_change(self, now: float) -> None:
        """Route what arrived while the old set of pods served."""
        self._route(now)

    def pod_changed(self, pod: Pod, what: str, now: float) -> None:
        """Start and stop servers, scrapes and looks at accelerators with their pods."""
        if what == "bound" and pod.node is not None:
            labels = self._trial.pods.labels
            due = self._pipeline.accelerators.hold(pod.name, labels, pod.node, now)
            self._schedule_look(pod, due)
        elif what == "started":
            pods = self._trial.pods
            due = self._pipeline.add_pod(pod.name, pods.labels, pods.ports, pods.container, now)
            self._schedule_scrape(pod, due)
        elif what == "listening":
            pod.engine = self._trial.start_engine(self._log, pod.ordinal, now)
        elif what == "gone":
            self._stop(pod, now)
        if now <= self._end:
            self._timeline.event(now, f"pod-{what}", pod=pod.name)
            self._timeline.pods(now, self._cluster.spec_replicas, self._cluster.pods)

    def _stop(self, pod: Pod, now: float) -> None:
        self._pipeline.accelerators.release(pod.name, now)
        if pod.started is not None:
            self._pipeline.remove_pod(pod.name, now)
        if pod.engine is not None:
            pod.engine.advance(now)
            lost = pod.engine.abort()
            if lost:
                self._timeline.event(now, "requests-aborted", pod=pod.name, count=len(lost))

    # -- what happens by the clock ------------------------------------------------------------

    def _schedule_scrape(self, pod: Pod, due: float) -> None:
        if due <= self._end:
            self._kernel.at(due, Priority.SCRAPE, partial(self._scrape, pod))

    def _scrape(self, pod: Pod, now: float) -> None:
        if pod.gone is not None:
            return
        samples, busy = None, 0.0
        if pod.engine is not None:
            self._advance(pod, now)
            exposed = pod.engine.samples(self._pipeline.families())
            samples = [sample for family in exposed.values() for sample in family]
            if self._pipeline.reads_usage:
                busy = pod.engine.activity().busy_seconds
        self._schedule_scrape(pod, self._pipeline.scrape(pod.name, now, samples, busy))

    def _schedule_look(self, pod: Pod, due: float) -> None:
        if due <= self._end:
            self._kernel.at(due, Priority.SCRAPE, partial(self._look, pod))

    def _look(self, pod: Pod, now: float) -> None:
        """Let exporters see what a pod's server has done so far."""
        if pod.gone is not None:
            return
        self._advance(pod, now)
        done = None if pod.engine is None else pod.engine.activity()
        self._schedule_look(pod, self._pipeline.accelerators.look(pod.name, now, done))

    def _sync(self, now: float) -> None:
        self._route(now)
        outstanding = 0
        for pod in self._cluster.pods:
            if pod.engine is not None:
                pod.engine.advance(now)
                outstanding += pod.engine.outstanding()
        self._autoscaler.sync(now, self._cluster, self._pipeline, self._timeline, outstanding)
        self._timeline.pods(now, self._cluster.spec_replicas, self._cluster.pods)
        following = now + float(self._conditions.controllers.sync_period)
        if following <= self._end:
            self._kernel.at(following, Priority.CONTROL, self._sync)

    def _advance(self, pod: Pod, now: float) -> None:
        """Bring a pod's engine up to now, with every arrival that it will get until then.

        Later ones are routed at once with them, as far as it is known who will serve; not where
        routing advances the engines, which are looked at as they are now.
        """
        ahead = now if self._router.looks_at_servers else self._kernel.next_change()
        self._route(min(ahead, self._end))
        if pod.engine is not None:
            pod.engine.advance(now)

    def _route(self, until_seconds: float) -> None:
        if until_seconds <= self._routed_until:
            return
        self._routed_until = until_seconds
        refused = self._router.route(until_seconds, self._cluster.serving())
        if refused:
            self._timeline.event(self._kernel.now, "requests-refused", count=refused)

    # -- before and after ---------------------------------------------------------------------

    def _kept_connections(self) -> KeptConnections | None:
        """Return the connections of clients that keep them; None where each request has its own."""
        if self._conditions.connections == "per-request":
            return None
        return KeptConnections(self._log, self._trial.resolved.client().idle_seconds)

    def _request_columns(self) -> dict[str, Column]:
        requests, log = self._trial.requests, self._log
        return {
            "arrival_seconds": requests.arrival_seconds,
            "sent_seconds": requests.arrival_seconds,
            "scheduled_seconds": np.array(log.scheduled_seconds, dtype=np.float64),
            "first_token_seconds": np.array(log.first_token_seconds, dtype=np.float64),
            "last_token_seconds": np.array(log.last_token_seconds, dtype=np.float64),
            "input_tokens": requests.input_tokens,
            "output_tokens": requests.output_tokens,
            "status": np.array(log.status, dtype=np.int8),
            "replica": np.array(log.replica, dtype=np.int32),
        }
