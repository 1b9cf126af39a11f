"""Replays runs of the controller, open loop: recorded inputs, own memory and status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hpa_replay.pods import PHASES, RecordedPodSpec, ready_condition
from hpa_replay.verdict import Verdict, difference
from scalecert.hpa.config import HorizontalControllerConfig
from scalecert.hpa.horizontal import HorizontalController
from scalecert.hpa.metrics.client import (
    ContainerMetrics,
    ExternalMetricValue,
    MetricValue,
    PodMetrics,
    RestMetricsClient,
)
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.pods import RESTART_ALWAYS, Pod, PodSpec
from scalecert.hpa.selectors import Selector
from scalecert.hpa.status import HorizontalPodAutoscalerStatus, MetricStatus
from scalecert.hpa.sync import ApiFaults, Scale, SyncOutcome, SyncTimes
from scalecert.hpa.types import (
    CrossVersionObjectReference,
    HorizontalPodAutoscalerSpec,
    decode_spec,
)

_KEY = "default/h"
_LABELS = {"app": "web"}
_SELECTOR = "app=web"
_CONFLICT = 'Operation cannot be fulfilled on deployments.apps "web": object was modified'


class Config(msgspec.Struct, frozen=True):
    """The controller's flags."""

    down_stab_s: float
    tolerance: float
    cpu_init_s: float
    rdy_delay_s: float
    gate_scale_to_zero: bool

    def controller(self) -> HorizontalController:
        """Return a controller that has just started."""
        config = HorizontalControllerConfig(
            downscale_stabilization_seconds=self.down_stab_s,
            tolerance=self.tolerance,
            cpu_initialization_period_seconds=self.cpu_init_s,
            initial_readiness_delay_seconds=self.rdy_delay_s,
            scale_to_zero=self.gate_scale_to_zero,
        )
        return HorizontalController(config)


class RecordedHpa(msgspec.Struct, frozen=True):
    """An HPA: as written, with defaults, and its tolerances."""

    user: dict[str, Any]
    spec: dict[str, Any]
    tol_down: float
    tol_up: float


class PodMetricsList(msgspec.Struct, frozen=True):
    """An answer of the resource metrics API: window, items (pod, time, usage per container)."""

    w: int = 0
    it: tuple[tuple[int, int, tuple[tuple[int | None, ...] | None, ...]], ...] = ()
    err: str = ""
    empty: bool = False


class MetricAnswer(msgspec.Struct, frozen=True):
    """An answer of the custom or external metrics API."""

    it: tuple[tuple[int, int], ...] = ()
    v: int = 0
    vals: tuple[int, ...] = ()
    err: str = ""
    empty: bool = False


class Observed(msgspec.Struct, frozen=True):
    """The state after a sync, and what it emitted."""

    spec: int
    cur: int
    des: int
    c: list[tuple[str, str, str, int]]
    ls: int | None = None
    ev: list[list[str]] = []
    cm: list[list[str | int | None]] = []
    err: str | None = None


class RecordedSync(msgspec.Struct, frozen=True):
    """One call of reconcileKey."""

    t: int
    spec: int
    status: int
    o: Observed
    pods: tuple[tuple[int, str, int | None, str | None, int | None, int, int], ...] = ()
    gone: tuple[int, ...] = ()
    hpa: RecordedHpa | None = None
    restart: bool = False
    absent: bool = False
    sel: str | None = None
    fault: str = ""
    rm: PodMetricsList | None = None
    m: tuple[MetricAnswer | None, ...] | None = None
    tm: tuple[int, ...] = ()
    tu: int | None = None


class Trajectory(msgspec.Struct, frozen=True):
    """One run."""

    id: str
    cfg: Config
    hpa: RecordedHpa
    tpls: tuple[RecordedPodSpec, ...]
    syncs: tuple[RecordedSync, ...]
    res: tuple[str, ...] = ()


_DECODER = msgspec.json.Decoder(Trajectory)


def replay_trajectory(line: bytes) -> Verdict:
    """Run the controller through all syncs; the first differing field is the mismatch."""
    trajectory = _DECODER.decode(line)
    run = _Run(trajectory)
    for index, sync in enumerate(trajectory.syncs):
        mismatch = _compare(sync.o, run.step(sync))
        if mismatch is not None:
            return Verdict(trajectory.id, f"sync {index} (t={sync.t}): {mismatch}")
    return Verdict(trajectory.id)


def _compare(expected: Observed, found: Observed) -> str | None:
    """Return the first field that differs; of errors only whether there is one.

    Upstream takes pods in no particular order, so an error may name any that is wrong.
    """
    for field in ("spec", "cur", "des", "c", "ev", "ls", "cm"):
        mismatch = difference(field, getattr(expected, field), getattr(found, field))
        if mismatch is not None:
            return mismatch
    return difference("err", expected.err is not None, found.err is not None)


class _Run:
    """What is carried from sync to sync."""

    def __init__(self, trajectory: Trajectory) -> None:
        self._config, self._resources = trajectory.cfg, trajectory.res
        self._templates = [one.pod_spec() for one in trajectory.tpls]
        self._controller = self._config.controller()
        self._spec = decode_spec(trajectory.hpa.spec)
        self._status = HorizontalPodAutoscalerStatus()
        self._pods: dict[int, Pod] = {}
        self._specs_seen: dict[int, PodSpec] = {}

    def step(self, sync: RecordedSync) -> Observed:
        self._apply(sync)
        if sync.absent:
            self._controller.forget(_KEY)
            self._status = HorizontalPodAutoscalerStatus()
            return Observed(spec=sync.spec, cur=0, des=0, c=[])
        outcome = self._controller.reconcile(
            _KEY,
            self._spec,
            self._status,
            Scale(sync.spec, sync.status, _SELECTOR if sync.sel is None else sync.sel),
            pods=list(self._pods.values()),
            metrics=RestMetricsClient(
                _Answers(sync, self._spec, self._resources, self._specs_seen)
            ),
            now_ms=sync.t,
            times=SyncTimes(sync.tm, sync.tu),
            faults=_faults(sync.fault),
        )
        self._status = outcome.status
        return _observed(outcome, _replicas_after(sync, outcome))

    def _apply(self, sync: RecordedSync) -> None:
        for row in sync.pods:
            number, phase, start, ready, transition, deleted, template = row
            self._specs_seen[number] = self._templates[template]
            self._pods[number] = Pod(
                name=f"web-{number}",
                labels=_LABELS,
                phase=PHASES[phase],
                start_time_ms=start,
                ready=ready_condition(ready, transition),
                deleted=bool(deleted),
                spec=self._templates[template],
            )
        for number in sync.gone:
            self._pods.pop(number, None)
        if sync.hpa is not None:
            self._spec = decode_spec(sync.hpa.spec)
        if sync.restart:
            self._controller = self._config.controller()


def _faults(fault: str) -> ApiFaults:
    if fault.startswith("conflict"):
        conflicts = int(fault.removeprefix("conflict"))
        return ApiFaults(scale_conflicts=conflicts, scale_conflict_text=_CONFLICT)
    return ApiFaults(
        get_scale="scale get failed" if fault == "scale_get" else None,
        update_scale="scale update failed" if fault == "scale_update" else None,
        update_status="status update failed" if fault == "status_update" else None,
    )


def _replicas_after(sync: RecordedSync, outcome: SyncOutcome) -> int:
    """Return the scale's spec.replicas: ours, the other writer's after a conflict, or unchanged."""
    if outcome.replicas is not None:
        return outcome.replicas
    if sync.fault.startswith("conflict") and outcome.desired_replicas != sync.spec:
        return outcome.desired_replicas + 1
    return sync.spec


def _observed(outcome: SyncOutcome, spec_replicas: int) -> Observed:
    status = outcome.status
    return Observed(
        spec=spec_replicas,
        cur=status.current_replicas,
        des=status.desired_replicas,
        c=[
            (one.type, one.status, one.reason, one.last_transition_time_ms)
            for one in status.conditions
        ],
        ls=status.last_scale_time_ms,
        ev=[
            [event.type, event.reason, *([event.message] if "Rescale" in event.reason else ())]
            for event in outcome.events
        ],
        cm=[_current_metric(one) for one in status.current_metrics],
        err=outcome.error,
    )


def _current_metric(status: MetricStatus) -> list[str | int | None]:
    current = status.current
    if current is None:
        return [""]
    value, average = current.value, current.average_value
    return [
        status.type,
        None if value is None else value.milli_value,
        None if average is None else average.milli_value,
        current.average_utilization,
    ]


class _Answers:
    """The metrics APIs, as they answered in one sync."""

    def __init__(
        self,
        sync: RecordedSync,
        spec: HorizontalPodAutoscalerSpec,
        resources: Sequence[str],
        pod_specs: dict[int, PodSpec],
    ) -> None:
        self._sync, self._resources, self._pod_specs = sync, resources, pod_specs
        answers = sync.m or (None,) * len(spec.metrics)
        self._answers: dict[str, list[MetricAnswer | None]] = {}
        for metric, answer in zip(spec.metrics, answers, strict=True):
            self._answers.setdefault(metric.type, []).append(answer)

    def _next_answer(self, kind: str) -> MetricAnswer:
        """Return the answer to the next metric of a type: metrics are asked for in order."""
        answer = self._answers[kind].pop(0)
        if answer is None or answer.err:
            raise MetricsError(answer.err if answer else "not recorded")
        return answer

    def list_pod_metrics(self, namespace: str, selector: Selector) -> list[PodMetrics]:
        """Return the recorded list."""
        del namespace, selector
        answer = self._sync.rm
        if answer is None or answer.err:
            raise MetricsError(answer.err if answer else "not recorded")
        return [
            PodMetrics(f"web-{number}", time, answer.w, self._containers(number, usage))
            for number, time, usage in answer.it
        ]

    def _containers(
        self, number: int, usage: tuple[tuple[int | None, ...] | None, ...]
    ) -> list[ContainerMetrics]:
        spec = self._pod_specs[number]
        listed = [
            *spec.containers,
            *(one for one in spec.init_containers if one.restart_policy == RESTART_ALWAYS),
        ]
        return [
            ContainerMetrics(
                container.name,
                {
                    resource: value
                    for resource, value in zip(self._resources, values, strict=True)
                    if value is not None
                },
            )
            for container, values in zip(listed, usage, strict=True)
            if values is not None
        ]

    def list_custom_metric(
        self, metric_name: str, namespace: str, selector: Selector, metric_selector: Selector
    ) -> list[MetricValue]:
        """Return the recorded list."""
        del metric_name, namespace, selector, metric_selector
        answer = self._next_answer("Pods")
        return [MetricValue(f"web-{number}", value, self._sync.t) for number, value in answer.it]

    def get_custom_metric(
        self,
        metric_name: str,
        namespace: str,
        object_ref: CrossVersionObjectReference,
        metric_selector: Selector,
    ) -> MetricValue:
        """Return the recorded value."""
        del metric_name, namespace, metric_selector
        answer = self._next_answer("Object")
        return MetricValue(object_ref.name, answer.v, self._sync.t)

    def list_external_metric(
        self, metric_name: str, namespace: str, selector: Selector
    ) -> list[ExternalMetricValue]:
        """Return the recorded list."""
        del metric_name, namespace, selector
        answer = self._next_answer("External")
        return [ExternalMetricValue(value, self._sync.t) for value in answer.vals]
