"""The canary's page: its one series is the time at which it was scraped."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from scalecert.clock import unix_seconds
from scalecert.metrics.canary import METRIC

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Prometheus keeps its connection

    def do_GET(self) -> None:
        """Answer a scrape: unix seconds."""
        body = f"# TYPE {METRIC} gauge\n{METRIC} {unix_seconds():.3f}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", _CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing of each scrape."""


def serve_canary(address: str, port: int) -> ThreadingHTTPServer:
    """Serve the canary's page from a thread of its own, which ends with the process.

    Raises:
        OSError: if the address is taken.
    """
    server = ThreadingHTTPServer((address, port), _Page)
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="canary", daemon=True).start()
    return server
