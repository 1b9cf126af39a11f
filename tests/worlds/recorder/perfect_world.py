"""What a world of real processes would have written of a run, if it were exactly the simulated one.

`WatchedSim` runs a trial in virtual time and, at every step, keeps what each process would have
logged and what a watcher would have heard: raw answers of the metrics APIs, pods as the API has
them, lines of the controller's log. None of it is taken from the recording.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scalecert.engines.request_log import Status
from scalecert.hpa.horizontal import HorizontalController
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.metrics import pipeline
from scalecert.metrics.api import ClusterApi
from scalecert.worlds import sim
from scalecert.worlds.recorder import Heard, Logs, Observation, Observed
from scalecert.worlds.recorder.run_clock import RunClock

AGENT = "kube-controller-manager/v1.36.3 (linux/amd64) kubernetes/0 horizontal-pod-autoscaler"
BEFORE_SECONDS = 60.0
"""How long before the run its first pods came."""
AFTER_SYNC_SECONDS = 5e-6
"""How long after a sync the pods change that it scales; in virtual time it is the same moment."""


def klog(time_unix: float, source: str, text: str, level: str = "I", /, **values: object) -> str:
    """Return one entry of Kubernetes' log; its time is rounded up to microseconds."""
    time = datetime.fromtimestamp(math.ceil(time_unix * 1e6) / 1e6, UTC)
    pairs = "".join(
        f" {key}={json.dumps(value, ensure_ascii=False)}" for key, value in values.items()
    )
    stamp = time.strftime("%m%d %H:%M:%S.%f")
    return f"{level}{stamp}    4711 {source}:907] {json.dumps(text)}{pairs}\n"


@dataclass
class Written:
    """What the processes wrote, and what was heard."""

    pods: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    controller: list[str] = field(default_factory=list)
    changes: list[Observation] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    paths: tuple[str, ...] = ()

    def logs(self, folder: Path) -> Logs:
        """Write the logs as files; the JSON ones end in half a line."""
        logs = Logs(folder / "pods.jsonl", folder / "metrics-api.jsonl", folder / "kcm.log")
        for path, lines in ((logs.pods, self.pods), (logs.metrics_api, self.answers)):
            path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"time": 17')
        logs.controller.write_text("".join(self.controller))
        return logs

    def observed(self) -> Observed:
        """Return what was heard."""
        return Observed(tuple(self.changes), tuple(self.heard), self.paths)


class WatchedSim:
    """Runs one trial while everything that it does is written down."""

    def __init__(self, trial, clock: RunClock) -> None:
        self.trial, self.clock, self.written = trial, clock, Written()
        self._now = 0.0
        self._of_watcher = False
        policy, target = trial.plan.policy, trial.hpa.scale_target_ref
        self._hpa = f"{policy.namespace}/{policy.name}"
        self._target = f"{target.kind}/{policy.namespace}/{target.name}"

    def run(self):
        """Return the recording."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pipeline, "ClusterApi", self._cluster_api())
            self._wrap(patch, pipeline.Pipeline, "heartbeats", self._heartbeats)
            self._wrap(patch, HorizontalController, "reconcile", self._reconcile)
            self._wrap(patch, sim._Run, "pod_changed", self._pod_changed)
            return sim.SimWorld().run(self.trial)

    def _wrap(self, patch, owner, name, around) -> None:
        original = getattr(owner, name)

        def wrapped(this, *args, **kwargs):
            return around(original, this, *args, **kwargs)

        patch.setattr(owner, name, wrapped)

    # -- the metrics APIs

    def _cluster_api(self):
        watched = self

        class Api(ClusterApi):
            def __init__(self, now, *args, **kwargs) -> None:
                watched._now = now
                super().__init__(now, *args, **kwargs)

            def list_pod_metrics(self, *args):
                return watched._answer("resource", "", super().list_pod_metrics, args)

            def list_custom_metric(self, metric, *args):
                return watched._answer(
                    "custom", metric, super().list_custom_metric, (metric, *args)
                )

            def get_custom_metric(self, metric, *args):
                return watched._answer("custom", metric, super().get_custom_metric, (metric, *args))

            def list_external_metric(self, metric, *args):
                ask = super().list_external_metric
                return watched._answer("external", metric.lower(), ask, (metric, *args))

        return Api

    def _answer(self, api, metric, ask, args):
        line = {
            "time": self.clock.unix(self._now),
            "agent": "scalecert-watcher" if self._of_watcher else AGENT,
            "api": api,
            "metric": metric,
            "status": 200,
            "values": [],
        }
        self.written.answers.append(line)
        try:
            found = ask(*args)
        except MetricsError as error:
            line |= {"status": 404, "message": str(error)}
            raise
        items = found if isinstance(found, list) else [found]
        line["values"] = [value for item in items for value in self._values(item)]
        return found

    def _values(self, item):
        if hasattr(item, "containers"):
            return [
                {
                    "name": item.name,
                    "container": one.name,
                    "usage": dict(one.usage_milli),
                    "timestamp": self.clock.unix(item.timestamp_ms / 1000),
                    "window": item.window_ms / 1000 / self.clock.time_lapse,
                }
                for one in item.containers
            ]
        return [{"name": getattr(item, "described_name", ""), "milli": item.value_milli}]

    def _heartbeats(self, original, this, client, now):
        self._of_watcher = True
        beats = original(this, client, now)
        self._of_watcher = False
        unix = self.clock.unix(now)
        self.written.paths = tuple(beat.path for beat in beats)
        for beat in beats:
            self.written.heard.append(Heard(unix, beat))
        return beats

    # -- the controller

    def _reconcile(self, original, this, key, spec, status, scale, *args, **kwargs):
        outcome = original(this, key, spec, status, scale, *args, **kwargs)
        unix, write = self.clock.unix(self._now), self.written.controller.append
        namespace, _, name = self._hpa.partition("/")
        for event in outcome.events:
            values = {
                "object": f"{namespace}/{name}",
                "fieldPath": "",
                "kind": "HorizontalPodAutoscaler",
                "apiVersion": "autoscaling/v2",
                "type": str(event.type),
                "reason": event.reason,
                "message": event.message,
            }
            write(klog(unix, "event.go", "Event occurred", **values))
        self._log_end(unix, scale.spec_replicas, outcome, write)
        states = [
            {"type": str(one.type), "status": one.status, "reason": one.reason}
            for one in outcome.status.conditions
        ]
        if outcome.status != status:
            self._change("hpa", "MODIFIED", {"status": {"conditions": states}}, unix + 0.002)
        return outcome

    def _log_end(self, unix, before, outcome, write) -> None:
        proposals = [one.replicas for one in outcome.proposals if one.replicas is not None]
        if outcome.error is not None and outcome.error.startswith("failed to compute"):
            logger = {"logger": "UnhandledError"}
            write(klog(unix, "horizontal.go", "Unhandled Error", "E", err=outcome.error, **logger))
            return
        if outcome.proposals:
            write(
                klog(
                    unix,
                    "horizontal.go",
                    "Proposing desired replicas",
                    desiredReplicas=max(proposals),
                    metric="a metric",
                    tolerances={},
                    timestamp="2026-11-23 03:00:00 +0000 UTC",
                    scaleTarget=self._target,
                )
            )
        if outcome.replicas is None:
            values = {"scaleTarget": self._target, "desiredReplicas": before, "lastScaleTime": ""}
            write(klog(unix, "horizontal.go", "Decided not to scale", **values))
        else:
            values = {"currentReplicas": before, "desiredReplicas": outcome.replicas}
            done = "Successfully rescaled"
            write(klog(unix, "horizontal.go", done, HPA=self._hpa, **values, reason="because"))

    # -- pods

    def _pod_changed(self, original, this, pod, what, now):
        unix = self.clock.unix(now)
        if not now:
            unix -= BEFORE_SECONDS - 1e-3 * len(self.written.pods)
        elif now == self._now:  # this sync's scale made it
            unix += AFTER_SYNC_SECONDS
        line = {"time": unix, "namespace": "x", "pod": pod.name, "ordinal": pod.ordinal}
        if what == "gone" and pod.started is not None:
            self.written.pods.append(line | {"what": "exited", "container": "server", "code": 0})
        self.written.pods.append(line | {"what": what, "address": "127.0.0.9"})
        change = {"created": "ADDED", "gone": "DELETED"}.get(what, "MODIFIED")
        self._change("pod", change, self._pod(pod), unix)
        active = sum(one.deleted is None for one in this._cluster.pods)
        self._change("target", "MODIFIED", {"status": {"replicas": active}}, unix)
        return original(this, pod, what, now)

    def _pod(self, pod):
        metadata = {"name": pod.name, "labels": dict(self.trial.pods.labels)}
        status: dict[str, Any] = {"phase": pod.phase()}
        if pod.deleted is not None:
            metadata["deletionTimestamp"] = self._stamp(pod.deleted)
        if pod.bound is not None:
            status["startTime"] = self._stamp(pod.bound)
            since = pod.bound if pod.ready is None else pod.ready
            state = "False" if pod.ready is None else "True"
            ready = {"type": "Ready", "status": state, "lastTransitionTime": self._stamp(since)}
            status["conditions"] = [{"type": "PodScheduled", "status": "True"}, ready]
        return {"metadata": metadata, "status": status}

    def _stamp(self, seconds: float) -> str:
        unix = self.clock.unix(seconds)
        return datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")

    def _change(self, what, change, document, unix) -> None:
        self.written.changes.append(Observation(unix, what, change, document))


def refused_seconds(recording) -> np.ndarray:
    """Return when requests met no server."""
    requests = recording.requests
    lost = (requests["status"] == Status.ABORTED) & (requests["replica"] < 0)
    return requests["arrival_seconds"][lost]
