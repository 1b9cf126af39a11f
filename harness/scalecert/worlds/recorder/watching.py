"""Watches an HPA, what it scales, the pods and the HPA's Events while a trial runs.

Each collection is followed by a thread of its own (`worlds.api_server`). Another one asks for the
canary, once in each sync period, over the path that the HPA controller takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import msgspec

from scalecert.clock import unix_seconds
from scalecert.metrics.canary import CanaryPath, Heartbeat
from scalecert.planning.trial import Trial
from scalecert.worlds.api_server import ApiServer, ApiUnavailable, Change, Collection, Follower
from scalecert.worlds.api_server.connections import connections_of_any
from scalecert.worlds.recorder.observations import Heard, Observation, Observed, What

LIMIT_SECONDS: Final = 60.0
"""Of waiting for an API server that stays away."""
_STOP_SECONDS: Final = 5.0
_OBJECT = msgspec.json.Decoder(dict[str, Any])

ReadHeartbeat: TypeAlias = Callable[[CanaryPath, int, bytes, float], Heartbeat]
"""From a path of the canary, the status and body of its answer, and when it was asked for."""


@dataclass(frozen=True, slots=True)
class CanaryQuestions:
    """Where the canary is read, over each of its paths, and how.

    `urls` are paths and queries at the API server, `period_seconds` is between questions.
    """

    urls: Mapping[CanaryPath, str]
    read: ReadHeartbeat
    period_seconds: float


def collections_of(trial: Trial) -> Mapping[What, Collection]:
    """Return what is to be watched of a trial, by what it is."""
    policy, target = trial.plan.policy, trial.hpa.scale_target_ref
    core = f"/api/v1/namespaces/{policy.namespace}"
    groups = f"/apis/{{}}/namespaces/{policy.namespace}"
    name = {"fieldSelector": f"metadata.name={policy.name}"}
    scaled = f"{groups.format(target.api_version)}/{target.kind.lower()}s"
    about = f"involvedObject.kind=HorizontalPodAutoscaler,involvedObject.name={policy.name}"
    autoscalers = f"{groups.format('autoscaling/v2')}/horizontalpodautoscalers"
    return {
        "hpa": Collection(autoscalers, name),
        "target": Collection(scaled, {"fieldSelector": f"metadata.name={target.name}"}),
        "pod": Collection(f"{core}/pods", {"labelSelector": trial.pods.selector}),
        "event": Collection(f"{core}/events", {"fieldSelector": about}),
    }


class Watcher:
    """Collects what is seen of one trial, from `start` to `stop`; also as a context manager.

    Args:
        kubeconfig: of the API server.
        collections: what to watch.
        canary: what to ask for; None where the world has no metrics path of its own.
    """

    def __init__(
        self,
        kubeconfig: Path,
        collections: Mapping[What, Collection],
        canary: CanaryQuestions | None = None,
    ) -> None:
        self._api = ApiServer(connections_of_any(kubeconfig))
        self._canary = canary
        self._seen = _Seen()
        self._stopping = Event()
        self._followers = [self._follower(*one) for one in collections.items()]
        self._asker = Thread(target=self._ask, name="canary", daemon=True)

    def start(self) -> None:
        """Begin to watch; what is there already is seen when it returns.

        Raises:
            EnvironmentFault: if the API server can't be asked.
        """
        for follower in self._followers:
            follower.look()
            follower.start()
        if self._canary is not None:
            self._asker.start()

    def stop(self) -> None:
        """Stop watching; what was seen stays.

        Raises:
            EnvironmentFault: if the API server stayed away, so that something may be missing.
        """
        self._end()
        for follower in self._followers:
            if follower.problem is not None:
                raise follower.problem

    def _end(self) -> None:
        self._stopping.set()
        for follower in self._followers:
            follower.stop()
        if self._asker.is_alive():
            self._asker.join(_STOP_SECONDS)

    def observed(self) -> Observed:
        """Return what was seen so far."""
        paths = () if self._canary is None else tuple(sorted(self._canary.urls))
        return self._seen.observed(paths)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; an error on the way says more than one of the watch."""
        if error is None:
            self.stop()
        else:
            self._end()

    def _follower(self, what: What, collection: Collection) -> Follower:
        def tell(changes: Sequence[Change]) -> None:
            for one in changes:
                self._seen.see(what, one)

        return Follower(self._api, collection, tell, limit_seconds=LIMIT_SECONDS)

    def _ask(self) -> None:
        """Ask for the canary again and again."""
        canary = self._canary
        while canary is not None:
            for path, url in canary.urls.items():
                self._seen.hear(self._beat(path, url, canary.read))
            if self._stopping.wait(canary.period_seconds):
                return

    def _beat(self, path: CanaryPath, url: str, read: ReadHeartbeat) -> Heard:
        now = unix_seconds()
        try:
            status, body = self._api.ask("GET", url)
        except ApiUnavailable as error:
            return Heard(now, Heartbeat(path, float("nan"), str(error)))
        return Heard(now, read(path, status, body, now))


@dataclass(slots=True)
class _Seen:
    """What all threads saw, in the order in which they did."""

    changes: list[Observation] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def see(self, what: What, change: Change) -> None:
        document = _OBJECT.decode(change.object.raw)
        document["metadata"].pop("managedFields", None)
        with self.lock:
            self.changes.append(Observation(unix_seconds(), what, change.kind, document))

    def hear(self, heard: Heard) -> None:
        with self.lock:
            self.heard.append(heard)

    def observed(self, paths: tuple[CanaryPath, ...]) -> Observed:
        with self.lock:
            return Observed(tuple(self.changes), tuple(self.heard), paths)
