"""The steps of the pods' lives, in seconds of the run, and the pods after each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from scalecert.sim.pods import Pod
from scalecert.worlds.recorder.logs import PodLine
from scalecert.worlds.recorder.run_clock import RunClock

GONE: Final = "gone"
EXITED: Final = "exited"
UNREADY: Final = "unready"


class PodStep(NamedTuple):
    """`what` happened to a pod at a second of the run, as in `logs.PodLine`."""

    seconds: float
    ordinal: int
    pod: str
    what: str
    container: str = ""
    code: int = 0


def pod_steps(lines: Sequence[PodLine], clock: RunClock) -> list[PodStep]:
    """Return the steps of the pods that were there in the run, in order of time.

    A run begins with pods that have been there for long: what they went through before it, they go
    through at its first moment, one pod after the other.
    """
    over = {line.pod for line in lines if line.what == GONE and clock.seconds(line.time) < 0}
    steps = [
        PodStep(
            max(clock.seconds(line.time), 0.0),
            line.ordinal,
            line.pod,
            line.what,
            line.container,
            line.code,
        )
        for line in sorted(lines, key=lambda line: line.time)
        if line.pod not in over
    ]
    return sorted(steps, key=lambda step: (step.seconds, step.ordinal if not step.seconds else 0))


def ends_seconds(steps: Iterable[PodStep]) -> dict[int, list[float]]:
    """Return when servers ended, by the pod's ordinal, in order: each time, if one began again."""
    ends: dict[int, list[float]] = defaultdict(list)
    for step in steps:
        if step.what in (EXITED, GONE):
            ends[step.ordinal].append(step.seconds)
    return ends


class Fleet:
    """The pods that exist, brought from step to step; the oldest first."""

    def __init__(self) -> None:
        self.pods: list[Pod] = []

    def apply(self, step: PodStep) -> bool:
        """Let a step happen, and return whether it tells anything.

        One of a pod that nobody saw come does not, and neither does the end of the processes of one
        that is to go.
        """
        if step.what == "created":
            self.pods.append(Pod(step.ordinal, step.pod, step.seconds))
            return True
        pod = next((one for one in self.pods if one.name == step.pod), None)
        if pod is None or (pod.deleted is not None and step.what in (EXITED, UNREADY)):
            return False
        if step.what == GONE:
            self.pods.remove(pod)
        elif step.what == UNREADY:
            pod.ready = None
        elif step.what == "terminating":
            pod.deleted = step.seconds
        elif step.what in ("bound", "started", "listening", "ready"):
            setattr(pod, step.what, step.seconds)
        return True

    def serving(self) -> int:
        """Return how many pods the load is routed to."""
        return sum(pod.serves() for pod in self.pods)
