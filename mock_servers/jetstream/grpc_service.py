"""JetStream's gRPC port: Orchestrator.Decode and HealthCheck, by grpcio.

The real one listens once the weights are loaded (jetstream/core/server_lib.py, run), has no handler
for SIGTERM, and lets grpcio word what is wrong with a request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NoReturn, Protocol

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]

from mock_servers.jetstream.answers import NOTHING, PIECES
from mock_servers.jetstream.orchestrator import Orchestrator, ServerEndedError
from mock_servers.jetstream.wire import (
    SERVICE,
    WireError,
    check_message,
    decode_response,
    health_response,
    read_decode_request,
)
from mock_servers.serving.services import listening_socket

_WITH_TEXT = tuple(
    decode_response(piece, () if ident == NOTHING else (ident,))
    for ident, piece in enumerate(PIECES)
)
"""Messages by the id of their token."""
_IDS_ONLY = tuple(
    decode_response("", () if ident == NOTHING else (ident,)) for ident in range(len(PIECES))
)

_NO_CONTENT = "Unexpected <class 'TypeError'>: attribute name must be string, not 'NoneType'"
_NO_MESSAGE = (
    "Unexpected <class 'google.protobuf.message.DecodeError'>: Error parsing message with type"
    " 'jetstream_proto.{}'"
)
"""What grpcio makes of the exceptions that a request without a content raises, and one of bytes
that are no message."""
_CLOSED = "Socket closed"
"""What a client is told by its own grpcio when a server dies."""


class _Call(Protocol):
    """What is used of a call's context."""

    async def abort(self, code: object, details: str) -> NoReturn:
        """End the call with a status."""


class GrpcService:
    """The gRPC port of one orchestrator.

    Args:
        orchestrator: that serves.
        host: to listen on.
        port: to listen on; 0 takes a free one.
        most_body_bytes: that a request may have.
    """

    name = "gRPC"

    def __init__(
        self, orchestrator: Orchestrator, host: str, port: int, *, most_body_bytes: int
    ) -> None:
        self._orchestrator = orchestrator
        self._host = f"[{host}]" if ":" in host else host
        self._most_body_bytes = most_body_bytes
        self._reserved = listening_socket(host, port)
        self._port: int = self._reserved.getsockname()[1]
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        """Where it listens, once the model is loaded."""
        return f"grpc://{self._host}:{self._port}"

    async def start(self) -> None:
        """Keep the port, on which nothing listens yet: connections are refused."""

    async def model_loaded(self) -> None:
        """Listen, and serve from now on."""
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._most_body_bytes),
                ("grpc.so_reuseport", 0),
            ]
        )
        server.add_generic_rpc_handlers((self._handlers(),))
        self._reserved.close()
        server.add_insecure_port(f"{self._host}:{self._port}")
        await server.start()
        self._server = server

    def stop_accepting(self) -> None:
        """Do nothing: the real server goes on, and takes new requests, until it is killed."""

    async def stop(self) -> None:
        """Close everything, without waiting for anybody."""
        self._reserved.close()
        if self._server is not None:
            await self._server.stop(None)

    def _handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Decode": grpc.unary_stream_rpc_method_handler(self._decode),
                "HealthCheck": grpc.unary_unary_rpc_method_handler(self._health_check),
            },
        )

    async def _decode(self, data: bytes, context: _Call) -> AsyncIterator[bytes]:
        try:
            request = read_decode_request(data)
        except WireError:
            await context.abort(grpc.StatusCode.UNKNOWN, _NO_MESSAGE.format("DecodeRequest"))
        if request.has_no_content:
            await context.abort(grpc.StatusCode.UNKNOWN, _NO_CONTENT)
        decoding = self._orchestrator.decode(request)
        messages = _WITH_TEXT if decoding.as_text else _IDS_ONLY
        try:
            async for ident in decoding.samples():
                yield messages[ident]
        except ServerEndedError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, _CLOSED)
        finally:
            self._orchestrator.leave(decoding)

    async def _health_check(self, data: bytes, context: _Call) -> bytes:
        try:
            check_message(data)
        except WireError:
            await context.abort(grpc.StatusCode.UNKNOWN, _NO_MESSAGE.format("HealthCheckRequest"))
        return health_response(is_live=self._orchestrator.is_live)
