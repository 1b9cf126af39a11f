"""What is known of one container: running or not, started, ready. Pure.

Times are unix seconds. `status` writes it as the API has it.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

CREATING = "ContainerCreating"
INITIALIZING = "PodInitializing"
CRASH_LOOP = "CrashLoopBackOff"
CONFIG_ERROR = "CreateContainerConfigError"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not started, or not again yet."""

    reason: str = CREATING
    message: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """Running since `since`."""

    since: float


@dataclass(frozen=True, slots=True)
class Terminated:
    """Ended; `exit_code` is 128 and the signal's number after a signal."""

    exit_code: int
    since: float
    until: float
    container_id: str = ""

    @property
    def reason(self) -> str:
        """What the kubelet calls it."""
        return "Completed" if self.exit_code == 0 else "Error"


State = Waiting | Running | Terminated


@dataclass(slots=True)
class ContainerState:
    """One container.

    Attributes:
        name: of the container.
        image: that it is of.
        has_startup: whether it has a startup probe.
        has_readiness: whether it has a readiness probe.
        state: now.
        last: how it ended the last time.
        restarts: how often it was started again.
        container_id: of the container that runs, or ran last.
        startup_succeeded: what its startup probe has come to.
        readiness_succeeded: what its readiness probe has come to.
    """

    name: str
    image: str
    has_startup: bool = False
    has_readiness: bool = False
    state: State = field(default_factory=Waiting)
    last: Terminated | None = None
    restarts: int = 0
    container_id: str = ""
    startup_succeeded: bool = False
    readiness_succeeded: bool = False

    @property
    def started(self) -> bool:
        """Whether it runs and its startup probe has succeeded."""
        return isinstance(self.state, Running) and (self.startup_succeeded or not self.has_startup)

    @property
    def ready(self) -> bool:
        """Whether it counts as ready."""
        return self.started and (self.readiness_succeeded or not self.has_readiness)

    def run(self, now: float, container_id: str) -> None:
        """It was started."""
        if isinstance(self.state, Terminated):
            self.last = self.state
        if self.last is not None:
            self.restarts += 1
        self.state, self.container_id = Running(now), container_id
        self.startup_succeeded = self.readiness_succeeded = False

    def end(self, exit_code: int, now: float) -> None:
        """It ended; what was true of it is no more."""
        since = self.state.since if isinstance(self.state, Running) else now
        self.state = Terminated(exit_code, since, now, self.container_id)
        self.startup_succeeded = self.readiness_succeeded = False

    def skip(self, now: float) -> None:
        """It is taken to have done what it is for."""
        self.container_id = "scalecert://skipped"
        self.state = Terminated(0, now, now, self.container_id)

    def wait(self, reason: str, message: str = "") -> None:
        """It is going to be started, again if it ended."""
        if isinstance(self.state, Terminated):
            self.last = self.state
        self.state = Waiting(reason, message)

    def status(self) -> dict[str, Any]:
        """Return its `ContainerStatus`."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": self.image if self.container_id else "",
            "containerID": self.container_id,
            "restartCount": self.restarts,
            "started": self.started,
            "ready": self.ready,
            "state": _state(self.state),
            "lastState": _state(self.last) if self.last is not None else {},
        }


def timestamp(seconds: float) -> str:
    """Return unix seconds as the API writes times, which is to the second."""
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


def _state(state: State) -> dict[str, Any]:
    if isinstance(state, Running):
        return {"running": {"startedAt": timestamp(state.since)}}
    if isinstance(state, Waiting):
        message = {"message": state.message} if state.message else {}
        return {"waiting": {"reason": state.reason, **message}}
    ended = {
        "exitCode": state.exit_code,
        "reason": state.reason,
        "startedAt": timestamp(state.since),
        "finishedAt": timestamp(state.until),
        "containerID": state.container_id,
    }
    return {"terminated": ended}
