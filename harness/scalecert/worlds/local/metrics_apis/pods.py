"""The pods of the API server, as the adapters list them: by selector, names only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from scalecert.hpa.metrics.interfaces import MetricsError

TIMEOUT_SECONDS: Final = 3.0

_NAMES_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class PodNames(Protocol):
    """Who knows which pods there are."""

    def names(self, namespace: str, selector: str) -> list[str]:
        """Return the names of a namespace's pods that a selector's text takes."""
        ...


class _Metadata(msgspec.Struct):
    name: str


class _Item(msgspec.Struct):
    metadata: _Metadata


class _Items(msgspec.Struct):
    items: list[_Item]


class ApiServerPods:
    """The pods of one API server, listed anew at every request.

    Args:
        kubeconfig: of a client that may list pods.
    """

    def __init__(self, kubeconfig: Path) -> None:
        # The client's types end here.
        load: Callable[[str], Any] = config.new_client_from_config
        api_client = load(str(kubeconfig))
        api_client.set_default_header("Accept", _NAMES_ONLY)
        self._api = client.CoreV1Api(api_client)

    def names(self, namespace: str, selector: str) -> list[str]:
        """Return the names of a namespace's pods that a selector's text takes.

        Raises:
            MetricsError: if the API server does not answer, or refuses.
        """
        try:
            answer: Any = self._api.list_namespaced_pod(
                namespace,
                label_selector=selector,
                _preload_content=False,
                _request_timeout=TIMEOUT_SECONDS,
            )
            found = msgspec.json.decode(answer.data, type=_Items)
        except (ApiException, HTTPError) as error:
            raise MetricsError(f"Internal error occurred: pods can't be listed: {error}") from error
        return [item.metadata.name for item in found.items]
