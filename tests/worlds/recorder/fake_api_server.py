"""An API server of lists and scripted watches, over plain HTTP."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import parse_qs, urlsplit


def thing(name, version, **fields):
    """Return an object."""
    metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata | {"managedFields": [{"manager": "someone"}]}, **fields}


class FakeApiServer:
    """Serves, one after the other, the `lists` and the `watches` of a path.

    A list is (objects, version); the last one of a path stays.
    A watch is a list of events, after which the server ends it; the last one of a path stays open.
    An int instead is a status to refuse the watch with.
    """

    def __init__(self):
        self.lists = defaultdict(lambda: deque([([], "1")]))
        self.watches = defaultdict(deque)
        self.others = {}
        self.asked = []
        self.idle = Event()
        self._over = Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                owner._answer(self)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def kubeconfig(self, path):
        """Write a kubeconfig for it."""
        url = f"http://127.0.0.1:{self._server.server_port}"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "c",
                    "clusters": [{"name": "c", "cluster": {"server": url}}],
                    "users": [{"name": "u", "user": {"token": "secret"}}],
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                }
            )
        )
        return path

    def close(self):
        """End it, and every answer that is open."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler):
        url = urlsplit(handler.path)
        query = {key: value[0] for key, value in parse_qs(url.query).items()}
        self.asked.append((url.path, query, handler.headers.get("Authorization")))
        if url.path in self.others:
            status, body = self.others[url.path]
            self._send(handler, status, body)
        elif "watch" in query:
            self._watch(handler, self.watches[url.path])
        else:
            lists = self.lists[url.path]
            items, version = lists.popleft() if len(lists) > 1 else lists[0]
            document = {"metadata": {"resourceVersion": version}, "items": items}
            self._send(handler, 200, json.dumps(document).encode())

    def _watch(self, handler, scripts):
        script = scripts.popleft() if scripts else []
        if isinstance(script, int):
            self._send(handler, script, b"{}")
            return
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for event in script:
            self._chunk(handler, json.dumps(event).encode() + b"\n")
        if not scripts:
            self.idle.set()
            self._over.wait()
        self._chunk(handler, b"")

    def _chunk(self, handler, data):
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        handler.wfile.flush()

    def _send(self, handler, status, body):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
