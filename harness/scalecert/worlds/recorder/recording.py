"""From logs and what was seen to the recording of one trial: the recorder's way in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scalecert.errors import EnvironmentFault
from scalecert.hpa.config import HorizontalControllerConfig
from scalecert.metrics.canary import Heartbeat
from scalecert.planning.trial import Trial
from scalecert.recording.model import Column, Recording
from scalecert.worlds.recorder.controller_log import (
    VMODULE,
    ControllerLog,
    read_controller_log,
)
from scalecert.worlds.recorder.klog import read_klog
from scalecert.worlds.recorder.logs import MetricsAnswer, PodLine, read_lines, read_text
from scalecert.worlds.recorder.observations import (
    Observed,
    PodViews,
    conditions,
    hpa_events,
    nearest_heartbeat,
    status_replicas,
)
from scalecert.worlds.recorder.pod_steps import ends_seconds, pod_steps
from scalecert.worlds.recorder.proposals import Proposals
from scalecert.worlds.recorder.replay import RecordedSync, Replay
from scalecert.worlds.recorder.requests import request_facts
from scalecert.worlds.recorder.run_clock import RunClock
from scalecert.worlds.recorder.syncs import Sync, group_syncs

EARLY_SECONDS: Final = 0.5
"""How long before a run, by the clock, its first sync may have begun: the HPA is created one period
ahead of it, and no process is woken on the dot."""


@dataclass(frozen=True, slots=True)
class Logs:
    """Where the processes of a world wrote what they saw of one trial.

    `pods` is the node agent's, `metrics_api` the metrics APIs', `controller` that of
    kube-controller-manager, which ran in UTC with `controller_log.VMODULE`.
    """

    pods: Path
    metrics_api: Path
    controller: Path


@dataclass(frozen=True, slots=True)
class Evidence:
    """The same, read: and what was seen beside it."""

    pods: Sequence[PodLine]
    answers: Sequence[MetricsAnswer]
    controller: ControllerLog
    observed: Observed
    requests: Mapping[str, Column]
    refused_seconds: Sequence[float] = ()


def record(
    trial: Trial,
    *,
    t0_unix: float,
    time_lapse: int,
    logs: Logs,
    observed: Observed,
    requests: Mapping[str, Column],
    refused_seconds: Sequence[float] = (),
) -> Recording:
    """Return what a trial left behind as its recording.

    Args:
        trial: what was run; its plan becomes the recording's.
        t0_unix: when the load began.
        time_lapse: how many seconds of the run passed in one of the clock.
        logs: of this trial alone.
        observed: by `watching.Watcher`.
        requests: the request columns, in seconds of the run (`recording.model`).
        refused_seconds: when requests met no listening server, in seconds of the run.

    Raises:
        EnvironmentFault: if a log can't be read, or no sync of the HPA is in the controller's.
    """
    entries = read_klog(read_text(logs.controller), near_unix=t0_unix)
    policy, target = trial.plan.policy, trial.hpa.scale_target_ref
    evidence = Evidence(
        pods=read_lines(logs.pods, PodLine),
        answers=read_lines(logs.metrics_api, MetricsAnswer),
        controller=read_controller_log(
            entries,
            hpa=f"{policy.namespace}/{policy.name}",
            target=f"{target.kind}/{policy.namespace}/{target.name}",
        ),
        observed=observed,
        requests=requests,
        refused_seconds=refused_seconds,
    )
    return assemble(trial, RunClock(t0_unix, time_lapse), evidence)


def assemble(trial: Trial, clock: RunClock, evidence: Evidence) -> Recording:
    """Return the recording that the evidence of a trial makes.

    Raises:
        EnvironmentFault: if there is no sync of the HPA in a run that is long enough for some.
    """
    steps = pod_steps(evidence.pods, clock)
    facts = request_facts(evidence.requests, ends_seconds(steps), evidence.refused_seconds)
    replay = Replay(
        facts,
        metrics=len(trial.hpa.metrics),
        paths=evidence.observed.paths,
        end_seconds=float(trial.plan.scenario.spec.duration),
        initial_replicas=trial.initial_replicas,
    )
    syncs = list(_recorded(trial, clock, evidence))
    _check_syncs(trial, syncs)
    replay.run(steps, syncs)
    return Recording(
        plan=trial.plan,
        series=replay.series(),
        requests=evidence.requests,
        events=replay.events(),
    )


def _check_syncs(trial: Trial, syncs: Sequence[RecordedSync]) -> None:
    spec = trial.plan.scenario.spec
    if not syncs and float(spec.duration) >= 2 * float(spec.cluster.controllers.sync_period):
        raise EnvironmentFault(
            f"no sync of {trial.plan.policy.name} during the run is in kube-controller-manager's"
            f" log, which needs --vmodule={VMODULE} and UTC"
        )


def _recorded(trial: Trial, clock: RunClock, evidence: Evidence) -> Iterable[RecordedSync]:
    """Yield the syncs of the run with what belongs to each."""
    observed = evidence.observed
    proposals = _proposals(trial, clock)
    pods = PodViews(observed.changes, trial.pods.requests)
    for sync in _syncs(trial, clock, evidence):
        replicas = status_replicas(observed.changes, sync.time_unix)
        figures = proposals.of(
            sync, pods.at(sync.time_unix), sync.before if replicas is None else replicas
        )
        seconds = max(clock.seconds(sync.time_unix), 0.0)
        yield RecordedSync(seconds, sync, figures, _beats(trial, clock, observed, sync))


def _syncs(trial: Trial, clock: RunClock, evidence: Evidence) -> list[Sync]:
    """Return the syncs of the run; those that came before it are another's."""
    first = clock.t0_unix - EARLY_SECONDS
    log, changes = evidence.controller, evidence.observed.changes
    return group_syncs(
        [end for end in log.syncs if end.time_unix >= first],
        [answer for answer in evidence.answers if answer.time >= first],
        [event for event in log.events or hpa_events(changes) if event.time_unix >= first],
        [one for one in conditions(changes) if one.time_unix >= first],
        trial.initial_replicas,
    )


def _proposals(trial: Trial, clock: RunClock) -> Proposals:
    """Return the arithmetic of the trial's HPA, with the controller's flags as they were set."""
    policy, flags = trial.plan.policy, trial.plan.scenario.spec.cluster.controllers
    config = HorizontalControllerConfig(
        tolerance=flags.tolerance,
        cpu_initialization_period_seconds=flags.cpu_initialization_period / clock.time_lapse,
        initial_readiness_delay_seconds=flags.initial_readiness_delay / clock.time_lapse,
    )
    key = f"{policy.namespace}/{policy.name}"
    return Proposals(key, trial.hpa, config, trial.pods.selector)


def _beats(trial: Trial, clock: RunClock, observed: Observed, sync: Sync) -> tuple[Heartbeat, ...]:
    """Return per path of the canary what was heard nearest to a sync."""
    period = float(trial.plan.scenario.spec.cluster.controllers.sync_period) / clock.time_lapse
    return tuple(
        nearest_heartbeat(observed.heard, path, sync.time_unix, period) for path in observed.paths
    )
