"""The HPA controller at work in the simulated cluster: one sync every sync period."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from scalecert.hpa.horizontal import HorizontalController, HorizontalControllerConfig
from scalecert.hpa.pods import Pod as HpaPod
from scalecert.hpa.pods import PodPhase, PodSpec, ReadyCondition
from scalecert.hpa.status import HorizontalPodAutoscalerStatus
from scalecert.hpa.sync import Scale, SyncOutcome
from scalecert.hpa.types import HorizontalPodAutoscalerSpec
from scalecert.metrics.canary import Heartbeat
from scalecert.metrics.pipeline import Pipeline
from scalecert.metrics.provider import to_milliseconds
from scalecert.scenario.model import Controllers
from scalecert.sim.cluster import Cluster
from scalecert.sim.pods import Pod
from scalecert.sim.timeline import Timeline


class Autoscaler:
    """Syncs one HPA with the cluster and notes what it saw and did.

    `labels`, `selector` and `pod_spec` are those of the scaled object's pods.
    """

    def __init__(
        self,
        key: str,
        spec: HorizontalPodAutoscalerSpec,
        *,
        controllers: Controllers,
        labels: Mapping[str, str],
        selector: str,
        pod_spec: PodSpec,
    ) -> None:
        self._key = key
        self._spec = spec
        self._labels = labels
        self._selector = selector
        self._pod_spec = pod_spec
        self._status = HorizontalPodAutoscalerStatus()
        self._conditions: dict[str, tuple[str, str]] = {}
        self._canary_errors: dict[str, str] = {}
        self._controller = HorizontalController(
            HorizontalControllerConfig(
                downscale_stabilization_seconds=controllers.downscale_stabilization,
                tolerance=controllers.tolerance,
                cpu_initialization_period_seconds=controllers.cpu_initialization_period,
                initial_readiness_delay_seconds=controllers.initial_readiness_delay,
            )
        )

    def sync(
        self, now: float, cluster: Cluster, pipeline: Pipeline, timeline: Timeline, outstanding: int
    ) -> None:
        """Reconcile once: read metrics, decide, scale."""
        before, client = cluster.spec_replicas, pipeline.client(now)
        outcome = self._controller.reconcile(
            self._key,
            self._spec,
            self._status,
            Scale(before, len(cluster.active()), self._selector),
            [self._seen(pod) for pod in cluster.pods],
            client,
            to_milliseconds(now),
        )
        self._status = outcome.status
        replicas = (before, len(cluster.serving()), outcome.desired_replicas)
        beats = pipeline.heartbeats(client, now)
        ages = [beat.age_seconds for beat in beats]
        timeline.sync(now, replicas, self._figures(outcome), ages, outstanding)
        self._note(now, outcome, timeline)
        self._note_canary(now, beats, timeline)
        if outcome.replicas is not None and outcome.replicas != before:
            timeline.event(now, "scale", replicas=outcome.replicas, before=before)
            cluster.scale(outcome.replicas, now)

    def _seen(self, pod: Pod) -> HpaPod:
        """Return the pod as the API shows it to the controller."""
        ready = None
        if pod.bound is not None:
            since = pod.ready if pod.ready is not None else pod.bound
            status = "True" if pod.ready is not None else "False"
            ready = ReadyCondition(status, to_milliseconds(since))
        return HpaPod(
            name=pod.name,
            labels=self._labels,
            phase=PodPhase(pod.phase()),
            start_time_ms=None if pod.bound is None else to_milliseconds(pod.bound),
            ready=ready,
            deleted=pod.deleted is not None,
            spec=self._pod_spec,
        )

    def _figures(self, outcome: SyncOutcome) -> list[tuple[float, float]]:
        """Return (value in the target's unit, proposed replicas) per metric; NaN for none."""
        figures = [(math.nan, math.nan)] * len(self._spec.metrics)
        for index, proposal in enumerate(outcome.proposals):
            value = proposal.value(self._spec.metrics[index].target.type)
            if value is not None and proposal.replicas is not None:
                figures[index] = (value, float(proposal.replicas))
        return figures

    def _note(self, now: float, outcome: SyncOutcome, timeline: Timeline) -> None:
        """Note events, and conditions where they changed."""
        for event in outcome.events:
            timeline.event(
                now, "hpa-event", type=str(event.type), reason=event.reason, message=event.message
            )
        for condition in outcome.status.conditions:
            state = (condition.status, condition.reason)
            if self._conditions.get(condition.type) != state:
                self._conditions[condition.type] = state
                timeline.event(
                    now,
                    "hpa-condition",
                    type=str(condition.type),
                    status=condition.status,
                    reason=condition.reason,
                )

    def _note_canary(self, now: float, beats: Sequence[Heartbeat], timeline: Timeline) -> None:
        """Note what the metrics APIs say of the canary where it changed: an error, or none."""
        for beat in beats:
            if self._canary_errors.get(beat.path, "") != beat.error:
                self._canary_errors[beat.path] = beat.error
                timeline.event(now, "canary", path=beat.path, error=beat.error)
