"""Collections of an API server, each followed by a thread of its own.

list -> watch from its version -> watch from the last version ... -> list again where that is no
longer known. What was missed then is told as it is found.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Final

import tenacity

from scalecert.worlds.api_server.client import (
    ApiObject,
    ApiServer,
    ApiUnavailable,
    Expired,
    Watching,
)

LIMIT_SECONDS: Final = 60.0
"""Of waiting for an API server that stays away."""
_LONGEST_PAUSE_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 5.0
_SAID_ATTEMPTS: Final = (1, 10)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Collection:
    """What to list and watch: a path of the API, and which of its objects (`labelSelector`)."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """An object as it is now, or was last.

    `kind` is `ADDED`, `MODIFIED` or `DELETED`, and `LISTED` of what the first list had.
    """

    kind: str
    object: ApiObject


class Follower:
    """Follows one collection.

    Args:
        api: where it is.
        collection: which.
        tell: is called with the changes, of a list with all at once, in the follower's thread.
        lost: is called with the reason when it gives up, in the follower's thread.
        limit_seconds: how long an API server may stay away; None: for ever.
    """

    def __init__(
        self,
        api: ApiServer,
        collection: Collection,
        tell: Callable[[Sequence[Change]], None],
        *,
        lost: Callable[[Exception], None] | None = None,
        limit_seconds: float | None = LIMIT_SECONDS,
    ) -> None:
        self.collection = collection
        self.problem: Exception | None = None
        self._api = api
        self._tell = tell
        self._lost = lost
        self._limit_seconds = limit_seconds
        self._known: dict[str, ApiObject] = {}
        self._lock = Lock()
        self._listed = False
        self._version = ""
        self._watching: Watching | None = None
        self._stopping = Event()
        name = f"follow {collection.path}"
        self._thread = Thread(target=self._run, name=name, daemon=True)

    @property
    def is_listed(self) -> bool:
        """Whether the objects have been listed once."""
        return self._listed

    def objects(self) -> tuple[ApiObject, ...]:
        """Return the objects of now."""
        with self._lock:
            return tuple(self._known.values())

    def look(self) -> None:
        """List once, in the caller's thread, before `start`.

        Raises:
            ApiUnavailable: if the API server does not answer, or has no such collection.
        """
        objects, version = self._api.list(self.collection.path, self.collection.query)
        changes = self._found(objects)
        for one in changes:
            self._note(one)
        self._version, self._listed = version, True
        self._tell(changes)

    def start(self) -> None:
        """Begin to follow, until `stop`, the end of the process, or for as long as it works."""
        self._thread.start()

    def stop(self) -> None:
        """Tell nothing any more, and end the thread; also while nothing happens."""
        self._stopping.set()
        watching = self._watching
        if watching is not None:
            watching.end()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        patient = self._patience()
        try:
            while not self._stopping.is_set():
                self._watching = patient(self._open)
                self._follow(self._watching)
        except Exception as error:  # noqa: BLE001 - a thread's errors are nobody's else
            if not self._stopping.is_set():
                self.problem = error
                if self._lost is not None:
                    self._lost(error)

    def _patience(self) -> tenacity.Retrying:
        stop: tenacity.stop.stop_base = tenacity.stop_when_event_set(self._stopping)
        if self._limit_seconds is not None:
            stop |= tenacity.stop_after_delay(self._limit_seconds)
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(ApiUnavailable),
            wait=tenacity.wait_exponential(multiplier=_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS),
            sleep=tenacity.sleep_using_event(self._stopping),
            stop=stop,
            before_sleep=self._say,
            reraise=True,
        )

    def _open(self) -> Watching:
        """Open a watch from the last version on, or from a new list where that is too old."""
        if not self._version:
            self.look()
        try:
            return self._api.watch(self.collection.path, self.collection.query, self._version)
        except Expired:
            self._version = ""
            raise

    def _follow(self, watching: Watching) -> None:
        """Tell what a watch tells until it ends; where it broke, the next one goes on."""
        try:
            if self._stopping.is_set():  # between opening it and now: nobody else ends it
                watching.end()
            for event in watching.events():
                self._version = event.object.version
                if event.kind != "BOOKMARK":
                    change = Change(event.kind, event.object)
                    self._note(change)
                    self._tell([change])
        except Expired:
            self._version = ""
        except ApiUnavailable as error:
            _log.info("%s", error)
            self._stopping.wait(_PAUSE_SECONDS)

    def _found(self, objects: Sequence[ApiObject]) -> Sequence[Change]:
        """Return what a list tells: what is gone, what is new, and what has changed."""
        there = {one.uid for one in objects}
        found = [Change("DELETED", one) for uid, one in self._known.items() if uid not in there]
        for one in objects:
            before = self._known.get(one.uid)
            if before is None:
                found.append(Change("ADDED" if self._listed else "LISTED", one))
            elif before.version != one.version:
                found.append(Change("MODIFIED", one))
        return found

    def _note(self, change: Change) -> None:
        one = change.object
        with self._lock:
            if change.kind == "DELETED":
                self._known.pop(one.uid, None)
            else:
                self._known[one.uid] = one

    def _say(self, state: tenacity.RetryCallState) -> None:
        if state.outcome is not None and state.attempt_number in _SAID_ATTEMPTS:
            _log.info("waiting for %s: %s", self.collection.path, state.outcome.exception())
