"""What the agent changes in the API server; retried where the server may be away."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
import tenacity

from scalecert.worlds.api_server import ApiServer, ApiUnavailable, Refused

LIMIT_SECONDS = 60.0
"""Of waiting for an API server that does not answer."""
_JSON = "application/json"
_STRATEGIC_MERGE = "application/strategic-merge-patch+json"
_MERGED_LISTS = ("podIPs", "hostIPs")
"""Of a status, to which a strategic merge patch adds what is not in them."""


def _may_pass(error: BaseException) -> bool:
    """Tell whether a call that failed so may be worth another try."""
    if isinstance(error, Refused):
        return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or (
            error.status == HTTPStatus.TOO_MANY_REQUESTS
        )
    return isinstance(error, ApiUnavailable)


retrying = tenacity.retry(
    retry=tenacity.retry_if_exception(_may_pass),
    wait=tenacity.wait_exponential(multiplier=0.05, max=2.0),
    stop=tenacity.stop_after_delay(LIMIT_SECONDS),
    reraise=True,
)
"""Tries again for as long as the API server may be away."""


class Api(Protocol):
    """What the agent asks of an API server; every call blocks."""

    def patch_pod_status(
        self, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> None:
        """Write a pod's status; Refused if it is not there any more."""

    def delete_pod(self, namespace: str, name: str, uid: str) -> None:
        """Remove a pod at once; Refused if it is not there any more."""

    def register_node(self, node: Mapping[str, Any]) -> None:
        """Make a node as it is given, or make the one of that name so; nothing taints it."""

    def delete_nodes(self) -> None:
        """Remove all nodes."""

    def create_pod(self, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """Make a pod with a status, and its namespace, where they are not there."""


class KubeApi:
    """Those calls of an API server; `api` may be shared by any number of threads."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api

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
        except Refused as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            return False
        return True

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        self._api.call(
            method,
            path,
            b"" if body is None else msgspec.json.encode(body),
            content=_STRATEGIC_MERGE if method == "PATCH" else _JSON,
        )


def _pod_path(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{name}"
