"""Everything that happened in a run, in order of time, written down as the simulated world does it.

The pods are those that virtual time has, and so is what writes series and events (`sim.timeline`):
which of the two worlds made a recording, it does not tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scalecert.metrics.canary import Heartbeat
from scalecert.sim.timeline import Timeline
from scalecert.worlds.recorder.pod_steps import EXITED, GONE, Fleet, PodStep
from scalecert.worlds.recorder.proposals import Figures
from scalecert.worlds.recorder.requests import RequestFacts
from scalecert.worlds.recorder.syncs import Sync

PROPOSAL_DIFFERS: Final = "hpa-proposal-differs"
"""Event of a sync: what the HPA's arithmetic makes of its metrics (`derived`) is not what the
controller logged (`controller`); None where there was nothing to propose."""


@dataclass(frozen=True, slots=True)
class RecordedSync:
    """One sync with all that belongs to it, at a second of the run.

    `beats` are the canary's, in the order of its paths.
    """

    seconds: float
    sync: Sync
    figures: Figures
    beats: tuple[Heartbeat, ...]


class Replay:
    """Writes a run's timeline.

    Args:
        facts: of the requests.
        metrics: how many the HPA has.
        paths: of the canary.
        end_seconds: of the run.
        initial_replicas: of the scaled object's spec.
    """

    def __init__(
        self,
        facts: RequestFacts,
        *,
        metrics: int,
        paths: Sequence[str],
        end_seconds: float,
        initial_replicas: int,
    ) -> None:
        self._facts = facts
        self._end = end_seconds
        self._spec = initial_replicas
        self._fleet = Fleet()
        self._timeline = Timeline(metrics, paths)
        self._conditions: dict[str, tuple[str, str]] = {}
        self._errors: dict[str, str] = {}
        self._lost = dict(facts.aborted)
        self._refused_until = -math.inf

    def run(self, steps: Sequence[PodStep], syncs: Sequence[RecordedSync]) -> None:
        """Replay steps and syncs, both in order of time; at one time the pods change first."""
        happenings: list[PodStep | RecordedSync] = [*steps, *syncs]
        for happening in sorted(happenings, key=attrgetter("seconds")):
            if isinstance(happening, PodStep):
                self._step(happening)
            elif 0.0 <= happening.seconds <= self._end:
                self._sync(happening)
        self._refuse(math.inf)
        for ordinal, pod in sorted({(step.ordinal, step.pod) for step in steps}):
            self._lose(pod, ordinal, math.inf)

    def series(self) -> Mapping[str, npt.NDArray[np.float64]]:
        """Return every series by name."""
        return self._timeline.series()

    def events(self) -> tuple[dict[str, Any], ...]:
        """Return the events in order of time."""
        return tuple(sorted(self._timeline.events, key=itemgetter("time")))

    def _step(self, step: PodStep) -> None:
        """Let a pod take a step; after the run's end only what it takes with it is told."""
        self._refuse(step.seconds)
        told = self._fleet.apply(step)
        if step.what in (EXITED, GONE):
            self._lose(step.pod, step.ordinal, step.seconds)
        if not told or step.seconds > self._end:
            return
        details: dict[str, object] = {"pod": step.pod}
        if step.what == EXITED:
            details |= {"container": step.container, "code": step.code}
        self._timeline.event(step.seconds, f"pod-{step.what}", **details)
        self._timeline.pods(step.seconds, self._spec, self._fleet.pods)

    def _sync(self, recorded: RecordedSync) -> None:
        """Note a sync, what it left behind, and the scale that it wrote."""
        now, sync = recorded.seconds, recorded.sync
        self._refuse(now)
        replicas = (sync.before, self._fleet.serving(), sync.desired)
        ages = [beat.age_seconds for beat in recorded.beats]
        outstanding = self._facts.outstanding(now)
        self._timeline.sync(now, replicas, recorded.figures.metrics, ages, outstanding)
        self._note(now, sync)
        if recorded.figures.highest != sync.proposed:
            figures = {"derived": recorded.figures.highest, "controller": sync.proposed}
            self._timeline.event(now, PROPOSAL_DIFFERS, **figures)
        self._note_canary(now, recorded.beats)
        if sync.desired != sync.before:
            self._timeline.event(now, "scale", replicas=sync.desired, before=sync.before)
        self._spec = sync.desired
        self._timeline.pods(now, self._spec, self._fleet.pods)

    def _note(self, now: float, sync: Sync) -> None:
        """Note the HPA's events, and its conditions where they changed."""
        for event in sync.events:
            details = {"type": event.type, "reason": event.reason, "message": event.message}
            self._timeline.event(now, "hpa-event", **details)
        for kind, status, reason in sync.conditions:
            if self._conditions.get(kind) != (status, reason):
                self._conditions[kind] = (status, reason)
                self._timeline.event(now, "hpa-condition", type=kind, status=status, reason=reason)

    def _note_canary(self, now: float, beats: Sequence[Heartbeat]) -> None:
        """Note what the metrics APIs say of the canary where it changed: an error, or none."""
        for beat in beats:
            if self._errors.get(beat.path, "") != beat.error:
                self._errors[beat.path] = beat.error
                self._timeline.event(now, "canary", path=beat.path, error=beat.error)

    def _refuse(self, until_seconds: float) -> None:
        """Note the requests that met no server since the last change, as one event."""
        refused = self._facts.refused_within(self._refused_until, until_seconds)
        self._refused_until = until_seconds
        if refused.size:
            self._timeline.event(float(refused[-1]), "requests-refused", count=int(refused.size))

    def _lose(self, pod: str, ordinal: int, end_seconds: float) -> None:
        """Note the requests that were lost when a server ended; at the run's end if nobody saw."""
        count = self._lost.pop((ordinal, end_seconds), 0)
        if count:
            now = self._end if math.isinf(end_seconds) else end_seconds
            self._timeline.event(now, "requests-aborted", pod=pod, count=count)
