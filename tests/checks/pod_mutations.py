"""Mutations of replicas: other replicas are asked for, and pods follow.

Each is a pure function of a recording, as in `mutations`. Pods that are asked for later are bound
and ready later, and the HPA sees them later; requests stay as they were.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
from checks.mutations import Change, with_plan

from scalecert.recording.intervals import Span, StepFunction, inside
from scalecert.recording.model import Recording

Steps = list[tuple[float, int]]
"""Replicas that are asked for: from each time on."""

DRAIN_SECONDS = 45.0
_POD_EVENTS = ("pod-", "scale")


def with_policy(recording: Recording, **changes: Any) -> Recording:
    """Return the recording with the policy's replica limits replaced."""
    return with_plan(recording, policy=msgspec.structs.replace(recording.plan.policy, **changes))


def steps_of(recording: Recording) -> Steps:
    """Return the replicas that the autoscaler asked for."""
    times, spec = recording.series["pods.time_seconds"], recording.series["pods.spec"]
    pairs = [(float(time), int(count)) for time, count in zip(times, spec, strict=True)]
    return [pair for i, pair in enumerate(pairs) if i == 0 or pair[1] != pairs[i - 1][1]]


def delay_steps(seconds: float, *, after: float, until: float = np.inf) -> Change:
    """Return the change after which what was asked for in a span is asked for later."""

    def change(recording: Recording) -> Recording:
        late, now = [], 0.0
        for time, count in steps_of(recording):
            now = max(now, time + seconds if after <= time < until else time)
            late.append((now, count))
        return scaled(late)(recording)

    return change


def scaled(steps: Steps, *, startup_seconds: float | None = None) -> Change:
    """Return the change after which these replicas are asked for, with all that follows.

    Pods are bound at once and ready after the start-up; the newest go first, and hold their
    accelerator while they drain.
    """

    def change(recording: Recording) -> Recording:
        startup = recording.plan.startup_seconds if startup_seconds is None else startup_seconds
        pods = _pods(_counts(steps), startup)
        times = np.array(sorted({time for pod in pods for time in pod if np.isfinite(time)}))
        born, ready, ended, gone = (np.array(column) for column in zip(*pods, strict=True))
        wanted = StepFunction(
            np.array([time for time, _ in steps]), np.array([float(n) for _, n in steps])
        )
        alive = [np.count_nonzero((born <= t) & (t < gone)) for t in times]
        series = {
            "pods.time_seconds": times,
            "pods.spec": np.array([wanted.at(t) for t in times]),
            "pods.created": np.array(alive, float),
            "pods.bound": np.array(alive, float),
            "pods.ready": _count_of((ready, ended), times),
            "pods.terminating": _count_of((ended, gone), times),
        }
        events = [one for one in recording.events if not str(one["kind"]).startswith(_POD_EVENTS)]
        scales = [{"time": t, "kind": "scale", "replicas": n} for t, n in steps[1:]]
        return dataclasses.replace(
            recording,
            series={**recording.series, **series, **_as_synced(recording, series)},
            events=tuple(sorted([*events, *scales], key=lambda event: float(event["time"]))),
        )

    return change


def _counts(steps: Steps) -> Iterable[tuple[float, int]]:
    """Yield changes: at a time so many more pods, or fewer."""
    before = 0
    for time, count in steps:
        yield time, count - before
        before = count


def _pods(changes: Iterable[tuple[float, int]], startup: float) -> list[list[float]]:
    """Return of each pod when it was created, ready, ended (inf: never) and gone."""
    pods: list[list[float]] = []
    for number, (time, more) in enumerate(changes):
        ready = time + (startup if number else 0.0)
        pods += [[time, ready, np.inf, np.inf] for _ in range(more)]
        living = [pod for pod in pods if np.isinf(pod[2])]
        for pod in living[len(living) + more :] if more < 0 else []:
            pod[1:] = min(pod[1], time), time, time + DRAIN_SECONDS
    return pods


def _count_of(span: tuple[np.ndarray, np.ndarray], times: np.ndarray) -> np.ndarray:
    start, end = span
    return np.array([np.count_nonzero((start <= t) & (t < end)) for t in times], float)


def _as_synced(recording: Recording, pods: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what the HPA saw of the pods at its syncs."""
    times = recording.series["sync.time_seconds"].astype(float)
    spec = StepFunction(pods["pods.time_seconds"], pods["pods.spec"])
    ready = StepFunction(pods["pods.time_seconds"], pods["pods.ready"])
    return {
        "sync.spec_replicas": np.array([spec.at(t - 0.001) for t in times]),
        "sync.ready_replicas": np.array([ready.at(t - 0.001) for t in times]),
        "sync.desired_replicas": np.array([spec.at(t + 0.5) for t in times]),
    }


def count_in_no_numbers(recording: Recording) -> Recording:
    """Lose one count of the pods that are ready."""
    ready = recording.series["pods.ready"].astype(float)
    ready[ready.size // 2] = np.nan
    return dataclasses.replace(recording, series={**recording.series, "pods.ready": ready})


def lose_readiness(*, every_seconds: float, for_seconds: float) -> Change:
    """Return the change after which one ready pod is not, at regular times."""

    def change(recording: Recording) -> Recording:
        old = recording.series["pods.time_seconds"]
        end = float(recording.plan.scenario.spec.duration) - for_seconds
        losses = np.arange(every_seconds, end, every_seconds)
        times = np.unique(np.concatenate((old, losses, losses + for_seconds)))
        lost = inside(times, [Span(loss, loss + for_seconds) for loss in losses])
        pods = {
            name: np.array([StepFunction(old, values).at(time) for time in times])
            for name, values in recording.series.items()
            if name.startswith("pods.")
        }
        changed = {"pods.time_seconds": times, "pods.ready": pods["pods.ready"] - lost}
        return dataclasses.replace(recording, series={**recording.series, **pods, **changed})

    return change


def hang_when_terminating(count: int, *, after: float) -> Change:
    """Return the change after which so many pods hold their accelerators and never go."""

    def change(recording: Recording) -> Recording:
        more = np.where(recording.series["pods.time_seconds"] >= after, float(count), 0.0)
        held = {
            f"pods.{name}": recording.series[f"pods.{name}"] + more
            for name in ("created", "bound", "terminating")
        }
        return dataclasses.replace(recording, series={**recording.series, **held})

    return change


def minimum_of(replicas: int, *, maximum: int | None = None) -> Change:
    """Return the change to a policy with this minReplicas, at which it stays."""

    def change(recording: Recording) -> Recording:
        plan = recording.plan
        most = maximum or plan.policy.max_replicas
        bins = tuple(max(replicas, count) for count in plan.fluid_minimum.replicas)
        spec = {**plan.policy.spec, "minReplicas": replicas, "maxReplicas": most}
        held = with_policy(recording, min_replicas=replicas, max_replicas=most, spec=spec)
        fluid = msgspec.structs.replace(plan.fluid_minimum, replicas=bins)
        return scaled([(0.0, replicas)])(with_plan(held, fluid_minimum=fluid))

    return change


def maximum_of(replicas: int) -> Change:
    """Return the change to a policy with this maxReplicas, which it never exceeds."""

    def change(recording: Recording) -> Recording:
        spec = {**recording.plan.policy.spec, "maxReplicas": replicas}
        held = with_policy(recording, max_replicas=replicas, spec=spec)
        return scaled([(t, min(n, replicas)) for t, n in steps_of(recording)])(held)

    return change
