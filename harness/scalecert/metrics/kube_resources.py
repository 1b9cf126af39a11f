"""Kubernetes resources by any of their names, as an API server's discovery would map them."""

from __future__ import annotations

_GROUPS = {
    "": ("pods", "namespaces", "nodes", "services", "endpoints", "persistentvolumeclaims"),
    "apps": ("deployments", "replicasets", "statefulsets", "daemonsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("jobs", "cronjobs"),
    "gateway.networking.k8s.io": ("gateways", "httproutes"),
    "leaderworkerset.x-k8s.io": ("leaderworkersets",),
    "networking.k8s.io": ("ingresses",),
}
_GROUP_OF = {resource: group for group, names in _GROUPS.items() for resource in names}
_SINGULAR = {"endpoints": "endpoints", "ingresses": "ingress"}

ROOT_SCOPED = ("namespaces", "nodes")


def singular(resource: str) -> str:
    """Return the singular of a resource: `pod` of `pods`."""
    return _SINGULAR.get(resource, resource.removesuffix("s"))


_RESOURCE_OF = {singular(resource): resource for resource in _GROUP_OF} | {
    resource: resource for resource in _GROUP_OF
}


def find_resource(name: str) -> str | None:
    """Return the resource that a singular, plural or kind (`Pod`) names, None if unknown."""
    return _RESOURCE_OF.get(name.lower())


def group_resource(resource: str) -> str:
    """Return a resource with its group as in status messages: `deployments.apps`."""
    group = _GROUP_OF.get(resource, "")
    return f"{resource}.{group}" if group else resource


def label_group(resource: str) -> str:
    """Return a resource's group as prometheus-adapter writes it into labels: dots replaced."""
    return _GROUP_OF.get(resource, "").replace(".", "_").replace("-", "_")
