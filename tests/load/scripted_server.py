"""A server that answers as a test says: what it does depends on the prompt's length alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

TOKEN = b"a token\n\n"
STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class LeftError(Exception):
    """The script lets the connection be closed at once."""


Script = Callable[["Speaker"], None]


@dataclass
class Speaker:
    """The server's side of one connection."""

    connection: socket.socket

    def say(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(data)

    def stream(self, *pieces: bytes, end: bytes = END) -> None:
        """Answer with chunks."""
        self.say(STREAM)
        for piece in pieces:
            self.say(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.say(end)

    def reply(self, status: str, body: bytes, *headers: bytes) -> None:
        """Answer in one piece."""
        head = [b"HTTP/1.1 " + status.encode(), b"content-length: %d" % len(body), *headers]
        self.say(b"\r\n".join([*head, b"", body]))

    def leave(self) -> None:
        """Close the connection."""
        raise LeftError


@dataclass
class ScriptedServer:
    """A server on a free port of one address.

    Attributes:
        scripts: what to do by the number of words of a prompt; else two tokens are streamed.
        asked: per connection, the prompts that came on it and whether it was to be kept.
    """

    scripts: Mapping[int, Script]
    listener: socket.socket
    asked: list[list[tuple[int, bool]]] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self.listener.getsockname()[1]

    def prompts(self) -> list[list[int]]:
        """Return the prompts per connection."""
        return [[prompt for prompt, _ in one] for one in self.asked]

    def serve(self) -> None:
        """Serve until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.asked.append([])
                threading.Thread(
                    target=self._serve_one, args=(connection, self.asked[-1]), daemon=True
                ).start()

    def _serve_one(self, connection: socket.socket, asked: list[tuple[int, bool]]) -> None:
        with connection, suppress(LeftError, OSError):
            for words, kept in _requests(connection):
                asked.append((words, kept))
                script = self.scripts.get(words, lambda speaker: speaker.stream(TOKEN, TOKEN))
                script(Speaker(connection))
                if not kept:
                    return


def _requests(connection: socket.socket) -> Iterator[tuple[int, bool]]:
    """Yield the words of each prompt, and whether the connection is to be kept."""
    unread = b""
    while True:
        while b"\r\n\r\n" not in unread:
            unread += _received(connection)
        head, _, unread = unread.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(one.split(b":")[1]) for one in lines if one.startswith(b"content-length"))
        while len(unread) < length:
            unread += _received(connection)
        body, unread = unread[:length], unread[length:]
        yield body.count(b"w"), b"connection: keep-alive" in lines


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise LeftError
    return data


@contextmanager
def scripted_servers(
    scripts: Mapping[int, Script], addresses: Sequence[str] = ("127.0.0.1",)
) -> Iterator[list[ScriptedServer]]:
    """Yield servers that listen on the same port of several addresses."""
    servers: list[ScriptedServer] = []
    try:
        for address in addresses:
            port = servers[0].port if servers else 0
            listener = socket.create_server((address, port), backlog=128)
            servers.append(ScriptedServer(scripts, listener))
            threading.Thread(target=servers[-1].serve, daemon=True).start()
        yield servers
    finally:
        for server in servers:
            # A thread that waits in accept() is woken by this alone.
            server.listener.shutdown(socket.SHUT_RDWR)
            server.listener.close()
