"""The API server as the watcher asks it: plain JSON over the kubernetes client's connections.

The client reads the kubeconfig, whatever it holds, and keeps the connections; its models are left
aside, and so is its own watch, which can't be ended while nothing happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec

from scalecert.errors import EnvironmentFault

if TYPE_CHECKING:
    import urllib3

WATCH_SECONDS: Final = 600
"""After which the API server ends a watch, and another one takes over."""

_CONNECT_SECONDS: Final = 5.0
_READ_SECONDS: Final = 15.0
_JSON: Final = {"Content-Type": "application/json"}
_QUIET_SECONDS: Final = 150.0
"""A watch that is alive has a bookmark every minute."""


class ApiUnavailable(EnvironmentFault):
    """The API server did not answer, or not with what was asked for."""


class Expired(ApiUnavailable):
    """What came after a version is no longer known: list again."""


class WatchEvent(msgspec.Struct, frozen=True):
    """What a watch tells: `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`."""

    type: str
    object: dict[str, Any]


class _Listed(msgspec.Struct, frozen=True):
    metadata: dict[str, Any]
    items: list[dict[str, Any]]


# Made here, not where threads meet them first: msgspec makes what a type needs only once.
_LISTED = msgspec.json.Decoder(_Listed)
_EVENT = msgspec.json.Decoder(WatchEvent)


class Watching:
    """One open watch; another thread may end it."""

    def __init__(self, path: str, response: urllib3.BaseHTTPResponse) -> None:
        self._path, self._response = path, response

    def events(self) -> Iterator[WatchEvent]:
        """Yield what is told, until the server ends the watch or somebody else does.

        Raises:
            Expired: if the version that it began from is too old.
            ApiUnavailable: if the connection breaks, or the server tells of an error.
        """
        import urllib3

        try:
            for line in _lines(self._response.stream(65536)):
                yield _event(line)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise ApiUnavailable(f"the watch of {self._path} broke: {error}") from error
        finally:
            self._response.close()

    def end(self) -> None:
        """Let `events` end."""
        with suppress(ValueError, RuntimeError, OSError):  # it has ended already
            self._response.shutdown()


class ApiServer:
    """A client of an API server, for any number of threads.

    Args:
        kubeconfig: who to be, and where it is.

    Raises:
        EnvironmentFault: if the kubeconfig can't be used.
    """

    def __init__(self, kubeconfig: Path) -> None:
        from kubernetes import config

        try:
            client = config.new_client_from_config(  # type: ignore[no-untyped-call]
                config_file=str(kubeconfig)
            )
        except (config.ConfigException, OSError) as error:
            raise EnvironmentFault(f"{kubeconfig}: {error}") from error
        self._settings = client.configuration
        self._pool: urllib3.PoolManager = client.rest_client.pool_manager

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of what is at a path, its query included.

        Raises:
            ApiUnavailable: if there is no answer.
        """
        response = self._ask(path, read_seconds=_READ_SECONDS, preload=True)
        return response.status, response.data

    def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Return status and body of what a request that changes something brings about.

        Args:
            method: `POST`, `DELETE` and the like.
            path: of the collection or object.
            body: JSON.

        Raises:
            ApiUnavailable: if there is no answer.
        """
        response = self._ask(path, method, body, read_seconds=_READ_SECONDS, preload=True)
        return response.status, response.data

    def list_objects(self, path: str, query: dict[str, str]) -> tuple[list[dict[str, Any]], str]:
        """Return the objects of a collection, and the version that they are of.

        Raises:
            ApiUnavailable: if there is no answer, or no such collection.
        """
        status, body = self.get(f"{path}?{urlencode(query)}")
        _check(status, path)
        listed = _LISTED.decode(body)
        return listed.items, listed.metadata.get("resourceVersion", "")

    def watch(self, path: str, query: dict[str, str], version: str) -> Watching:
        """Return an open watch of what changes in a collection after a version.

        Raises:
            Expired: if the version is too old.
            ApiUnavailable: if there is no answer, or no such collection.
        """
        asked = query | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        target = f"{path}?{urlencode(asked)}"
        response = self._ask(target, read_seconds=_QUIET_SECONDS, preload=False)
        if response.status != HTTPStatus.OK:
            response.close()
        _check(response.status, path)
        return Watching(path, response)

    def _ask(
        self,
        target: str,
        method: str = "GET",
        body: bytes = b"",
        *,
        read_seconds: float,
        preload: bool,
    ) -> urllib3.BaseHTTPResponse:
        import urllib3

        token = self._settings.get_api_key_with_prefix("BearerToken", alias="authorization")
        try:
            return self._pool.request(
                method,
                f"{self._settings.host}{target}",
                body=body or None,
                headers=_JSON | ({"Authorization": token} if token else {}),
                preload_content=preload,
                retries=False,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=read_seconds),
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiUnavailable(f"{target} has no answer: {error}") from error


def _check(status: int, path: str) -> None:
    if status == HTTPStatus.GONE:
        raise Expired(f"{path}: the version is too old")
    if status != HTTPStatus.OK:
        raise ApiUnavailable(f"{path} answered with status {status}")


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the whole lines of what comes in chunks."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)


def _event(line: bytes) -> WatchEvent:
    event = _EVENT.decode(line)
    if event.type == "ERROR":
        code, message = event.object.get("code"), event.object.get("message", "")
        raise (Expired if code == HTTPStatus.GONE else ApiUnavailable)(f"watch: {message}")
    return event
