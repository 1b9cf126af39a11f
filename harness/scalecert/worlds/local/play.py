"""One trial on its stage: pods get ready, load and autoscaler begin, what comes of it is recorded.

On the clock, t0 being the begin of the load:

    pods ready ─► generator ready ─► HPA made, a sync period before its first sync ─► t0 ─► end

so that the first sync is where it is in virtual time. At the end the HPA goes, and what still runs
may finish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np

from scalecert import load
from scalecert.clock import unix_seconds
from scalecert.errors import EnvironmentFault
from scalecert.load.answer_log import Answers
from scalecert.metrics.canary import canary_paths
from scalecert.planning.trial import Trial
from scalecert.recording.model import Column, Recording
from scalecert.recording.plan import Plan, WallClock
from scalecert.rng import stream
from scalecert.routing import routing_draws
from scalecert.worlds.api_server import ApiServer, Refused
from scalecert.worlds.local.control_plane.readiness import wait_for
from scalecert.worlds.local.metrics_apis.canary_urls import canary_urls, read_heartbeat
from scalecert.worlds.local.metrics_apis.outages import OutageSpan, write_outages
from scalecert.worlds.local.node_agent.config import tell_run_start
from scalecert.worlds.local.objects import Manifest, namespaces_of
from scalecert.worlds.local.stage import Stage
from scalecert.worlds.local.supervisor.client import Processes
from scalecert.worlds.local.time_lapse import Lapsed
from scalecert.worlds.recorder import Logs, record
from scalecert.worlds.recorder.watching import CanaryQuestions, Watcher, collections_of

_AHEAD_SECONDS: Final = 1.0
"""Between the order to begin and t0, or the HPA's making where that comes first."""
_START_SECONDS: Final = 60.0
"""Limit, beside their own time, for pods to start, and for requests to finish after the end."""
_DRAIN_SECONDS: Final = 600.0
"""How long requests may take after the end of the load, in seconds of the run."""
_LOOK_SECONDS: Final = 0.25
_AUTOSCALER: Final = "HorizontalPodAutoscaler"


@dataclass(frozen=True)
class Play:
    """A trial, its manifests in seconds of the clock, and where it is played."""

    trial: Trial
    lapsed: Lapsed
    stage: Stage

    @property
    def _lapse(self) -> int:
        return self.stage.settings.time_lapse

    @property
    def _duration_seconds(self) -> float:
        """Of the run, by the clock."""
        return float(self.trial.plan.scenario.spec.duration) / self._lapse

    def run(self) -> Recording:
        """Play it to its end.

        Raises:
            UsageError: if the API server refuses a manifest.
            EnvironmentFault: if something of the world breaks.
        """
        objects = self.stage.cluster.objects
        objects.apply(self._before_the_autoscaler())
        objects.apply([self._autoscaler()], dry_run=True)
        self._wait_for_pods()
        offer = self._offer()
        generator = load.prepare(
            _Ending(self.stage.cluster.directory.processes),
            self.stage.folder / "load",
            offer,
            self._service(),
        )
        try:
            with self._watcher() as watcher:
                t0 = self._begin(generator)
                self._until(t0 + self._duration_seconds)
                objects.delete([self._autoscaler()])
                answers = generator.collect(limit_seconds=self._drain_limit_seconds)
        finally:
            generator.stop()
        return self._record(t0, offer, answers, watcher)

    # -- before -------------------------------------------------------------------------------

    def _before_the_autoscaler(self) -> list[Manifest]:
        """Return the manifests but the HPA's, the target with the run's initial replicas."""
        others = [one for one in self.lapsed.manifests if one["kind"] != _AUTOSCALER]
        spaces = [_namespace(name) for name in namespaces_of(self.lapsed.manifests)]
        return [*spaces, *(self._with_replicas(one) for one in others)]

    def _with_replicas(self, manifest: Manifest) -> Manifest:
        reference = self.trial.hpa.scale_target_ref
        metadata: Any = manifest["metadata"]
        if (manifest["kind"], metadata["name"]) != (reference.kind, reference.name):
            return manifest
        spec: Any = manifest["spec"]
        return {**manifest, "spec": {**spec, "replicas": self.trial.initial_replicas}}

    def _autoscaler(self) -> Manifest:
        (manifest,) = (one for one in self.lapsed.manifests if one["kind"] == _AUTOSCALER)
        return manifest

    def _wait_for_pods(self) -> None:
        wanted, timing = self.trial.initial_replicas, self.lapsed.timing
        wait_for(
            f"{wanted} pods to be ready",
            lambda: self._ready_pods() >= wanted,
            self.stage.cluster.directory.processes,
            of="node-agent",
            limit_seconds=timing.startup_seconds() + _START_SECONDS,
        )

    def _ready_pods(self) -> int:
        routes = self.stage.routes
        return len(msgspec.json.decode(routes.read_bytes())["pods"]) if routes.exists() else 0

    # -- load ---------------------------------------------------------------------------------

    def _offer(self) -> load.Offer:
        requests, seed = self.trial.requests, self.trial.plan.seed
        return load.Offer(
            arrival_seconds=requests.arrival_seconds / self._lapse,
            input_tokens=requests.input_tokens,
            output_tokens=requests.output_tokens,
            streamed=load.streamed_mask(requests, seed=seed, time_lapse=self._lapse),
            draws=routing_draws(seed, len(requests.arrival_seconds)),
        )

    def _service(self) -> load.Service:
        conditions = self.trial.plan.scenario.spec.cluster
        return load.Service(
            client=self.trial.resolved.client(),
            routes=self.stage.routes,
            routing=conditions.routing,
            connections=conditions.connections,
            time_lapse=self._lapse,
        )

    def _begin(self, generator: load.Load) -> float:
        """Let load and autoscaler begin, and return t0, unix seconds."""
        period = self.stage.settings.flags.sync_period_seconds
        phase = stream(self.trial.plan.seed, "hpa-sync").random() * period
        t0 = unix_seconds() + _AHEAD_SECONDS + period - phase
        self._write_outages(t0)
        tell_run_start(self.stage.agent_folder, t0)
        generator.begin(t0)
        self._until(t0 + phase - period)
        self._make_autoscaler()
        return t0

    def _make_autoscaler(self) -> None:
        """Make the HPA at once: a process of kubectl's takes its time, and that counts here."""
        namespace = self.trial.plan.policy.namespace
        path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
        api = ApiServer(self.stage.cluster.control_plane.kubeconfig)
        try:
            api.call("POST", path, msgspec.json.encode(self._autoscaler()))
        except Refused as error:
            raise EnvironmentFault(f"the HPA can't be made: {error}") from error

    def _write_outages(self, t0: float) -> None:
        spans = self.lapsed.cluster.metrics.outages
        write_outages(
            self.stage.outages,
            [OutageSpan(one.part, t0 + one.start, t0 + one.start + one.duration) for one in spans],
        )

    def _until(self, time_unix: float) -> None:
        """Wait until a time, while everything that must run does.

        Raises:
            EnvironmentFault: if something ended.
        """
        processes = self.stage.cluster.directory.processes
        while (left := time_unix - unix_seconds()) > 0:
            processes.wait_until_gone(min(left, _LOOK_SECONDS))
            processes.check()

    @property
    def _drain_limit_seconds(self) -> float:
        return _DRAIN_SECONDS / self._lapse + _START_SECONDS

    def _watcher(self) -> Watcher:
        paths, lapse = canary_paths(self.trial.metrics.wanted), self._lapse
        questions = CanaryQuestions(
            urls=canary_urls(paths, self.trial.plan.policy.namespace),
            read=lambda path, status, body, now: read_heartbeat(path, status, body, now, lapse),
            period_seconds=self.stage.settings.flags.sync_period_seconds,
        )
        kubeconfig = self.stage.cluster.control_plane.kubeconfig
        return Watcher(kubeconfig, collections_of(self.trial), questions)

    # -- after --------------------------------------------------------------------------------

    def _record(
        self, t0: float, offer: load.Offer, answers: Answers, watcher: Watcher
    ) -> Recording:
        stage = self.stage
        recording = record(
            replace(self.trial, plan=self._plan(offer)),
            t0_unix=t0,
            time_lapse=self._lapse,
            logs=Logs(
                pods=stage.pods_log, metrics_api=stage.metrics_log, controller=stage.controller_log
            ),
            observed=watcher.observed(),
            requests=self._columns(answers),
            refused_seconds=(answers.refused_seconds * self._lapse).tolist(),
        )
        problems = (
            {"time": 0.0, "kind": "load-problem", "message": one} for one in answers.problems
        )
        return replace(recording, events=(*problems, *recording.events))

    def _plan(self, offer: load.Offer) -> Plan:
        share = float(offer.streamed.mean()) if len(offer) else 1.0
        return msgspec.structs.replace(
            self.trial.plan,
            wall_clock=WallClock(
                time_lapse=self._lapse,
                not_scaled=self.lapsed.not_scaled,
                streamed_share=share,
                components=dict(self.stage.cluster.versions),
            ),
        )

    def _columns(self, answers: Answers) -> Mapping[str, Column]:
        """Return the request columns, in seconds of the run."""
        requests = self.trial.requests
        times = {
            name: np.asarray(getattr(answers, name)) * self._lapse
            for name in (
                "sent_seconds",
                "scheduled_seconds",
                "first_token_seconds",
                "last_token_seconds",
            )
        }
        return {
            **times,
            "arrival_seconds": requests.arrival_seconds,
            "input_tokens": requests.input_tokens,
            "output_tokens": requests.output_tokens,
            "status": answers.status,
            "replica": answers.replica,
            "streamed": answers.streamed,
        }


def _namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


@dataclass(frozen=True)
class _Ending:
    """The world's processes, for what ends when its work is done."""

    processes: Processes

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> None:
        """Start a process that may end by itself."""
        self.processes.start(name, command, env=env, may_end=True)

    def stop(self, name: str, *, timeout_seconds: float = 2.0) -> None:
        """Stop it."""
        self.processes.stop(name, timeout_seconds=timeout_seconds)

    def exit_code(self, name: str) -> int | None:
        """Return its exit code, None while it runs."""
        return self.processes.exit_code(name)
