"""Documents to typed values, and msgspec's refusals to errors that name file, line and field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from scalecert.documents.expectations import TypeInfo, allowed_words, field_names, type_at
from scalecert.documents.nodes import Document, Plain, join_path, replaced_at, value_at
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
        text = str(error)
    message, where = _split(text)
    field = _real_path(where, value, lambda part: _refusal(part, type_) == text)
    raise _translated(message, document, msgspec.inspect.type_info(type_), path, field)


def shown(value: object) -> str:
    """Return a found value for a message, shortened."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _refusal(value: Plain, type_: type) -> str:
    """Return what msgspec says against a value, empty if it is one of the type."""
    try:
        msgspec.convert(value, type_, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _split(refusal: str) -> tuple[str, str]:
    """Return what msgspec says, and the path that it says it of."""
    match = _AT.fullmatch(refusal)
    return (match[1], (match[2] or "").lstrip(".")) if match else (refusal, "")


def _translated(
    message: str, document: Document, root: TypeInfo, prefix: str, path: str
) -> UsageError:
    """Return the error about the field at `path` below `prefix`, in our words."""
    decoded = value_at(document.value, prefix)
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
    problem = _mismatch(message, value)
    unquoted = problem.endswith("expected text") and isinstance(value, bool | int | float)
    return document.error(problem, field=full, hint="put it in quotes" if unquoted else None)


def _nearest(value: Plain, words: list[str]) -> str | None:
    hint = did_you_mean(str(value), words)
    return hint if hint and hint.startswith("did you mean") else None


def _mismatch(message: str, value: Plain) -> str:
    """Return `found ..., expected ...` for a value of the wrong type or out of range."""
    if message.startswith("expected"):
        return f"found {shown(value)}, {message}"
    match = _EXPECTED.fullmatch(message)
    if match is None:
        return message if message.startswith("found") else f"found {shown(value)}: {message}"
    kinds = [_KINDS.get(kind, kind) for kind in match[1].split(" | ") if kind != "null"]
    expected = " or ".join(kinds or ["nothing"]) + (match[3] or "")
    return f"found {shown(value)}, expected {expected}"


def _real_path(path: str, value: Plain, is_refused: Callable[[Plain], bool]) -> str:
    """Return the path with the `[...]` that msgspec writes for a mapping's value filled in.

    msgspec does not say which value it was: it is the first that alone is refused as all are.
    """
    head, dots, tail = path.partition("[...]")
    inside = value_at(value, head)
    if not dots or not isinstance(inside, dict):
        return path
    for key, one in inside.items():
        alone = replaced_at(value, head, {key: one})
        if is_refused(alone):
            return _real_path(join_path(head, key) + tail, alone, is_refused)
    return head
