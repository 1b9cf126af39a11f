"""What FastAPI and pydantic say of a request's body, as far as JetStream's two HTTP servers use it.

Values are taken leniently, as pydantic does unless told otherwise: `"3"` and `3.0` are integers,
`"yes"` is a truth value. All that is wrong with a body is said at once, field by field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from types import MappingProxyType
from typing import Any

Location = tuple[str | int, ...]
_BODY: Location = ("body",)

_INTEGER = re.compile(r"[+-]?[0-9]+(_[0-9]+)*(\.0+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_DIGITS = 4300
_LARGEST = 2**63 - 1
_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE = frozenset({"0", "off", "f", "false", "n", "no"})


@dataclass(slots=True)
class Problems:
    """What is wrong with one body."""

    found: list[dict[str, object]] = field(default_factory=list)

    def add(self, kind: str, where: Location, message: str, given: object) -> None:
        """Note one problem."""
        self.found.append({"type": kind, "loc": where, "msg": message, "input": given})

    def as_json(self) -> bytes:
        """Return the body of a 422.

        Raises:
            ValueError: if it can't be written: a part of the input that it repeats is no JSON.
        """
        detail = {"detail": self.found}
        text = json.dumps(detail, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()


class UnreadableError(Exception):
    """A body that is not even an invalid one: HTTP 400."""


class UnprocessableError(Exception):
    """A body that does not fit; `problems` says why."""

    def __init__(self, problems: Problems) -> None:
        super().__init__()
        self.problems = problems


Check = Callable[[object, Location, Problems], object]
"""Returns the value as the server has it; notes what is wrong with it."""


Values = Mapping[str, Any]
"""Checked values of fields, by name: what their checks return."""


@dataclass(frozen=True, slots=True)
class Model:
    """A JSON object with known fields.

    Attributes:
        fields: how each is checked.
        defaults: of those that may be left out.
        closed: whether other fields are forbidden; else they are ignored.
    """

    fields: Mapping[str, Check]
    defaults: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    closed: bool = False

    def __call__(self, given: object, where: Location, problems: Problems) -> Values:
        """Return the fields' values."""
        if not isinstance(given, dict):
            text = "Input should be a valid dictionary or object to extract fields from"
            problems.add("model_attributes_type", where, text, given)
            return {}
        values: dict[str, Any] = dict(self.defaults)
        for name, check in self.fields.items():
            if name in given:
                values[name] = check(given[name], (*where, name), problems)
            elif name not in self.defaults:
                problems.add("missing", (*where, name), "Field required", given)
        for name in given if self.closed else ():
            if name not in self.fields:
                text = "Extra inputs are not permitted"
                problems.add("extra_forbidden", (*where, name), text, given[name])
        return values


def read(model: Model, body: bytes, content_type: str) -> Values:
    """Return the fields of a body.

    Raises:
        UnprocessableError: if it does not fit.
        UnreadableError: if that can't be told.
    """
    problems = Problems()
    values: Values = {}
    if not body:
        problems.add("missing", _BODY, "Field required", None)
    elif (given := _decoded(body, content_type, problems)) is not problems:
        values = model(given, _BODY, problems)
    if problems.found:
        raise UnprocessableError(problems)
    return values


def _decoded(body: bytes, content_type: str, problems: Problems) -> object:
    """Return what a body is; `problems` if that is not known, and why is in there."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not _is_of_json(kind):
        return body.decode(errors="replace")
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        problems.add("json_invalid", (*_BODY, error.pos), "JSON decode error", {})
        problems.found[-1]["ctx"] = {"error": error.msg}
        return problems
    except (ValueError, RecursionError) as error:
        raise UnreadableError from error


def _is_of_json(kind: str) -> bool:
    return kind.startswith("application/") and kind.endswith("+json")


def integer(given: object, where: Location, problems: Problems) -> object:
    """Check an integer."""
    if isinstance(given, int):
        return int(given)
    kind, message = "int_type", "Input should be a valid integer"
    if isinstance(given, float):
        if not isfinite(given):
            kind, message = "finite_number", "Input should be a finite number"
        elif not given.is_integer():
            kind = "int_from_float"
            message += ", got a number with a fractional part"
        elif abs(given) > _LARGEST:
            kind, message = _TOO_MANY_DIGITS
        else:
            return int(given)
    elif isinstance(given, str):
        written = given.strip().partition(".")[0]
        if not _INTEGER.fullmatch(given.strip()):
            kind = "int_parsing"
            message += ", unable to parse string as an integer"
        elif len(written) > _MOST_DIGITS:
            kind, message = _TOO_MANY_DIGITS
        else:
            return int(written)
    problems.add(kind, where, message, given)
    return 0


_TOO_MANY_DIGITS = (
    "int_parsing_size",
    "Unable to parse input string as an integer, exceeded maximum size",
)


def number(given: object, where: Location, problems: Problems) -> object:
    """Check a number."""
    text = "Input should be a valid number"
    if isinstance(given, int | float):
        return float(given)
    if not isinstance(given, str):
        problems.add("float_type", where, text, given)
        return given
    try:
        return float(given.strip().encode("ascii"))
    except ValueError:
        more = ", unable to parse string as a number"
        problems.add("float_parsing", where, text + more, given)
        return given


def string(given: object, where: Location, problems: Problems) -> object:
    """Check a string."""
    text = "Input should be a valid string"
    if not isinstance(given, str):
        problems.add("string_type", where, text, given)
    elif _SURROGATE.search(given):
        more = ", unable to parse raw data as a unicode string"
        problems.add("string_unicode", where, text + more, given)
    return given


def boolean(given: object, where: Location, problems: Problems) -> object:
    """Check a truth value."""
    text = "Input should be a valid boolean"
    word = str(given).lower()
    if isinstance(given, bool) or given in (0.0, 1.0):
        return bool(given)
    if isinstance(given, str) and word in _TRUE | _FALSE:
        return word in _TRUE
    if isinstance(given, str) or _is_whole(given):
        problems.add("bool_parsing", where, f"{text}, unable to interpret input", given)
    else:
        problems.add("bool_type", where, text, given)
    return False


def _is_whole(given: object) -> bool:
    """Tell whether a number is an integer, and not too large for one of 64 bits."""
    return isinstance(given, int | float) and abs(given) <= _LARGEST and given == int(given)


def integers(given: object, where: Location, problems: Problems) -> object:
    """Check a list of integers."""
    if not isinstance(given, list):
        problems.add("list_type", where, "Input should be a valid list", given)
        return given
    return tuple(integer(one, (*where, place), problems) for place, one in enumerate(given))


def optional(check: Check) -> Check:
    """Return a check that lets null pass."""

    def checked(given: object, where: Location, problems: Problems) -> object:
        return None if given is None else check(given, where, problems)

    return checked
