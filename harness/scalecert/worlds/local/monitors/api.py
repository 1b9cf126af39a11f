"""The API server as the monitors ask it: lists, and what changes after them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import urllib3

from scalecert.documents import read_documents
from scalecert.errors import EnvironmentFault

LIST_SECONDS = 10.0
WATCH_SECONDS = 240


class ApiUnavailable(EnvironmentFault):
    """The API server did not answer, or not with what was asked for."""


class Expired(ApiUnavailable):
    """What came after a version is no longer known: list again."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Head(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    code: int = 0


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
    """An object as JSON, by the names that tell it from others of its kind."""

    namespace: str
    name: str
    raw: bytes


class Change(msgspec.Struct, frozen=True):
    """What a watch told: the object as it is now, or was last, and the version after it.

    `object` is None for a bookmark, which only moves the version.
    """

    object: ApiObject | None
    deleted: bool
    version: str


class ApiServer:
    """A client with the certificate of a kubeconfig; may be used by several threads.

    Args:
        kubeconfig: with files for the authority and the client's certificate and key.

    Raises:
        UsageError: if it can't be read.
    """

    def __init__(self, kubeconfig: Path) -> None:
        (document,) = read_documents(kubeconfig)
        self._url = document.get_text("clusters[0].cluster.server")
        # Files and no context: urllib3 changes a context with each connection that it opens, and
        # OpenSSL crashes where two threads do so at once.
        self._pool = urllib3.PoolManager(
            ca_certs=document.get_text("clusters[0].cluster.certificate-authority"),
            cert_file=document.get_text("users[0].user.client-certificate"),
            key_file=document.get_text("users[0].user.client-key"),
            maxsize=8,
            retries=False,
        )

    def list(self, path: str) -> tuple[list[ApiObject], str]:
        """Return all objects of a collection (`/api/v1/pods`), and the version of the list.

        Raises:
            ApiUnavailable: if it does not answer in time, or has no such collection.
        """
        answer = self._ask(path, LIST_SECONDS, preload=True)
        listed = _LISTED.decode(answer.data)
        return [_object(bytes(item)) for item in listed.items], listed.metadata.resource_version

    def watch(self, path: str, version: str) -> Iterator[Change]:
        """Yield what changes after a version, until the server ends the answer.

        Raises:
            Expired: if the version is too old.
            ApiUnavailable: if the connection breaks.
        """
        query = f"watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}"
        target = f"{path}?{query}&resourceVersion={version}"
        answer = self._ask(target, WATCH_SECONDS + LIST_SECONDS, preload=False)
        try:
            for line in _lines(answer):
                yield _change(line)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiUnavailable(f"the watch of {path} broke: {error}") from error
        finally:
            answer.close()

    def _ask(self, target: str, seconds: float, *, preload: bool) -> urllib3.BaseHTTPResponse:
        try:
            answer = self._pool.request(
                "GET", self._url + target, preload_content=preload, timeout=seconds
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiUnavailable(f"{self._url}{target} did not answer: {error}") from error
        if answer.status == 410:
            raise Expired(f"{target}: the version is too old")
        if answer.status != 200:
            raise ApiUnavailable(f"{self._url}{target} answered {answer.status}")
        return answer


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Return whole lines as they arrive."""
    rest = b""
    for chunk in answer.stream():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)


def _change(line: bytes) -> Change:
    event = _EVENT.decode(line)
    raw = bytes(event.object)
    if event.type == "ERROR":
        code = _HEAD.decode(raw).code
        raise Expired("the version is too old") if code == 410 else ApiUnavailable(raw.decode())
    version = _HEAD.decode(raw).metadata.resource_version
    if event.type == "BOOKMARK":
        return Change(None, deleted=False, version=version)
    return Change(_object(raw), deleted=event.type == "DELETED", version=version)


def _object(raw: bytes) -> ApiObject:
    meta = _HEAD.decode(raw).metadata
    return ApiObject(meta.namespace, meta.name, raw)
