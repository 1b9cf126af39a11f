"""The part of Go's text/template that prometheus-adapter's queries use, between `<<` and `>>`.

An action is a field (`.Series`), a key of a mapping (`.LabelValuesByName.namespace` or
`index .LabelValuesByName "namespace"`) or an item of a list (`index .GroupBySlice 0`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = str | Mapping[str, str] | Sequence[str]

_ACTION = re.compile(r"<<(-\s)?\s*(.*?)\s*(\s-)?>>", re.DOTALL)
_FIELD = re.compile(r"\.(\w+)(?:\.(\w+))?")
_INDEX = re.compile(r"index\s+\.(\w+)\s+(?:\"([^\"]*)\"|(\d+))")


@dataclass(frozen=True, slots=True)
class _Action:
    field: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template."""

    parts: tuple[str | _Action, ...]

    @classmethod
    def parse(cls, text: str, fields: Sequence[str]) -> Template:
        """Return the template that `text` writes.

        Args:
            text: the template.
            fields: the fields that its actions may use.

        Raises:
            ValueError: for an action outside of the subset.
        """
        parts: list[str | _Action] = []
        position = 0
        for match in _ACTION.finditer(text):
            parts += [text[position : match.start()], _action(match[2], fields)]
            position = match.end()
        return cls((*parts, text[position:]))

    def render(self, values: Mapping[str, Value]) -> str:
        """Return the text with every action's value put in; a missing key or item is empty."""
        return "".join(
            part if isinstance(part, str) else _value(part, values) for part in self.parts
        )


def _action(text: str, fields: Sequence[str]) -> _Action:
    match = _FIELD.fullmatch(text) or _INDEX.fullmatch(text)
    if match is None or match[1] not in fields:
        shown = ", ".join(f"<<.{field}>>" for field in fields)
        raise ValueError(f"found the template action <<{text}>>, expected one of {shown}")
    return _Action(match[1], next((key for key in match.groups()[1:] if key is not None), None))


def _value(action: _Action, values: Mapping[str, Value]) -> str:
    value = values[action.field]
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return value.get(action.key or "", "")
    index = int(action.key or 0)
    return value[index] if index < len(value) else ""
