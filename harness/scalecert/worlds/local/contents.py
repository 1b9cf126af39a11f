"""What is in a world that runs, in a few words: asked of its API server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubernetes.client import V1Pod

_TIMEOUT_SECONDS = 2.0
UNKNOWN = "its API server does not answer"


def contents(kubeconfig: Path) -> str:
    """Return how many nodes and pods there are; `UNKNOWN` if nobody answers."""
    import urllib3
    from kubernetes import client, config

    try:
        api = config.new_client_from_config(config_file=str(kubeconfig))  # type: ignore[no-untyped-call]
        with api:
            core = client.CoreV1Api(api)
            nodes = core.list_node(_request_timeout=_TIMEOUT_SECONDS).items
            pods = core.list_pod_for_all_namespaces(_request_timeout=_TIMEOUT_SECONDS).items
    except (client.ApiException, config.ConfigException, urllib3.exceptions.HTTPError, OSError):
        return UNKNOWN
    ready = sum(map(_is_ready, pods))
    return f"{len(nodes)} nodes, {len(pods)} pods, {ready} of them ready"


def _is_ready(pod: V1Pod) -> bool:
    conditions = (pod.status and pod.status.conditions) or ()
    return any(one.type == "Ready" and one.status == "True" for one in conditions)
