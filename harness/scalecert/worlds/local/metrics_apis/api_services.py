"""How kube-apiserver comes to forward the metrics APIs here: manifests to apply once per world."""

from __future__ import annotations

import base64
from typing import Final

from scalecert.documents import Plain
from scalecert.worlds.local.metrics_apis.discovery import GROUPS

NAMESPACE: Final = "kube-system"
SERVICE: Final = "scalecert-metrics"
SERVER_NAME: Final = f"{SERVICE}.{NAMESPACE}.svc"
"""Whom kube-apiserver expects the serving certificate to name."""

_PRIORITY: Final = 100


def api_services(address: str, port: int, ca_bundle: bytes) -> list[dict[str, Plain]]:
    """Return a Service at the process's address, and an APIService for each version served.

    Args:
        address: where the process listens; an external name may be a literal address.
        port: its port.
        ca_bundle: PEM of the authority that signed the serving certificate.
    """
    service: dict[str, Plain] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE},
        "spec": {
            "type": "ExternalName",
            "externalName": address,
            "ports": [{"port": port, "protocol": "TCP"}],
        },
    }
    bundle = base64.b64encode(ca_bundle).decode()
    return [
        service,
        *(
            _api_service(group, version, index, port, bundle)
            for group, versions in GROUPS.items()
            for index, version in enumerate(versions)
        ),
    ]


def _api_service(group: str, version: str, index: int, port: int, bundle: str) -> dict[str, Plain]:
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{version}.{group}"},
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": _PRIORITY,
            "versionPriority": _PRIORITY - index,
            "service": {"name": SERVICE, "namespace": NAMESPACE, "port": port},
            "caBundle": bundle,
        },
    }
