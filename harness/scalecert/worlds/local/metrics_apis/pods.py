"""The pods of the API server, as the adapters list them: by selector, anew at every request."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from scalecert.metrics.gke.response import internal_error
from scalecert.worlds.local.monitors.api import ApiServer, ApiUnavailable


class PodNames(Protocol):
    """Who knows which pods there are."""

    def names(self, namespace: str, selector: str) -> list[str]:
        """Return the names of a namespace's pods that a selector's text takes."""
        ...


class ApiServerPods:
    """The pods of one API server.

    Args:
        kubeconfig: of a client that may list pods.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self._api = ApiServer(kubeconfig)

    def names(self, namespace: str, selector: str) -> list[str]:
        """Return the names of a namespace's pods that a selector's text takes.

        Raises:
            MetricsError: if the API server does not answer, or refuses.
        """
        path = f"/api/v1/namespaces/{quote(namespace)}/pods?labelSelector={quote(selector)}"
        try:
            found, _ = self._api.list(path)
        except ApiUnavailable as error:
            raise internal_error(str(error)) from error
        return [pod.name for pod in found]
