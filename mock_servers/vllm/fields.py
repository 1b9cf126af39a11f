"""The fields of a request's JSON object, read as vLLM's request models read them.

They are pydantic's in its lax mode: `"3"` and `3.0` are integers, `"yes"` is true. All that is
wrong is gathered and told at once, in the words of vLLM's handler of validation errors
(vllm/entrypoints/serve/exception_handling/handlers/validation.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from mock_servers.vllm.refusals import RefusalError

T = TypeVar("T")
D = TypeVar("D")

_MOST_REPORTED = 10
_MOST_INPUT_CHARACTERS = 200
_LARGEST = float(2**63)
_WHOLE = re.compile(r"([+-]?\d+)(?:\.0*)?")
_WORDS = dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True) | dict.fromkeys(
    ("0", "off", "f", "false", "n", "no"), False
)


class WrongValueError(Exception):
    """A value that a field does not take.

    Args:
        kind: of the problem, in pydantic's words.
        message: for people.
        context: the bound that was passed, by its name.
    """

    def __init__(self, kind: str, message: str, **context: object) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.context = context


Convert = Callable[[object], T]


class Fields:
    """The fields of one object.

    Args:
        given: the object.
        at: where it stands.
        like: of the same request: what is wrong with these is told with what is wrong with those.

    Attributes:
        given: the object.
        problems: what is wrong, and where.
    """

    def __init__(
        self, given: Mapping[str, object], at: str = "body", *, like: Fields | None = None
    ) -> None:
        self.given = given
        self._at = at
        self.problems: list[tuple[str, str]] = [] if like is None else like.problems

    def read(self, name: str, convert: Convert[T], default: T) -> T:
        """Return a field that may be absent, not null; the default too if its value is wrong."""
        if name not in self.given:
            return default
        return self._converted(name, convert, default)

    def maybe(self, name: str, convert: Convert[T]) -> T | None:
        """Return a field that may be absent or null."""
        return None if self.given.get(name) is None else self._converted(name, convert, None)

    def listed(self, name: str, convert: Convert[T]) -> list[T]:
        """Return a field that is a list, or absent or null."""
        value = self.given.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.note(name, value, WrongValueError("list_type", "Input should be a valid list"))
            return []
        items = {str(place): item for place, item in enumerate(value)}
        inner = Fields(items, f"{self._at}.{name}", like=self)
        found = (inner._converted(place, convert, None) for place in items)
        return [one for one in found if one is not None]

    def inner(self, name: str) -> Fields | None:
        """Return the fields of an object in this one, None where there is none."""
        value = self.given.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.note(name, value, NO_OBJECT)
            return None
        return Fields(value, f"{self._at}.{name}", like=self)

    def note(self, name: str, value: object, wrong: WrongValueError) -> None:
        """Add a problem."""
        at = f"{self._at}.{name}" if name else self._at
        told: dict[str, object] = {
            "type": wrong.kind, "loc": at, "msg": wrong.message, "input": _summary(value),
        }  # fmt: skip
        told |= {"ctx": wrong.context} if wrong.context else {}
        self.problems.append((at, str(told)))

    def refuse(self) -> None:
        """Raise the refusal that tells of all problems, if there are any."""
        if not self.problems:
            return
        count = len(self.problems)
        label = "error" if count == 1 else "errors"
        lines = [f"  {problem}\n" for _, problem in self.problems[:_MOST_REPORTED]]
        if count > _MOST_REPORTED:
            lines.append(f"  ...and {count - _MOST_REPORTED} more {label}\n")
        message = f"{count} validation {label}:\n{''.join(lines)}"
        raise RefusalError(message, kind="Bad Request", param=self.problems[0][0])

    def _converted(self, name: str, convert: Convert[T], default: D) -> T | D:
        try:
            return convert(self.given[name])
        except WrongValueError as wrong:
            self.note(name, self.given[name], wrong)
            return default


NO_OBJECT = WrongValueError(
    "model_attributes_type",
    "Input should be a valid dictionary or object to extract fields from",
)
MISSING = WrongValueError("missing", "Field required")


def text(value: object) -> str:
    """Return a string."""
    if isinstance(value, str):
        return value
    raise WrongValueError("string_type", "Input should be a valid string")


def boolean(value: object) -> bool:
    """Return a boolean: true, 1, "yes" and the like."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int | float):
        known = _WORDS.get(value.lower() if isinstance(value, str) else f"{value:g}")
        if known is None:
            raise WrongValueError(
                "bool_parsing", "Input should be a valid boolean, unable to interpret input"
            )
        return known
    raise WrongValueError("bool_type", "Input should be a valid boolean")


def integer(value: object) -> int:
    """Return an integer: 3, 3.0, "3"."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _whole(value)
    if not isinstance(value, str):
        raise WrongValueError("int_type", "Input should be a valid integer")
    match = _WHOLE.fullmatch(value.strip())
    if match is None:
        raise WrongValueError(
            "int_parsing", "Input should be a valid integer, unable to parse string as an integer"
        )
    return int(match[1])


def bounded(least: int, most: int | None = None) -> Convert[int]:
    """Return a converter to integers of a range."""

    def convert(value: object) -> int:
        number = integer(value)
        if number < least:
            raise WrongValueError(
                "greater_than_equal",
                f"Input should be greater than or equal to {least}",
                ge=least,
            )
        if most is not None and number > most:
            raise WrongValueError(
                "less_than_equal", f"Input should be less than or equal to {most}", le=most
            )
        return number

    return convert


def number(value: object) -> float:
    """Return a number: 1, 1.5, "1.5"."""
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str):
        raise WrongValueError("float_type", "Input should be a valid number")
    try:
        return float(value)
    except ValueError:
        raise WrongValueError(
            "float_parsing", "Input should be a valid number, unable to parse string as a number"
        ) from None


def one_of(*words: str) -> Convert[str]:
    """Return a converter to some words."""
    shown = [repr(word) for word in words]
    expected = f"{', '.join(shown[:-1])} or {shown[-1]}" if shown[1:] else shown[0]

    def convert(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise WrongValueError("literal_error", f"Input should be {expected}", expected=expected)

    return convert


def _whole(value: float) -> int:
    if not math.isfinite(value):
        raise WrongValueError("finite_number", "Input should be a finite number")
    if value != int(value):
        raise WrongValueError(
            "int_from_float", "Input should be a valid integer, got a number with a fractional part"
        )
    if abs(value) >= _LARGEST:
        raise WrongValueError(
            "int_parsing_size",
            "Unable to parse input string as an integer, exceeded maximum size",
        )
    return int(value)


def _summary(value: object) -> str:
    """Return what is told of a value: little, however large it is."""
    if isinstance(value, list | dict):
        return f"<{type(value).__name__} of {len(value)} items>"
    shown = str(value)
    if len(shown) > _MOST_INPUT_CHARACTERS:
        return f"{shown[:_MOST_INPUT_CHARACTERS]}...[truncated]"
    return shown
