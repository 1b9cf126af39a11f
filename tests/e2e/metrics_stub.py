"""A stub of the external metrics API: one number for every metric, over TLS, for kube-apiserver."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from scalecert.worlds.local.control_plane import Pki

GROUP_VERSION = "external.metrics.k8s.io/v1beta1"
_RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": GROUP_VERSION,
    "resources": [
        {
            "name": "externalmetrics",
            "singularName": "",
            "namespaced": True,
            "kind": "ExternalMetricValueList",
            "verbs": ["get"],
        }
    ],
}


@dataclass
class Stub:
    """What it answers with, and who asked.

    value: of every metric.
    users: whom kube-apiserver said that it forwards for, request by request.
    """

    value: int = 0
    users: list[str] = field(default_factory=list)

    def answer(self, path: str) -> dict[str, Any] | None:
        """Return the document at a path."""
        if path == f"/apis/{GROUP_VERSION}":
            return _RESOURCES
        if not path.startswith(f"/apis/{GROUP_VERSION}/namespaces/"):
            return None
        item = {
            "metricName": "queue",
            "metricLabels": {},
            "timestamp": "2026-01-01T00:00:00Z",
            "value": str(self.value),
        }
        return {
            "kind": "ExternalMetricValueList",
            "apiVersion": GROUP_VERSION,
            "metadata": {},
            "items": [item],
        }


@contextmanager
def metrics_stub(pki: Pki, address: str) -> Iterator[tuple[Stub, int]]:
    """Serve a stub that takes requests of the front proxy alone; give it and its port."""
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            stub.users.append(self.headers.get("X-Remote-User", ""))
            found = stub.answer(self.path.partition("?")[0])
            body = json.dumps(found or {}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki.front_proxy_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(pki.metrics_apis.certificate, pki.metrics_apis.key)
    with ThreadingHTTPServer((address, 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield stub, server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
