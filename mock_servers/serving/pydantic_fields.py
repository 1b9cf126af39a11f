"""A request's JSON object, read field by field as pydantic reads it in its lax mode.

`"3"` and `3.0` are integers, `"yes"` is true. What is wrong is noted, field by field and in
pydantic's words, so that all of it can be told at once; how it is told is the dialect's. Rules and
words are those of pydantic 2.14, which the tests ask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TypeVar

T = TypeVar("T")
D = TypeVar("D")

Convert = Callable[[object], T]
"""Returns the value as a field has it; raises `WrongValueError` if it has no such value."""
Place = tuple[str | int, ...]
"""Where a value stands: names of fields, places in lists."""

_INTEGER = re.compile(r"([+-]?[0-9]+(?:_[0-9]+)*)(?:\.0+)?")
_MOST_DIGITS = 4300
_MOST_PROBLEMS = 1000
"""After which no more are looked for: pydantic would tell of a million."""
_LARGEST = 2**63 - 1
_WORDS = dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True) | dict.fromkeys(
    ("0", "off", "f", "false", "n", "no"), False
)


class WrongValueError(Exception):
    """A value that a field does not take.

    Args:
        kind: of the problem, in pydantic's words.
        message: for people.
        context: what is said of the problem beside, by name.
    """

    def __init__(self, kind: str, message: str, **context: object) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.context = context


MISSING = WrongValueError("missing", "Field required")
NO_OBJECT = WrongValueError(
    "model_attributes_type",
    "Input should be a valid dictionary or object to extract fields from",
)
NO_LIST = WrongValueError("list_type", "Input should be a valid list")
NO_TEXT = WrongValueError("string_type", "Input should be a valid string")
_NO_NUMBER = WrongValueError("float_type", "Input should be a valid number")
_EXTRA = WrongValueError("extra_forbidden", "Extra inputs are not permitted")
_TOO_LONG = WrongValueError(
    "int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a body: what, where, and what stands there."""

    wrong: WrongValueError
    place: Place
    given: object

    def told(self, place: object, given: object) -> dict[str, object]:
        """Return it as FastAPI tells of it, of place and value what the dialect shows."""
        wrong = self.wrong
        said = {"type": wrong.kind, "loc": place, "msg": wrong.message, "input": given}
        return said | ({"ctx": wrong.context} if wrong.context else {})


class Fields:
    """The fields of one object.

    Args:
        given: the object.
        at: where it stands.
        problems: of the whole body; one's own if there is no more of it.

    Attributes:
        given: the object.
        problems: what is wrong, in the order in which it was read.
    """

    def __init__(
        self,
        given: Mapping[str, object],
        at: Place = ("body",),
        problems: list[Problem] | None = None,
    ) -> None:
        self.given = given
        self._at = at
        self.problems: list[Problem] = [] if problems is None else problems

    @classmethod
    def of_body(cls, value: object) -> Fields:
        """Return the fields of a whole body; none, and why, if it is no object."""
        if isinstance(value, dict):
            return cls(value)
        fields = cls({})
        fields.note(value, MISSING if value is None else NO_OBJECT)
        return fields

    @property
    def full(self) -> bool:
        """Whether so much is wrong that the rest of a list need not be read."""
        return len(self.problems) >= _MOST_PROBLEMS

    def read(self, name: str, convert: Convert[T], default: D) -> T | D:
        """Return a field that may be absent, not null; the default too if its value is wrong."""
        if name not in self.given:
            return default
        return self._converted(convert, default, self.given[name], name)

    def maybe(self, name: str, convert: Convert[T]) -> T | None:
        """Return a field that may be absent or null."""
        value = self.given.get(name)
        return None if value is None else self._converted(convert, None, value, name)

    def required(self, name: str, convert: Convert[T], default: T) -> T:
        """Return a field that has to be there; the default if it is not, or is wrong."""
        if name not in self.given:
            self.note(self.given, MISSING, name)
        return self.read(name, convert, default)

    def listed(self, name: str, convert: Convert[T], *, required: bool = False) -> list[T]:
        """Return a field that is a list, without what is wrong in it.

        Unless it is `required` it may be absent or null.
        """
        value = self.given.get(name)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            absent = name not in self.given
            self.note(self.given if absent else value, MISSING if absent else NO_LIST, name)
            return []
        found: list[T] = []
        for place, one in enumerate(value):
            if self.full:
                break
            if (item := self._converted(convert, None, one, name, place)) is not None:
                found.append(item)
        return found

    def inner(self, name: str) -> Fields | None:
        """Return the fields of an object in this one, None where there is none."""
        value = self.given.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.note(value, NO_OBJECT, name)
            return None
        return Fields(value, (*self._at, name), self.problems)

    def forbid_others(self, *names: str) -> None:
        """Note every field that has none of these names."""
        for name, value in self.given.items():
            if self.full:
                return
            if name not in names:
                self.note(value, _EXTRA, name)

    def note(self, value: object, wrong: WrongValueError, *at: str | int) -> None:
        """Add a problem of a value, whose place is `at` from here."""
        self.problems.append(Problem(wrong, (*self._at, *at), value))

    def _converted(self, convert: Convert[T], default: D, value: object, *at: str | int) -> T | D:
        try:
            return convert(value)
        except WrongValueError as wrong:
            self.note(value, wrong, *at)
            return default


def text(value: object) -> str:
    """Return a string."""
    if isinstance(value, str):
        return value
    raise NO_TEXT


def boolean(value: object) -> bool:
    """Return a boolean: true, 1, "yes" and the like."""
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    if isinstance(value, str) and (known := _WORDS.get(value.lower())) is not None:
        return known
    if isinstance(value, str) or _is_whole(value):
        raise WrongValueError(
            "bool_parsing", "Input should be a valid boolean, unable to interpret input"
        )
    raise WrongValueError("bool_type", "Input should be a valid boolean")


def integer(value: object) -> int:
    """Return an integer: 3, 3.0, "3"."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _whole(value)
    if not isinstance(value, str):
        raise WrongValueError("int_type", "Input should be a valid integer")
    match = _INTEGER.fullmatch(value.strip())
    if match is None:
        raise WrongValueError(
            "int_parsing", "Input should be a valid integer, unable to parse string as an integer"
        )
    if len(match[1]) > _MOST_DIGITS:
        raise _TOO_LONG
    return int(match[1])


def bounded(least: int, most: int | None = None) -> Convert[int]:
    """Return a converter to integers of a range."""

    def convert(value: object) -> int:
        number = integer(value)
        if number < least:
            raise WrongValueError(
                "greater_than_equal", f"Input should be greater than or equal to {least}", ge=least
            )
        if most is not None and number > most:
            raise WrongValueError(
                "less_than_equal", f"Input should be less than or equal to {most}", le=most
            )
        return number

    return convert


def number(value: object) -> float:
    """Return a number: 1, 1.5, "1.5"."""
    if isinstance(value, float):
        return value
    if not isinstance(value, int | str):
        raise _NO_NUMBER
    try:
        return float(value if isinstance(value, int) else value.strip().encode("ascii"))
    except OverflowError:
        raise _NO_NUMBER from None
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


def optional(convert: Convert[T]) -> Convert[T | None]:
    """Return a converter that lets null pass."""
    return lambda value: None if value is None else convert(value)


def _is_whole(value: object) -> bool:
    """Tell whether a value is a whole number of at most 64 bits."""
    return isinstance(value, int | float) and abs(value) <= _LARGEST and value == int(value)


def _whole(value: float) -> int:
    if not isfinite(value):
        raise WrongValueError("finite_number", "Input should be a finite number")
    if not value.is_integer():
        raise WrongValueError(
            "int_from_float", "Input should be a valid integer, got a number with a fractional part"
        )
    if abs(value) > _LARGEST:
        raise _TOO_LONG
    return int(value)
