"""The parsed document: plain values beside the line that each field stands on.

A field's path is written as in Kubernetes messages: `spec.metrics[0].pods`, and a key that has
dots itself in brackets: `metadata.annotations[scalecert.dev/objective]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from scalecert.documents.yaml_scalars import YamlScalar
from scalecert.errors import UsageError

Plain: TypeAlias = "dict[str, Plain] | list[Plain] | YamlScalar"
"""A document in dicts, lists and scalars."""

_STEP = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")


@dataclass(slots=True)
class Node:
    """One YAML node; `size` counts the nodes under it, aliases expanded.

    `key_lines` has, for a mapping, the line of each key. `line` is 1-based.
    """

    value: YamlScalar | dict[str, Node] | list[Node]
    line: int
    size: int = 1
    key_lines: dict[str, int] = field(default_factory=dict)

    def plain(self) -> Plain:
        """Return the value in dicts, lists and scalars.

        A field that is null is absent, as it is to the Kubernetes API.
        """
        if isinstance(self.value, dict):
            return {k: child.plain() for k, child in self.value.items() if child.value is not None}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def child(self, step: str) -> tuple[Node, int] | None:
        """Return the child at one step of a path, and the line of its key or its own."""
        if isinstance(self.value, dict) and step in self.value:
            return self.value[step], self.key_lines[step]
        if isinstance(self.value, list) and step.isdecimal() and int(step) < len(self.value):
            item = self.value[int(step)]
            return item, item.line
        return None


@dataclass(frozen=True)
class Document:
    """One document of a file: where it is, and what it says.

    Attributes:
        file: the file as the user named it; `stdin` for standard input.
        root: its nodes, with lines.
        substituted: names of the `--set` placeholders that were filled in.
    """

    file: str
    root: Node
    substituted: frozenset[str] = frozenset()

    @cached_property
    def value(self) -> Plain:
        """The document in plain dicts, lists and scalars; not to be changed."""
        return self.root.plain()

    @property
    def line(self) -> int:
        """The document's first line, 1-based."""
        return self.root.line

    def line_of(self, path: str) -> int:
        """Return the line of a field, or of the nearest field around it that is there."""
        node, line = self.root, self.root.line
        for step in split_path(path):
            found = node.child(step)
            if found is None:
                break
            node, line = found
        return line

    def get_text(self, path: str) -> str:
        """Return the text at a path; empty if there is none."""
        value = value_at(self.value, path)
        return value if isinstance(value, str) else ""

    def get_texts(self, path: str) -> dict[str, str]:
        """Return the texts in the mapping at a path, by key; empty if there is none."""
        value = value_at(self.value, path)
        fields = value.items() if isinstance(value, dict) else ()
        return {key: text for key, text in fields if isinstance(text, str)}

    def error(self, problem: str, *, field: str = "", hint: str | None = None) -> UsageError:
        """Return the error about one field of this document, for the caller to raise."""
        return UsageError(
            problem, file=self.file, line=self.line_of(field), field=field or None, hint=hint
        )

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield (path, text) of every text scalar, in the order of the file."""
        yield from _texts(self.root, "")


def split_path(path: str) -> list[str]:
    """Return the steps of a path: `a[0].b[c.d]` is `a`, `0`, `b`, `c.d`."""
    return [bracketed or name for bracketed, name in _STEP.findall(path)]


def join_path(parent: str, step: str | int) -> str:
    """Return the path of a child."""
    if isinstance(step, int) or not re.fullmatch(r"[\w-]+", step):
        return f"{parent}[{step}]"
    return f"{parent}.{step}" if parent else step


def value_at(value: Plain, path: str) -> Plain:
    """Return the part of plain data at a path, None where there is none."""
    for step in split_path(path):
        value = part(value, step)
    return value


def replaced_at(value: Plain, path: str, new: Plain) -> Plain:
    """Return plain data with another part at a path that it has; the rest is shared."""
    return _replaced(value, split_path(path), new)


def _replaced(value: Plain, steps: list[str], new: Plain) -> Plain:
    if not steps:
        return new
    step, *below = steps
    if isinstance(value, dict):
        return {**value, step: _replaced(value[step], below, new)}
    if isinstance(value, list):
        return [
            _replaced(one, below, new) if i == int(step) else one for i, one in enumerate(value)
        ]
    return value


def part(value: Plain, step: str) -> Plain:
    """Return the child of plain data at one step of a path, None where there is none."""
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return None


def _texts(node: Node, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from _texts(child, join_path(path, key))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield from _texts(child, join_path(path, index))
    elif isinstance(node.value, str):
        yield path, node.value
