"""Collections of the API, kept up to date by a thread each: a list, then a watch from there on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread

from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_exponential,
)

from scalecert.worlds.local.monitors.api import ApiObject, ApiServer, ApiUnavailable, Expired

_log = logging.getLogger(__name__)
_LONGEST_PAUSE_SECONDS = 2.0


class Collection:
    """All objects of one kind, in every namespace.

    Args:
        api: where they are.
        path: of the collection: `/api/v1/pods`.
        changed: called after each change, in the collection's thread.
    """

    def __init__(self, api: ApiServer, path: str, changed: Callable[[], None]) -> None:
        self.path = path
        self._api = api
        self._changed = changed
        self._objects: dict[tuple[str, str], ApiObject] = {}
        self._lock = Lock()
        self._listed = Event()
        self._ended = Event()
        self._version = ""

    @property
    def is_listed(self) -> bool:
        """Whether the objects have been listed once."""
        return self._listed.is_set()

    def objects(self) -> tuple[bytes, ...]:
        """Return the objects of now, as JSON."""
        with self._lock:
            return tuple(one.raw for one in self._objects.values())

    def start(self) -> None:
        """Begin to follow the collection, until `stop` or the end of the process."""
        Thread(target=self._follow, name=f"watch {self.path}", daemon=True).start()

    def stop(self) -> None:
        """Ask for nothing any more; a watch that is open ends with its answer."""
        self._ended.set()

    def _follow(self) -> None:
        patient = Retrying(
            retry=retry_if_exception_type(ApiUnavailable),
            stop=stop_when_event_set(self._ended),
            wait=wait_exponential(multiplier=0.1, max=_LONGEST_PAUSE_SECONDS),
            sleep=sleep_using_event(self._ended),
            before_sleep=self._say,
        )
        with suppress(RetryError):
            while not self._ended.is_set():
                patient(self._list)
                self._watch()

    def _list(self) -> None:
        objects, self._version = self._api.list(self.path)
        with self._lock:
            self._objects = {(one.namespace, one.name): one for one in objects}
        self._listed.set()
        self._changed()

    def _watch(self) -> None:
        """Follow the changes until they are no longer known, or the server can't be reached."""
        while not self._ended.is_set():
            try:
                for change in self._api.watch(self.path, self._version):
                    self._version = change.version
                    self._apply(change.object, deleted=change.deleted)
            except Expired:
                return
            except ApiUnavailable as error:
                _log.warning("%s", error)
                return

    def _apply(self, one: ApiObject | None, *, deleted: bool) -> None:
        if one is None:
            return
        key = (one.namespace, one.name)
        with self._lock:
            if deleted:
                self._objects.pop(key, None)
            else:
                self._objects[key] = one
        self._changed()

    def _say(self, state: RetryCallState) -> None:
        if state.outcome is not None and state.attempt_number in (1, 10):
            _log.info("waiting for %s: %s", self.path, state.outcome.exception())
