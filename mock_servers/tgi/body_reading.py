"""Bodies of requests: decoded, or refused in the words of axum and serde_json.

What is right is decoded by msgspec. What is not, or has a key twice, is read once more, slowly, to
tell the client where it stops to fit: 400 for what is no JSON, 422 for what is JSON of the wrong
shape, both as plain text and before anything is counted (axum 0.7.9, src/json.rs). Of what serde
takes, arrays in place of objects are not taken here.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import msgspec

from mock_servers.serving.http import Exchange
from mock_servers.tgi.serde.cursor import Path
from mock_servers.tgi.serde.shapes import MisfitError, Where, check, seen_path
from mock_servers.tgi.serde.text import KEY, JsonText, TooManyValuesError

Body = TypeVar("Body", bound=msgspec.Struct)

NOT_JSON = "Failed to parse the request body as JSON"
WRONG_SHAPE = "Failed to deserialize the JSON body into the target type"
BAD_REQUEST, UNSUPPORTED, UNPROCESSABLE = 400, 415, 422


class RejectedBodyError(Exception):
    """A body that can't be used.

    Args:
        status: of HTTP.
        text: of the answer.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


async def read_body(exchange: Exchange, kind: type[Body]) -> Body:
    """Return the body of a request.

    Raises:
        RejectedBodyError: if it is none of the kind, or is not said to be JSON.
        BodyTooLargeError: beyond what is taken.
        ClientGoneError: if the client left before its end.
    """
    if not exchange.is_json():
        text = "Expected request with `Content-Type: application/json`"
        raise RejectedBodyError(UNSUPPORTED, text)
    return read(await exchange.body(), kind)


def read(text: bytes, kind: type[Body]) -> Body:
    """Return a body of a kind.

    Raises:
        RejectedBodyError: if it is none.
    """
    try:
        body = msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_slowly(text, kind)
    if any(text.count(key) > 1 for key in _keys(kind)):
        return _read_slowly(text, kind)
    return body


@cache
def _keys(kind: type) -> tuple[bytes, ...]:
    """Return the keys of a kind of body as they are written, those of its parameters included."""
    kinds = [kind, *(field.type for field in msgspec.structs.fields(kind))]
    structs = [one for one in kinds if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    return tuple(b'"%s"' % name.encode() for one in structs for name in one.__struct_fields__)


def _read_slowly(text: bytes, kind: type[Body]) -> Body:
    try:
        scanned = JsonText(text)
    except TooManyValuesError as error:
        raise RejectedBodyError(UNPROCESSABLE, f"{WRONG_SHAPE}: {error}") from None
    misfit = _misfit(scanned, kind)
    if misfit is not None:
        told = _told(scanned, misfit)
        if misfit.where is Where.FIRST:
            raise RejectedBodyError(BAD_REQUEST, f"{NOT_JSON}: {told}")
        raise RejectedBodyError(UNPROCESSABLE, f"{WRONG_SHAPE}: {told}")
    if (fault := scanned.fault) is not None:
        line, column = scanned.place(fault.index)
        path = seen_path(kind, fault.path)
        place = f"{_prefix(path)}{fault.message} at line {line} column {column}"
        raise RejectedBodyError(BAD_REQUEST, f"{NOT_JSON}: {place}")
    try:
        return msgspec.convert(scanned.value, type=kind)
    except msgspec.ValidationError as error:
        raise RejectedBodyError(UNPROCESSABLE, f"{WRONG_SHAPE}: {error}") from None


def _misfit(scanned: JsonText, kind: type) -> MisfitError | None:
    """Return what does not fit first, None if nothing does before the text stops being JSON."""
    if scanned.value is None and () not in scanned.ends:
        return None
    try:
        check(scanned, kind)
    except MisfitError as misfit:
        return misfit
    return None


def _told(scanned: JsonText, misfit: MisfitError) -> str:
    path = misfit.path
    match misfit.where:
        case Where.START:
            index = scanned.starts[path]
        case Where.FIRST:
            index = scanned.starts[path] + 1
        case Where.END:
            index = scanned.ends[path]
        case Where.KEY:
            index = scanned.repeated[path]
        case Where.AFTER:
            index = scanned.after(path)
    line, column = scanned.place(index)
    shown = path[:-1] if misfit.where is Where.KEY else path
    return f"{_prefix(shown)}{misfit.message} at line {line} column {column}"


def _prefix(path: Path) -> str:
    """Return a path as serde_path_to_error writes it, with a colon; nothing if nothing is known."""
    if all(part == KEY for part in path):
        return ""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return f"{''.join(parts).removeprefix('.')}: "
