"""An API server of one collection, which a test leads: lists, and watches that it feeds."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scalecert.clock import unix_seconds
from scalecert.worlds.local.control_plane.certificates import make_pki
from scalecert.worlds.local.control_plane.kubeconfigs import write_kubeconfig

PATH = "/api/v1/pods"
END: dict[str, Any] = {}
"""Fed to a watch, it ends the answer."""


def thing(name: str, version: int) -> dict[str, Any]:
    """Return an object."""
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"metadata": {**metadata, "resourceVersion": str(version)}}


class FakeApi:
    """What the server answers.

    Attributes:
        objects: of the list, which has `version`.
        statuses: of the next answers to lists; 200 when there is none left.
        events: what watches tell, one after the other.
        asked: versions that watches asked for.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.objects: list[dict[str, Any]] = []
        self.version = 1
        self.statuses: list[int] = []
        self.events: Queue[dict[str, Any]] = Queue()
        self.asked: Queue[str] = Queue()
        self._at_end: list[Callable[[], None]] = []

    def at_end(self, do: Callable[[], None]) -> None:
        """Have something done before the server ends."""
        self._at_end.append(do)

    def end(self) -> None:
        """Do what is to be done, and end the watch that is open."""
        for do in self._at_end:
            do()
        self.events.put(END)

    def tell(self, kind: str, value: dict[str, Any]) -> None:
        """Let the watch that is open, or the next one, tell an event."""
        self.events.put({"type": kind, "object": value})

    def listed(self) -> bytes:
        """Return the list."""
        return json.dumps(
            {"metadata": {"resourceVersion": str(self.version)}, "items": self.objects}
        ).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: FakeApi

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path != PATH:
            self._answer(404, b"{}")
        elif "watch" in (asked := parse_qs(url.query)):
            self.api.asked.put(asked["resourceVersion"][0])
            self._watch()
        else:
            status = self.api.statuses.pop(0) if self.api.statuses else 200
            self._answer(status, self.api.listed())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _watch(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while (event := self.api.events.get()) is not END:
            line = json.dumps(event).encode() + b"\n"
            # Two chunks: a line may arrive in parts.
            for part in (line[:10], line[10:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@contextmanager
def fake_api(folder: Path) -> Iterator[FakeApi]:
    """Serve one over TLS that asks for a client's certificate."""
    folder.mkdir(exist_ok=True)
    pki = make_pki(folder / "pki", "127.0.0.1", now_seconds=unix_seconds())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki.ca)
    context.load_cert_chain(pki.api_server.certificate, pki.api_server.key)
    context.verify_mode = ssl.CERT_REQUIRED
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    url = f"https://127.0.0.1:{server.server_address[1]}"
    api = FakeApi(write_kubeconfig(folder / "kubeconfig", api_url=url, ca=pki.ca, client=pki.admin))
    handler.api = api
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.end()
        server.shutdown()
        server.server_close()
