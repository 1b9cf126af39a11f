"""Calls to an API server: of one object, a list, a watch that another thread can end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import msgspec
import urllib3

from scalecert.errors import EnvironmentFault
from scalecert.lines import one_line
from scalecert.worlds.api_server.connections import Connections, connections_of_files

WATCH_SECONDS: Final = 600
"""After which the API server ends a watch, and another one takes over."""

_JSON: Final = "application/json"
_CALL_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=15.0)
_WATCH_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=150.0)
"""A watch that is alive has a bookmark every minute."""
_CHUNK_BYTES: Final = 65536


class ApiUnavailable(EnvironmentFault):
    """The API server did not answer, or not with what was asked for."""


class Refused(ApiUnavailable):
    """It answered with another status than success."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class Expired(Refused):
    """What came after a version is no longer known: list again."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None


class _Head(msgspec.Struct, frozen=True):
    """Of an object; of a Status, too."""

    metadata: _Metadata = _Metadata()
    code: int = 0
    message: str = ""


class _Listed(msgspec.Struct, frozen=True):
    metadata: _Metadata
    items: tuple[msgspec.Raw, ...]


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


# Made here, not where threads meet them first: msgspec makes what a type needs only once.
_HEAD = msgspec.json.Decoder(_Head)
_LISTED = msgspec.json.Decoder(_Listed)
_EVENT = msgspec.json.Decoder(_Event)


class ApiObject(msgspec.Struct, frozen=True):
    """An object as JSON, by what tells it from others of its kind and from itself before.

    `version` is its resourceVersion, `created` the time as the API server writes it.
    """

    namespace: str
    name: str
    raw: bytes
    uid: str = ""
    version: str = ""
    created: str = ""


class WatchEvent(msgspec.Struct, frozen=True):
    """What a watch tells: `ADDED`, `MODIFIED`, `DELETED`, or `BOOKMARK`: only the version moved."""

    kind: str
    object: ApiObject


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
        try:
            for line in _lines(self._response.stream(_CHUNK_BYTES)):
                yield self._event(line)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise ApiUnavailable(f"the watch of {self._path} broke: {error}") from error
        finally:
            self._response.close()

    def end(self) -> None:
        """Let `events` end."""
        with suppress(ValueError, RuntimeError, OSError):  # it has ended already
            self._response.shutdown()

    def _event(self, line: bytes) -> WatchEvent:
        event = _EVENT.decode(line)
        if event.type == "ERROR":
            said = _HEAD.decode(event.object)
            raise _refusal(said.code, f"the watch of {self._path}: {said.message}")
        return WatchEvent(event.type, _object(event.object))


class ApiServer:
    """A client of an API server, for any number of threads.

    Args:
        connections: to it; those of a kubeconfig with files, if it is a path.

    Raises:
        UsageError: if there is such a kubeconfig and it can't be read.
    """

    def __init__(self, connections: Connections | Path) -> None:
        if isinstance(connections, Path):
            connections = connections_of_files(connections)
        self._connections = connections

    def ask(
        self, method: str, path: str, body: bytes = b"", *, content: str = _JSON
    ) -> tuple[int, bytes]:
        """Return the status and body of an answer, whatever they are.

        Args:
            method: `GET`, `POST`, `PATCH`, `DELETE`.
            path: of the collection or object, its query included.
            body: what to send.
            content: the media type of the body.

        Raises:
            ApiUnavailable: if there is no answer.
        """
        response = self._send(method, path, body, content, _CALL_TIMEOUT, preload=True)
        return response.status, response.data

    def call(self, method: str, path: str, body: bytes = b"", *, content: str = _JSON) -> bytes:
        """Return the body of the answer of success to what `ask` takes.

        Raises:
            Refused: if it is another one.
            ApiUnavailable: if there is no answer.
        """
        status, answer = self.ask(method, path, body, content=content)
        if status >= HTTPStatus.BAD_REQUEST:
            raise _refusal(status, f"{path} answered {status}: {_said(answer)}")
        return answer

    def list(
        self, path: str, query: Mapping[str, str] | None = None
    ) -> tuple[list[ApiObject], str]:
        """Return the objects of a collection (`/api/v1/pods`), oldest first, and their version.

        Raises:
            Refused: if there is no such collection.
            ApiUnavailable: if there is no answer.
        """
        listed = _LISTED.decode(self.call("GET", _target(path, query or {})))
        objects = sorted(map(_object, listed.items), key=lambda one: (one.created, one.name))
        return objects, listed.metadata.resource_version

    def watch(self, path: str, query: Mapping[str, str], version: str) -> Watching:
        """Return an open watch of what changes in a collection after a version.

        Raises:
            Expired: if the version is too old.
            Refused: if there is no such collection.
            ApiUnavailable: if there is no answer.
        """
        asked = {
            **query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        target = _target(path, asked)
        response = self._send("GET", target, b"", _JSON, _WATCH_TIMEOUT, preload=False)
        if response.status != HTTPStatus.OK:
            response.close()
            raise _refusal(response.status, f"the watch of {path} answered {response.status}")
        return Watching(path, response)

    def _send(
        self,
        method: str,
        target: str,
        body: bytes,
        content: str,
        timeout: urllib3.Timeout,
        *,
        preload: bool,
    ) -> urllib3.BaseHTTPResponse:
        connections = self._connections
        try:
            return connections.pool.request(
                method,
                f"{connections.url}{target}",
                body=body or None,
                headers={"Content-Type": content, **connections.headers()},
                preload_content=preload,
                retries=False,
                timeout=timeout,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiUnavailable(f"{connections.url}{target} did not answer: {error}") from error


def _target(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _refusal(status: int, message: str) -> Refused:
    return (Expired if status == HTTPStatus.GONE else Refused)(status, message)


def _said(answer: bytes) -> str:
    """Return the message of a Status, or whatever else was answered."""
    with suppress(msgspec.MsgspecError):
        if message := _HEAD.decode(answer).message:
            return message
    return one_line(answer.decode(errors="replace"))


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the whole lines of what comes in chunks."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)


def _object(raw: msgspec.Raw) -> ApiObject:
    meta = _HEAD.decode(raw).metadata
    return ApiObject(
        namespace=meta.namespace,
        name=meta.name,
        raw=bytes(raw),
        uid=meta.uid,
        version=meta.resource_version,
        created=meta.creation_timestamp or "",
    )
