"""What the process says of the APIs that it serves, for kube-apiserver and clients' discovery.

The lists name no metric: clients ask for one without having seen its name there. kube-apiserver
falls back to these lists where its newer, aggregated form is not served (kube-aggregator,
`fetchFreshDiscoveryForService`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "custom.metrics.k8s.io": ("v1beta2", "v1beta1"),
    "external.metrics.k8s.io": ("v1beta1",),
    "metrics.k8s.io": ("v1beta1",),
}
"""Served groups and their versions, the preferred one first."""

_PODS: Final = {
    "name": "pods",
    "singularName": "pod",
    "namespaced": True,
    "kind": "PodMetrics",
    "verbs": ["get", "list"],
}


def discovery_document(path: str) -> Mapping[str, Any] | None:
    """Return the document at a path of discovery, None if there is none."""
    match path.strip("/").split("/"):
        case ["apis"]:
            groups = [_group(name) for name in GROUPS]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["apis", group] if group in GROUPS:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}
        case ["apis", group, version] if version in GROUPS.get(group, ()):
            return {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": f"{group}/{version}",
                "resources": [_PODS] if group == "metrics.k8s.io" else [],
            }
    return None


def _group(name: str) -> dict[str, Any]:
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version} for version in GROUPS[name]
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}
