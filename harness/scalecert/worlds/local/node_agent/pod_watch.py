"""The pods of the API server, followed in a thread of its own.

list -> watch from its version -> watch from the last version ... -> list again where that is too
old. What is gone when a list comes is told as deleted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus

import tenacity
import urllib3

from scalecert.worlds.local.node_agent.kube_api import (
    LIMIT_SECONDS,
    Api,
    ApiError,
    PodEvent,
    PodList,
)
from scalecert.worlds.local.node_agent.pod_objects import PodObject


class PodWatch:
    """Tells every change of every pod, in order.

    Args:
        api: the API server.
        tell: is called in the watch's thread, with the pods of a list all at once.
        lost: is called with the reason if the API server stays away.
    """

    def __init__(
        self, api: Api, tell: Callable[[list[PodEvent]], None], lost: Callable[[Exception], None]
    ) -> None:
        self._api = api
        self._tell = tell
        self._lost = lost
        self._known: dict[str, PodObject] = {}
        self._version = ""

    def start(self) -> None:
        """Follow the pods until the process ends."""
        threading.Thread(target=self._run, name="pod-watch", daemon=True).start()

    def _run(self) -> None:
        try:
            while True:
                self.follow()
        except Exception as error:  # noqa: BLE001 - a thread's errors are nobody's else
            self._lost(error)

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(urllib3.exceptions.HTTPError),
        wait=tenacity.wait_exponential(multiplier=0.05, max=2.0),
        stop=tenacity.stop_after_delay(LIMIT_SECONDS),
        reraise=True,
    )
    def follow(self) -> None:
        """List if need be, then tell what one watch tells."""
        try:
            if not self._version:
                self._list(self._api.list_pods())
            for event in self._api.watch_pods(self._version):
                if isinstance(event, str):
                    self._version = event
                else:
                    self._take(event)
        except ApiError as error:
            if error.status != HTTPStatus.GONE:
                raise
            self._version = ""

    def _list(self, listed: PodList) -> None:
        there = {pod.metadata.uid for pod in listed.pods}
        gone = [pod for uid, pod in self._known.items() if uid not in there]
        events = [PodEvent("DELETED", pod) for pod in gone]
        events += [PodEvent("MODIFIED", pod) for pod in listed.pods]
        self._known = {pod.metadata.uid: pod for pod in listed.pods}
        self._version = listed.resource_version
        self._tell(events)

    def _take(self, event: PodEvent) -> None:
        meta = event.pod.metadata
        if event.kind == "DELETED":
            self._known.pop(meta.uid, None)
        else:
            self._known[meta.uid] = event.pod
        self._version = meta.resource_version
        self._tell([event])
