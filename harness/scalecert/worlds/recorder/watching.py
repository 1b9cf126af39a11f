"""Watches an HPA, what it scales, the pods and the HPA's Events while a trial runs.

One thread a collection: list, watch from its version, watch on from the last version that was told
of, list again where that is no longer known. What was missed then is told as it is found. Another
thread asks for the canary, once in each sync period, over the path that the HPA controller takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from scalecert.clock import unix_seconds
from scalecert.errors import EnvironmentFault
from scalecert.metrics.canary import CanaryPath, Heartbeat
from scalecert.planning.trial import Trial
from scalecert.worlds.recorder.api_server import ApiServer, ApiUnavailable, Expired, Watching
from scalecert.worlds.recorder.observations import Heard, Observation, Observed, What

LIMIT_SECONDS: Final = 60.0
"""Of waiting for an API server that stays away."""
_PAUSE_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 5.0

ReadHeartbeat: TypeAlias = Callable[[CanaryPath, int, bytes, float], Heartbeat]
"""From a path of the canary, the status and body of its answer, and when it was asked for."""


@dataclass(frozen=True, slots=True)
class Collection:
    """What to list and watch: a path of the API, and which of its objects."""

    what: What
    path: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CanaryQuestions:
    """Where the canary is read, over each of its paths, and how.

    `urls` are paths and queries at the API server, `period_seconds` is between questions.
    """

    urls: Mapping[CanaryPath, str]
    read: ReadHeartbeat
    period_seconds: float


def collections_of(trial: Trial) -> tuple[Collection, ...]:
    """Return what is to be watched of a trial."""
    policy, target = trial.plan.policy, trial.hpa.scale_target_ref
    core = f"/api/v1/namespaces/{policy.namespace}"
    groups = f"/apis/{{}}/namespaces/{policy.namespace}"
    name = {"fieldSelector": f"metadata.name={policy.name}"}
    scaled = f"{groups.format(target.api_version)}/{target.kind.lower()}s"
    about = f"involvedObject.kind=HorizontalPodAutoscaler,involvedObject.name={policy.name}"
    return (
        Collection("hpa", f"{groups.format('autoscaling/v2')}/horizontalpodautoscalers", name),
        Collection("target", scaled, {"fieldSelector": f"metadata.name={target.name}"}),
        Collection("pod", f"{core}/pods", {"labelSelector": trial.pods.selector}),
        Collection("event", f"{core}/events", {"fieldSelector": about}),
    )


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
        collections: Iterable[Collection],
        canary: CanaryQuestions | None = None,
    ) -> None:
        self._api = ApiServer(kubeconfig)
        self._canary = canary
        self._seen = _Seen()
        self._stopping = Event()
        self._followers = [
            _Follower(self._api, one, self._seen, self._stopping) for one in collections
        ]
        self._asker = Thread(target=self._ask, name="canary", daemon=True)

    def start(self) -> None:
        """Begin to watch; what is there already is seen when it returns.

        Raises:
            EnvironmentFault: if the API server can't be asked.
        """
        for follower in self._followers:
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
            follower.end()
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
            status, body = self._api.get(url)
        except ApiUnavailable as error:
            return Heard(now, Heartbeat(path, float("nan"), str(error)))
        return Heard(now, read(path, status, body, now))


@dataclass(slots=True)
class _Seen:
    """What all threads saw, in the order in which they did."""

    changes: list[Observation] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def see(self, what: What, change: str, document: dict[str, Any]) -> None:
        document["metadata"].pop("managedFields", None)
        with self.lock:
            self.changes.append(Observation(unix_seconds(), what, change, document))

    def hear(self, heard: Heard) -> None:
        with self.lock:
            self.heard.append(heard)

    def observed(self, paths: tuple[CanaryPath, ...]) -> Observed:
        with self.lock:
            return Observed(tuple(self.changes), tuple(self.heard), paths)


class _Follower:
    """Follows one collection in a thread of its own."""

    def __init__(
        self, api: ApiServer, collection: Collection, seen: _Seen, stopping: Event
    ) -> None:
        self.problem: EnvironmentFault | None = None
        self._api = api
        self._collection = collection
        self._query = dict(collection.query)
        self._seen = seen
        self._stopping = stopping
        self._known: dict[str, dict[str, Any]] = {}
        self._version = ""
        self._watching: Watching | None = None
        self._thread = Thread(target=self._run, name=f"watch-{collection.what}", daemon=True)

    def start(self) -> None:
        """See what is there, and follow it from there on."""
        self._list("LISTED")
        self._thread.start()

    def end(self) -> None:
        """End the thread, which was told to stop."""
        watching = self._watching
        if watching is not None:
            watching.end()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        import tenacity

        patient = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(ApiUnavailable),
            wait=tenacity.wait_exponential(multiplier=0.05, max=2.0),
            sleep=tenacity.sleep_using_event(self._stopping),
            stop=tenacity.stop_after_delay(LIMIT_SECONDS)
            | tenacity.stop_when_event_set(self._stopping),
            reraise=True,
        )
        try:
            while not self._stopping.is_set():
                self._watching = patient(self._open)
                self._follow(self._watching)
        except ApiUnavailable as error:
            if not self._stopping.is_set():
                self.problem = error

    def _open(self) -> Watching:
        """Open a watch from the last version on, or from a new list where that is too old."""
        if not self._version:
            self._list("ADDED")
        try:
            return self._api.watch(self._collection.path, self._query, self._version)
        except Expired:
            self._version = ""
            raise

    def _follow(self, watching: Watching) -> None:
        """Tell what a watch tells until it ends; where it broke, the next one goes on."""
        try:
            if self._stopping.is_set():  # between opening it and now: nobody else ends it
                watching.end()
            for event in watching.events():
                self._version = event.object["metadata"]["resourceVersion"]
                if event.type != "BOOKMARK":
                    self._take(event.type, event.object)
        except Expired:
            self._version = ""
        except ApiUnavailable:
            self._stopping.wait(_PAUSE_SECONDS)

    def _take(self, change: str, document: dict[str, Any]) -> None:
        uid = document["metadata"]["uid"]
        if change == "DELETED":
            self._known.pop(uid, None)
        else:
            self._known[uid] = document
        self._seen.see(self._collection.what, change, document)

    def _list(self, new: str) -> None:
        """See what is there now: what is new, what changed, and what is gone."""
        items, self._version = self._api.list_objects(self._collection.path, self._query)
        there = {item["metadata"]["uid"]: item for item in items}
        for uid in self._known.keys() - there.keys():
            self._take("DELETED", self._known[uid])
        for uid, item in there.items():
            before = self._known.get(uid)
            if before is None:
                self._take(new, item)
            elif _version(before) != _version(item):
                self._take("MODIFIED", item)


def _version(document: dict[str, Any]) -> str:
    return str(document["metadata"]["resourceVersion"])
