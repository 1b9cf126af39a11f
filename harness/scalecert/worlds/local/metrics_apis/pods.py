"""The pods of the API server, as the adapters list them: by selector, anew at every request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

import msgspec

from scalecert.metrics.gke.response import internal_error
from scalecert.worlds.api_server import ApiObject, ApiServer, ApiUnavailable
from scalecert.worlds.local.monitors.discovery import Pod


class PodNames(Protocol):
    """Who knows which pods there are."""

    def names(self, namespace: str, selector: str) -> list[str]:
        """Return the names of a namespace's pods that a selector's text takes."""
        ...


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What is recorded of a pod beside its name; empty where nobody knows."""

    node: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    controller_name: str = ""
    controller_kind: str = ""


class ApiServerPods:
    """The pods of one API server."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api

    def names(self, namespace: str, selector: str) -> list[str]:
        """Return the names of a namespace's pods that a selector's text takes.

        Raises:
            MetricsError: if the API server does not answer, or refuses.
        """
        return [pod.name for pod in self._list(namespace, {"labelSelector": selector})]

    def facts(self, namespace: str, pod: str) -> PodFacts:
        """Return what is known of a pod, nothing of one that is gone.

        Raises:
            MetricsError: if the API server does not answer, or refuses.
        """
        found = self._list(namespace, {"fieldSelector": f"metadata.name={pod}"})
        return facts_of(msgspec.json.decode(found[0].raw, type=Pod)) if found else PodFacts()

    def _list(self, namespace: str, query: Mapping[str, str]) -> list[ApiObject]:
        try:
            found, _ = self._api.list(f"/api/v1/namespaces/{quote(namespace)}/pods", query)
        except ApiUnavailable as error:
            raise internal_error(str(error)) from error
        return found


def facts_of(pod: Pod) -> PodFacts:
    """Return what is recorded of a pod; a ReplicaSet's is its Deployment's."""
    owners = pod.metadata.owner_references
    owner = next((one for one in owners if one.controller), None)
    if owner is None:
        return PodFacts(pod.spec.node_name, pod.metadata.labels)
    name, kind = owner.name, owner.kind
    if kind == "ReplicaSet":
        name, kind = name.rpartition("-")[0], "Deployment"
    return PodFacts(pod.spec.node_name, pod.metadata.labels, name, kind)
