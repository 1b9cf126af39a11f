"""JetStream's gRPC messages: read and written by protobuf, from descriptors that stand here.

They are the ones of package `jetstream_proto` (jetstream/core/proto/jetstream.proto of its main
branch; v0.2.2 and v0.3 have the same numbers for what they have), with the fields that have an
effect. Messages that are nested there stand side by side here, which no byte shows; and they are in
a pool of their own, so that a client's generated code can be in the same process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]

SERVICE = "jetstream_proto.Orchestrator"

_PACKAGE = SERVICE.partition(".")[0]

Proto = descriptor_pb2.FieldDescriptorProto


class WireError(ValueError):
    """Bytes that are no message."""


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """What a client asks for.

    Attributes:
        max_tokens: 0 where the client does not say.
        text: of the prompt, None where it is not given as text.
        token_ids: of the prompt, None where it is not given as ids.
        start_time: when the client sent it, by its own clock; 0 where it does not say.
        has_bos: whether the prompt has its first token already.
    """

    max_tokens: int = 0
    text: str | None = None
    token_ids: tuple[int, ...] | None = None
    start_time: float = 0.0
    has_bos: bool = False

    @property
    def has_no_content(self) -> bool:
        """Whether there is no prompt, not even an empty one."""
        return self.text is None and self.token_ids is None


def read_decode_request(data: bytes) -> DecodeRequest:
    """Return the request that `data` is.

    Raises:
        WireError: if it is none.
    """
    read = _parsed("DecodeRequest", data)
    content = read.WhichOneof("content")
    return DecodeRequest(
        read.max_tokens,
        read.text_content.text if content == "text_content" else None,
        tuple(read.token_content.token_ids) if content == "token_content" else None,
        read.metadata.start_time,
        read.has_bos,
    )


def check_health_request(data: bytes) -> None:
    """Check that bytes are a message; it has no fields.

    Raises:
        WireError: if they are none.
    """
    _parsed("HealthCheckRequest", data)


def decode_response(text: str, token_ids: Sequence[int] = ()) -> bytes:
    """Return a DecodeResponse of one sample, which may have neither text nor ids."""
    sample = {"text": text, "token_ids": token_ids}
    return _written("DecodeResponse", stream_content={"samples": [sample]})


def health_response(*, is_live: bool) -> bytes:
    """Return a HealthCheckResponse."""
    return _written("HealthCheckResponse", is_live=is_live)


def _parsed(message: str, data: bytes) -> Message:
    try:
        return _CLASSES[message].FromString(data)
    except DecodeError as error:
        raise WireError(str(error)) from error


def _written(message: str, **fields: object) -> bytes:
    written: bytes = _CLASSES[message](**fields).SerializeToString()
    return written


def _field(
    name: str, number: int, type_: int | str, *, repeated: bool = False, choice: bool = False
) -> descriptor_pb2.FieldDescriptorProto:
    """Return a field; its type is a message's name or a number of protobuf's.

    A `choice` is one of those of which a message has one.
    """
    field = Proto(name=name, number=number)
    field.label = Proto.LABEL_REPEATED if repeated else Proto.LABEL_OPTIONAL
    if isinstance(type_, str):
        field.type, field.type_name = Proto.TYPE_MESSAGE, f".{_PACKAGE}.{type_}"
    else:
        field.type = type_
    if choice:
        field.oneof_index = 0
    return field


_MESSAGES = {
    "TextContent": [_field("text", 1, Proto.TYPE_STRING)],
    "TokenContent": [_field("token_ids", 1, Proto.TYPE_INT32, repeated=True)],
    "Metadata": [_field("start_time", 1, Proto.TYPE_FLOAT)],
    "DecodeRequest": [
        _field("max_tokens", 4, Proto.TYPE_INT32),
        _field("text_content", 5, "TextContent", choice=True),
        _field("token_content", 6, "TokenContent", choice=True),
        _field("metadata", 7, "Metadata"),
        _field("has_bos", 10, Proto.TYPE_BOOL),
    ],
    "Sample": [
        _field("text", 1, Proto.TYPE_STRING),
        _field("token_ids", 2, Proto.TYPE_INT32, repeated=True),
    ],
    "StreamContent": [_field("samples", 1, "Sample", repeated=True)],
    "DecodeResponse": [_field("stream_content", 3, "StreamContent", choice=True)],
    "HealthCheckRequest": [],
    "HealthCheckResponse": [_field("is_live", 1, Proto.TYPE_BOOL)],
}


def _classes() -> dict[str, Any]:
    """Return the messages' classes by name."""
    file = descriptor_pb2.FileDescriptorProto(name=SERVICE, package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name, field=fields)
        if any(field.HasField("oneof_index") for field in fields):
            message.oneof_decl.add(name="content")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _classes()
