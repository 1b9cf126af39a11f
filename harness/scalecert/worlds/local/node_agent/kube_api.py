"""The agent's calls to the API server: plain JSON, retried where the server may be away.

The kubernetes client reads the kubeconfig and keeps the connections; its models are left aside,
for to fill them takes longer than everything else that is done about an event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec
import tenacity
import urllib3
from kubernetes import client as kube_client
from kubernetes import config as kube_config

from scalecert.errors import EnvironmentFault
from scalecert.worlds.local.node_agent.pod_objects import PodObject

LIMIT_SECONDS = 60.0
"""Of waiting for an API server that does not answer."""
_CALL_TIMEOUT = urllib3.Timeout(connect=5.0, read=15.0)
_WATCH_SECONDS = 600
"""After which the API server ends a watch, and another one takes over."""
_WATCH_TIMEOUT = urllib3.Timeout(connect=5.0, read=150.0)
"""A watch that is alive has a bookmark every minute."""
_STRATEGIC_MERGE = "application/strategic-merge-patch+json"
_MERGED_LISTS = ("podIPs", "hostIPs")
"""Of a status, to which a strategic merge patch adds what is not in them."""
_MOST_CONNECTIONS = 8


class ApiError(Exception):
    """The API server refused a call."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(f"{status}: {text}")


def _may_pass(error: BaseException) -> bool:
    """Tell whether a call that failed so may be worth another try."""
    if isinstance(error, ApiError):
        return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or (
            error.status == HTTPStatus.TOO_MANY_REQUESTS
        )
    return isinstance(error, urllib3.exceptions.HTTPError)


retrying = tenacity.retry(
    retry=tenacity.retry_if_exception(_may_pass),
    wait=tenacity.wait_exponential(multiplier=0.05, max=2.0),
    stop=tenacity.stop_after_delay(LIMIT_SECONDS),
    reraise=True,
)
"""Tries again for as long as the API server may be away."""


@dataclass(frozen=True, slots=True)
class PodList:
    """All pods, at one version of the store."""

    pods: tuple[PodObject, ...]
    resource_version: str


@dataclass(frozen=True, slots=True)
class PodEvent:
    """One event of a watch: `ADDED`, `MODIFIED`, `DELETED`."""

    kind: str
    pod: PodObject


class Api(Protocol):
    """What the agent asks of an API server; every call blocks."""

    def list_pods(self) -> PodList:
        """Return the pods of all namespaces."""

    def watch_pods(self, resource_version: str) -> Iterator[PodEvent | str]:
        """Yield events after a version, and newer versions (bookmarks), until the watch ends.

        Raises:
            ApiError: with status 410 if the version is too old.
        """

    def patch_pod_status(
        self, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> None:
        """Write a pod's status; ApiError if it is not there any more."""

    def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        """Remove a pod at once; ApiError if it is not there any more."""

    def register_node(self, node: Mapping[str, Any]) -> None:
        """Make a node as it is given, or make the one of that name so; nothing taints it."""

    def delete_nodes(self) -> None:
        """Remove all nodes."""

    def create_pod(self, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """Make a pod with a status, and its namespace, where they are not there."""


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _PodListObject(msgspec.Struct, rename="camel"):
    metadata: _ListMeta
    items: list[PodObject]


class _WatchEvent(msgspec.Struct, rename="camel"):
    type: str
    raw_object: msgspec.Raw = msgspec.field(name="object")


class _Bookmark(msgspec.Struct, rename="camel"):
    metadata: _ListMeta


class _StatusObject(msgspec.Struct, rename="camel"):
    code: int = 500
    message: str = ""


class KubeApi:
    """An API server, as the administrator of a kubeconfig.

    Raises:
        EnvironmentFault: if the kubeconfig can't be used.
    """

    def __init__(self, kubeconfig: str | Path) -> None:
        try:
            settings = kube_client.Configuration()
            read = kube_config.load_kube_config
            read(config_file=str(kubeconfig), client_configuration=settings)  # type: ignore[no-untyped-call]
        except (kube_config.ConfigException, OSError) as error:
            raise EnvironmentFault(f"{kubeconfig}: {error}") from error
        self._host: str = settings.host
        self._pool = urllib3.PoolManager(
            maxsize=_MOST_CONNECTIONS,
            retries=False,
            cert_reqs="CERT_REQUIRED",
            ca_certs=settings.ssl_ca_cert,
            cert_file=settings.cert_file,
            key_file=settings.key_file,
        )

    @retrying
    def list_pods(self) -> PodList:
        """Return the pods of all namespaces, oldest first."""
        read = msgspec.json.decode(self._call("GET", "/api/v1/pods"), type=_PodListObject)
        pods = sorted(
            read.items,
            key=lambda pod: (pod.metadata.creation_timestamp or "", pod.metadata.name),
        )
        return PodList(tuple(pods), read.metadata.resource_version)

    def watch_pods(self, resource_version: str) -> Iterator[PodEvent | str]:
        """Yield events after a version, and newer versions (bookmarks), until the watch ends."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": _WATCH_SECONDS,
        }
        response = self._pool.request(
            "GET",
            f"{self._host}/api/v1/pods?{urlencode(query)}",
            timeout=_WATCH_TIMEOUT,
            preload_content=False,
        )
        try:
            if response.status != HTTPStatus.OK:
                raise ApiError(response.status, response.data.decode(errors="replace"))
            for line in _lines(response.stream(65536)):
                yield _event(line)
        finally:
            response.close()

    @retrying
    def patch_pod_status(
        self, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> None:
        """Write a pod's status."""
        whole = {
            key: [{"$patch": "replace"}, *value] if key in _MERGED_LISTS else value
            for key, value in status.items()
        }
        patch = {"metadata": {"uid": uid}, "status": whole}
        self._call("PATCH", f"{_pod_path(namespace, name)}/status", patch)

    @retrying
    def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        """Remove a pod at once, unless it is another one of the same name."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": uid},
        }
        self._call("DELETE", _pod_path(namespace, name), options)

    @retrying
    def register_node(self, node: Mapping[str, Any]) -> None:
        """Make a node as it is given, or make the one of that name so.

        Whoever creates a node gets it tainted as not ready, and there is no controller that would
        take the taint away.
        """
        path = f"/api/v1/nodes/{node['metadata']['name']}"
        created = self._create("/api/v1/nodes", node)
        untainted = {"metadata": {"labels": node["metadata"]["labels"]}, "spec": {"taints": None}}
        self._call("PATCH", path, untainted)
        if not created:
            self._call("PATCH", f"{path}/status", {"status": node["status"]})

    @retrying
    def delete_nodes(self) -> None:
        """Remove all nodes."""
        self._call("DELETE", "/api/v1/nodes")

    @retrying
    def create_pod(self, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """Make a pod with a status, and its namespace, where they are not there."""
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        meta = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        self._create("/api/v1/namespaces", meta)
        self._create(f"/api/v1/namespaces/{namespace}/pods", pod)
        self._call("PATCH", f"{_pod_path(namespace, name)}/status", {"status": status})

    def _create(self, path: str, document: Mapping[str, Any]) -> bool:
        """Make an object; return False if it is there already."""
        try:
            self._call("POST", path, document)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            return False
        return True

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        kind = _STRATEGIC_MERGE if method == "PATCH" else "application/json"
        response = self._pool.request(
            method,
            f"{self._host}{path}",
            body=None if body is None else msgspec.json.encode(body),
            headers={"Content-Type": kind},
            timeout=_CALL_TIMEOUT,
        )
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise ApiError(response.status, response.data.decode(errors="replace"))
        return response.data


def _pod_path(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the whole lines of what comes in chunks."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


def _event(line: bytes) -> PodEvent | str:
    """Return a watch's event, or the version that a bookmark tells."""
    read = msgspec.json.decode(line, type=_WatchEvent)
    if read.type == "BOOKMARK":
        return msgspec.json.decode(read.raw_object, type=_Bookmark).metadata.resource_version
    if read.type == "ERROR":
        status = msgspec.json.decode(read.raw_object, type=_StatusObject)
        raise ApiError(status.code, status.message)
    return PodEvent(read.type, msgspec.json.decode(read.raw_object, type=PodObject))
