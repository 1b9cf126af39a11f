"""JetStream's gRPC port: Orchestrator.Decode and HealthCheck, by grpcio.

The real one listens once the weights are loaded (jetstream/core/server_lib.py, run), has no handler
for SIGTERM, and lets grpcio word what is wrong with a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NoReturn, Protocol, TypeVar

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]

from mock_servers.jetstream.answers import NOTHING, PIECES
from mock_servers.jetstream.orchestrator import Orchestrator
from mock_servers.jetstream.wire import (
    SERVICE,
    WireError,
    check_health_request,
    decode_response,
    health_response,
    read_decode_request,
)
from mock_servers.serving.books import Books
from mock_servers.serving.failures import Failures
from mock_servers.serving.services import listening_socket
from mock_servers.serving.streams import ServerEndedError
from scalecert.errors import UsageError

Parsed = TypeVar("Parsed")

_WITH_TEXT = tuple(
    decode_response(piece, () if ident == NOTHING else (ident,))
    for ident, piece in enumerate(PIECES)
)
"""Messages by the id of their token."""
_IDS_ONLY = tuple(
    decode_response("", () if ident == NOTHING else (ident,)) for ident in range(len(PIECES))
)

_NO_CONTENT = "Unexpected <class 'TypeError'>: attribute name must be string, not 'NoneType'"
"""What grpcio makes of the exception that a request without a content raises."""
_NO_MESSAGE = (
    "Unexpected <class 'google.protobuf.message.DecodeError'>: Error parsing message with type"
    " 'jetstream_proto.{}'"
)
"""And of the one that bytes raise which are no message."""
_FAULT = "Unexpected <class 'RuntimeError'>: internal error"
_CLOSED = "Socket closed"
"""What a client is told by its own grpcio when a server dies."""


_FOREVER_SECONDS = 1e9


class _RefusedError(Exception):
    """A call that ends with an error, which has this text."""


class _Call(Protocol):
    """What is used of a call's context."""

    async def write(self, message: bytes) -> None:
        """Send a message of the answer."""

    async def abort(self, code: object, details: str) -> NoReturn:
        """End the call with a status."""


class GrpcService:
    """The gRPC port of one orchestrator.

    Args:
        orchestrator: that serves.
        host: to listen on.
        port: to listen on; 0 takes a free one.
        most_body_bytes: that a request may have.
        most_calls: at once; one more is told RESOURCE_EXHAUSTED. The real server has no limit.

    Raises:
        UsageError: if the address can't be had.
    """

    def __init__(
        self,
        orchestrator: Orchestrator,
        host: str,
        port: int,
        *,
        most_body_bytes: int,
        most_calls: int,
    ) -> None:
        self.name = "gRPC"
        self.books = Books()
        self.failures = Failures()
        self._orchestrator = orchestrator
        self._most_body_bytes = most_body_bytes
        self._most_calls = most_calls
        self._reserved = listening_socket(host, port)
        at, self._port = self._reserved.getsockname()[:2]
        self._host = f"[{at}]" if ":" in at else at
        self._noticing = asyncio.Event()
        self._noticing.set()
        self._server: grpc.aio.Server | None = None
        self._stopping: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Where it listens, once the model is loaded."""
        return f"grpc://{self._host}:{self._port}"

    async def start(self) -> None:
        """Keep the port, on which nothing listens yet: connections are refused."""

    async def model_loaded(self) -> None:
        """Listen, and serve from now on."""
        await self.accept_again()

    def stop_accepting(self) -> None:
        """Do nothing: the real server goes on, and takes new requests, until it is killed."""

    async def stop(self) -> None:
        """Close everything, without waiting for anybody."""
        self._reserved.close()
        self._noticing.set()
        if self._server is not None:
            await self._server.stop(None)
        for task in self._stopping:
            task.cancel()

    def refuse(self) -> None:
        """Close the port; running answers go on."""
        if self._server is not None:
            self._stopping.add(asyncio.create_task(self._server.stop(_FOREVER_SECONDS)))
            self._server = None

    async def accept_again(self) -> None:
        """Listen again where it did, if it does not.

        Raises:
            UsageError: if somebody else listens there by now.
        """
        if self._server is not None:
            return
        options = [
            ("grpc.max_receive_message_length", self._most_body_bytes),
            ("grpc.so_reuseport", 0),
        ]
        server = grpc.aio.server(options=options, maximum_concurrent_rpcs=self._most_calls)
        server.add_generic_rpc_handlers((self._handlers(),))
        self._reserved.close()
        try:
            server.add_insecure_port(f"{self._host}:{self._port}")
        except RuntimeError as error:
            raise UsageError(f"port {self._port} on {self._host}: {error}") from error
        await server.start()
        self._server = server

    def hold(self) -> None:
        """Take no notice of calls: they wait."""
        self._noticing.clear()

    async def release(self) -> None:
        """Take notice again, of what came meanwhile too."""
        self._noticing.set()

    def _handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Decode": grpc.unary_stream_rpc_method_handler(self._decode),
                "HealthCheck": grpc.unary_unary_rpc_method_handler(self._health_check),
            },
        )

    async def _decode(self, data: bytes, call: _Call) -> None:
        async with self._entered(call):
            if self.failures.next_fails():
                self.books.refused_by_faults += 1
                raise _RefusedError(_FAULT)
            if not self._orchestrator.is_live:
                raise ServerEndedError
            request = _parsed(read_decode_request, data, "DecodeRequest")
            if request.has_no_content:
                raise _RefusedError(_NO_CONTENT)
            decoding = self._orchestrator.decode(request)
            messages = _WITH_TEXT if decoding.as_text else _IDS_ONLY
            try:
                async for ident in decoding.samples():
                    await call.write(messages[ident])
            finally:
                self._orchestrator.leave(decoding)

    async def _health_check(self, data: bytes, call: _Call) -> bytes:
        async with self._entered(call):
            _parsed(check_health_request, data, "HealthCheckRequest")
        return health_response(is_live=self._orchestrator.is_live)

    @asynccontextmanager
    async def _entered(self, call: _Call) -> AsyncIterator[None]:
        """Book a call by how it ends; one that comes while nobody takes notice waits."""
        books = self.books
        books.received += 1
        try:
            await self._noticing.wait()
            yield
        except asyncio.CancelledError:
            books.disconnected += 1
            raise
        except ServerEndedError:
            books.aborted += 1
            await call.abort(grpc.StatusCode.UNAVAILABLE, _CLOSED)
        except _RefusedError as error:
            books.refused += 1
            await call.abort(grpc.StatusCode.UNKNOWN, str(error))
        else:
            books.finished += 1


def _parsed(read: Callable[[bytes], Parsed], data: bytes, message: str) -> Parsed:
    """Return what `read` makes of a message's bytes."""
    try:
        return read(data)
    except WireError as error:
        raise _RefusedError(_NO_MESSAGE.format(message)) from error
