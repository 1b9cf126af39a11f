"""JetStream's gRPC messages as bytes: requests read, responses written.

They are the ones of package `jetstream_proto` (jetstream/core/proto/jetstream.proto of its main
branch; v0.2.2 and v0.3 have the same numbers for what they have). The server needs four of them,
so it reads and writes the wire format itself: the protobuf package is not needed where it runs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SERVICE = "jetstream_proto.Orchestrator"

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10

_MAX_TOKENS, _TEXT_CONTENT, _TOKEN_CONTENT, _METADATA, _HAS_BOS = 4, 5, 6, 7, 10
"""Fields of DecodeRequest; `num_samples`, `lora_adapter_id` and those of v0.2.2 have no effect."""

Field = tuple[int, int, int | bytes]
"""Number, wire type, and what follows."""


class WireError(ValueError):
    """Bytes that are no message; its text says why, to us."""


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
    max_tokens, start_time, has_bos = 0, 0.0, False
    text: str | None = None
    ids: tuple[int, ...] | None = None
    for number, kind, value in _fields(data):
        if isinstance(value, bytes):
            if number == _TEXT_CONTENT and kind == _BYTES:
                text, ids = _text_in(value, text or ""), None
            elif number == _TOKEN_CONTENT and kind == _BYTES:
                text, ids = None, (*(ids or ()), *_ids_in(value))
            elif number == _METADATA and kind == _BYTES:
                start_time = _start_in(value, start_time)
        elif number == _MAX_TOKENS:
            max_tokens = _int32(value)
        elif number == _HAS_BOS:
            has_bos = value != 0
    return DecodeRequest(max_tokens, text, ids, start_time, has_bos)


def check_message(data: bytes) -> None:
    """Check that bytes are a message; what its fields are is of no interest.

    Raises:
        WireError: if they are none.
    """
    for _ in _fields(data):
        pass


def decode_response(text: str, token_ids: Sequence[int] = ()) -> bytes:
    """Return a DecodeResponse of one sample, which may have neither text nor ids."""
    sample = _delimited(1, text.encode()) if text else b""
    if token_ids:
        sample += _delimited(2, b"".join(map(_varint, token_ids)))
    return _delimited(3, _delimited(1, sample))


def health_response(*, is_live: bool) -> bytes:
    """Return a HealthCheckResponse."""
    return b"\x08\x01" if is_live else b""


def _text_in(content: bytes, text: str) -> str:
    for number, kind, value in _fields(content):
        if number == 1 and kind == _BYTES and isinstance(value, bytes):
            try:
                text = value.decode()
            except UnicodeDecodeError as error:
                raise WireError("text is not UTF-8") from error
    return text


def _ids_in(content: bytes) -> Iterator[int]:
    for number, kind, value in _fields(content):
        if number != 1:
            continue
        if isinstance(value, int):
            yield _int32(value)
        elif kind == _BYTES:
            at = 0
            while at < len(value):
                one, at = _read_varint(value, at)
                yield _int32(one)


def _start_in(metadata: bytes, start: float) -> float:
    for number, kind, value in _fields(metadata):
        if number == 1 and kind == _FIXED32 and isinstance(value, bytes):
            start = float(struct.unpack("<f", value)[0])
    return start


def _fields(data: bytes) -> Iterator[Field]:
    """Yield a message's fields in their order; the old groups, which nobody sends, are no fields.

    Raises:
        WireError: for bytes that are no message.
    """
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise WireError("a field of number 0")
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield number, kind, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            size, at = _read_varint(data, at)
        if size is None or at + size > len(data):
            raise WireError("a field that does not end")
        yield number, kind, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at `at`, and where it has ended."""
    number = 0
    for place, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return number, at + place + 1
    raise WireError("a number that does not end")


def _int32(number: int) -> int:
    """Return the lower 32 bits of a varint with their sign, as protobuf does."""
    low = number & 0xFFFFFFFF
    return low - (1 << 32) if low & (1 << 31) else low


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _delimited(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content
