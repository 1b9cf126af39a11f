"""Documents to typed values, and msgspec's refusals to errors that name file, line and field."""

from __future__ import annotations

import json
import re
from typing import TypeVar

import msgspec

from scalecert.documents.expectations import TypeInfo, allowed_words, field_names, type_at
from scalecert.documents.nodes import Document, Plain, join_path, value_at
from scalecert.documents.suggestions import did_you_mean
from scalecert.errors import UsageError
from scalecert.scalars import decode_hook

T = TypeVar("T")

_AT = re.compile(r"(.*?)(?: - at `(?:key in )?\$(.*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_EXPECTED = re.compile(r"Expected `([^`]*)`(?:, got `(.*)`|(.*))")
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_LONGEST = 60


def decode(document: Document, type_: type[T], *, path: str = "") -> T:
    """Return a document, or the part of it at `path`, as a value of `type_`.

    Nothing is coerced: text is no number and a float no integer.

    Args:
        document: what was read.
        type_: a msgspec Struct or any type that msgspec converts to.
        path: the part to convert, `spec.template`; the whole document if empty.

    Raises:
        UsageError: for the first field that does not fit.
    """
    value = value_at(document.value, path)
    try:
        return msgspec.convert(value, type_, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        raise _translated(str(error), document, msgspec.inspect.type_info(type_), path) from None


def shown(value: object) -> str:
    """Return a found value for a message, shortened."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _translated(text: str, document: Document, root: TypeInfo, prefix: str) -> UsageError:
    match = _AT.fullmatch(text)
    message, where = (match[1], match[2] or "") if match else (text, "")
    decoded = value_at(document.value, prefix)
    path = _real_path(where.lstrip("."), decoded, message)
    expected = type_at(root, decoded, path)
    full = f"{prefix}.{path}".strip(".") if not path.startswith("[") else prefix + path
    if unknown := _UNKNOWN.fullmatch(message):
        hint = did_you_mean(unknown[1], field_names(expected))
        field = join_path(full, unknown[1])
        return document.error("found an unknown field", field=field, hint=hint)
    if missing := _MISSING.fullmatch(message):
        field = join_path(full, missing[1])
        return document.error("found nothing, expected this field", field=field)
    value = value_at(decoded, path)
    words = allowed_words(expected)
    if message.startswith("Invalid") and words:
        problem = f"found {shown(value)}, expected one of {', '.join(words)}"
        return document.error(problem, field=full, hint=_nearest(value, words))
    return document.error(_mismatch(message, value), field=full)


def _nearest(value: Plain, words: list[str]) -> str | None:
    hint = did_you_mean(str(value), words)
    return hint if hint and hint.startswith("did you mean") else None


def _mismatch(message: str, value: Plain) -> str:
    """Return `found ..., expected ...` for a value of the wrong type or out of range."""
    match = _EXPECTED.fullmatch(message)
    if match is None:
        return message if message.startswith("found") else f"found {shown(value)}: {message}"
    kinds = [_KINDS.get(kind, kind) for kind in match[1].split(" | ") if kind != "null"]
    expected = " or ".join(kinds or ["nothing"]) + (match[3] or "")
    return f"found {shown(value)}, expected {expected}"


def _real_path(path: str, value: Plain, message: str) -> str:
    """Return the path with the `[...]` that msgspec writes for a mapping's value filled in.

    msgspec does not say which value it was: it is the first that the message is true of.
    """
    head, dots, tail = path.partition("[...]")
    inside = value_at(value, head)
    if not dots or not isinstance(inside, dict):
        return path
    for key in inside:
        candidate = _real_path(join_path(head, key) + tail, value, message)
        if _is_true_of(message, value_at(value, candidate)):
            return candidate
    return head


def _is_true_of(message: str, value: Plain) -> bool:
    if unknown := _UNKNOWN.fullmatch(message):
        return isinstance(value, dict) and unknown[1] in value
    if missing := _MISSING.fullmatch(message):
        return isinstance(value, dict) and missing[1] not in value
    expected = _EXPECTED.fullmatch(message)
    return expected is None or expected[2] is None or _kind(value) == expected[2]


def _kind(value: Plain) -> str:
    """Return msgspec's word for the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return "object" if isinstance(value, dict) else "array"
    return type(value).__name__
