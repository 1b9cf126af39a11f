"""Label selectors: the text form of a scale's status and the structured form of metric selectors.

Upstream: apimachinery pkg/labels/selector.go and LabelSelectorAsSelector.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from scalecert.errors import ScaleCertError
from scalecert.hpa.arithmetic import fits_int64
from scalecert.hpa.names import is_label_value, is_qualified_name
from scalecert.hpa.types import LabelSelector

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")

_STRUCTURED_OPERATORS: Final = {
    "In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!",
}  # fmt: skip


class SelectorError(ScaleCertError):
    """A text or structure is not a label selector."""


class Requirement(msgspec.Struct, frozen=True):
    """One condition on a label.

    `operator` is one of `=`, `==`, `!=`, `in`, `notin`, `exists`, `!`, `>`, `<`.
    """

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the labels meet the condition."""
        value = labels.get(self.key)
        if self.operator == "exists":
            return value is not None
        if self.operator == "!":
            return value is None
        if self.operator in ("!=", "notin"):
            return value not in self.values
        if self.operator in (">", "<"):
            return self._compares(value)
        return value in self.values

    def _compares(self, value: str | None) -> bool:
        if value is None or not _is_int64(value):
            return False
        limit = int(self.values[0])
        return int(value) > limit if self.operator == ">" else int(value) < limit

    def __str__(self) -> str:
        if self.operator == "exists":
            return self.key
        if self.operator == "!":
            return f"!{self.key}"
        values = ",".join(sorted(self.values))
        if self.operator in ("in", "notin"):
            return f"{self.key} {self.operator} ({values})"
        return f"{self.key}{self.operator}{values}"


class Selector(msgspec.Struct, frozen=True):
    """Conditions that must all hold; with none of them, everything is selected."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the labels are selected."""
        return all(one.matches(labels) for one in self.requirements)

    def __str__(self) -> str:
        """Return the text that goes into a request."""
        return ",".join(map(str, self.requirements))


EVERYTHING: Final = Selector()


def label_selector_as_selector(selector: LabelSelector | None) -> Selector:
    """Return the structured selector as a `Selector`.

    No selector selects everything: upstream's selector for it matches nothing, but a metrics API
    only ever sees its text, which is empty.

    Raises:
        SelectorError: an unknown operator, a bad key or value.
    """
    if selector is None:
        return EVERYTHING
    found = [_requirement(key, "=", (value,)) for key, value in selector.match_labels.items()]
    for one in selector.match_expressions:
        operator = _STRUCTURED_OPERATORS.get(one.operator)
        if operator is None:
            raise SelectorError(f'"{one.operator}" is not a valid label selector operator')
        found.append(_requirement(one.key, operator, one.values))
    return _sorted_by_key(found)


@lru_cache(maxsize=256)
def parse_selector(text: str) -> Selector:
    """Parse the text form: `app=web,tier in (a, b),!canary`.

    Raises:
        SelectorError: what was found and what was expected.
    """
    return _sorted_by_key(_Parser(text).parse())


def _sorted_by_key(requirements: list[Requirement]) -> Selector:
    return Selector(tuple(sorted(requirements, key=lambda one: one.key)))


def _is_int64(text: str) -> bool:
    return len(text) <= 20 and _INTEGER.fullmatch(text) is not None and fits_int64(int(text))


def _requirement(key: str, operator: str, values: tuple[str, ...]) -> Requirement:
    if not is_qualified_name(key):
        raise SelectorError(f'key: Invalid value: "{key}": not a label key')
    problem = _problem_of_values(operator, values)
    if problem:
        raise SelectorError(f"values: Invalid value: {list(values)}: {problem}")
    for value in values:
        if not is_label_value(value):
            raise SelectorError(f'values[{key}]: Invalid value: "{value}": not a label value')
    return Requirement(key, operator, values)


def _problem_of_values(operator: str, values: tuple[str, ...]) -> str | None:
    if operator in ("in", "notin"):
        return None if values else "for 'in', 'notin' operators, values set can't be empty"
    if operator in ("exists", "!"):
        return "values set must be empty for exists and does not exist" if values else None
    if len(values) != 1:
        return "exactly one value is required"
    if operator in (">", "<") and not _is_int64(values[0]):
        return "for 'Gt', 'Lt' operators, the value must be an integer"
    return None


_BINARY_OPERATORS: Final = ("in", "notin", "=", "==", "!=", ">", "<")
_PUNCTUATION: Final = frozenset(("(", ")", ",", "!", "==", "=", ">", "<", "!=", ""))
# longest first; a run of symbols that is none of these is one bad token
_TOKEN: Final = re.compile(r"[ \t\r\n]*(==|!=|[=!(),><]|[^=!(),>< \t\r\n]+)?")


class _Parser:
    """Recursive descent over the tokens; the last token is empty."""

    def __init__(self, text: str) -> None:
        self._tokens = [match[1] or "" for match in _TOKEN.finditer(text)]
        self._tokens.append("")
        self._position = 0

    def parse(self) -> list[Requirement]:
        found: list[Requirement] = []
        while self._ahead() == "!" or self._is_word(self._ahead()):
            try:
                found.append(self._parse_requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            lexeme = self._take()
            if not lexeme:
                return found
            if lexeme != ",":
                raise SelectorError(f"found '{lexeme}', expected: ',' or 'end of string'")
            if self._ahead() != "!" and not self._is_word(self._ahead()):
                raise SelectorError(f"found '{self._ahead()}', expected: identifier after ','")
        if self._ahead():
            raise SelectorError(
                f"found '{self._ahead()}', expected: !, identifier, or 'end of string'"
            )
        return found

    @staticmethod
    def _is_word(token: str) -> bool:
        return token not in _PUNCTUATION

    def _ahead(self) -> str:
        return self._tokens[self._position]

    def _take(self) -> str:
        token = self._tokens[self._position]
        self._position = min(self._position + 1, len(self._tokens) - 1)
        return token

    def _parse_requirement(self) -> Requirement:
        absent = self._ahead() == "!"
        if absent:
            self._take()
        key = self._take()
        if not self._is_word(key):
            raise SelectorError(f"found '{key}', expected: identifier")
        if absent:  # as upstream: what follows `!key` is the caller's to judge
            return _requirement(key, "!", ())
        if self._ahead() in ("", ","):
            return _requirement(key, "exists", ())
        operator = self._take()
        if operator not in _BINARY_OPERATORS:
            raise SelectorError(f"found '{operator}', expected: {', '.join(_BINARY_OPERATORS)}")
        values = self._parse_values() if operator in ("in", "notin") else (self._parse_value(),)
        return _requirement(key, operator, values)

    def _parse_value(self) -> str:
        if self._ahead() in ("", ","):
            return ""
        lexeme = self._take()
        if not self._is_word(lexeme):
            raise SelectorError(f"found '{lexeme}', expected: identifier")
        return lexeme

    def _parse_values(self) -> tuple[str, ...]:
        lexeme = self._take()
        if lexeme != "(":
            raise SelectorError(f"found '{lexeme}' expected: '('")
        values = {self._parse_member()}
        while self._ahead() == ",":
            self._take()
            values.add(self._parse_member())
        if self._ahead() != ")":
            raise SelectorError(f"found '{self._ahead()}', expected: ',' or ')'")
        self._take()
        return tuple(sorted(values))

    def _parse_member(self) -> str:
        """Take a word, or nothing: members may be empty, as in `(a,,b)` and `()`."""
        return self._take() if self._is_word(self._ahead()) else ""
