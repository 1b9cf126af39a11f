"""YAML events to nodes, with the limits that keep hostile input small.

Depth is checked before a level is entered (so recursion is bounded by it), and an alias counts
with all nodes that it stands for (so an alias bomb is refused when it is met).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from scalecert.documents.nodes import Node
from scalecert.documents.placeholders import substitute
from scalecert.documents.yaml_scalars import YamlScalar, resolve_plain, resolve_tagged
from scalecert.errors import UsageError

MAX_DEPTH = 100
MAX_NODES = 500_000

_COLLECTION_TAGS = frozenset({None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


class Composer:
    """Composes the documents of one stream; `substituted` gathers placeholder names."""

    def __init__(self, file: str, sets: Mapping[str, str]) -> None:
        self._file, self._sets = file, sets
        self._anchors: dict[str, Node] = {}
        self._nodes = 0
        self.substituted: frozenset[str] = frozenset()

    def documents(self, events: Iterator[yaml.Event]) -> list[Node]:
        """Return the root node of every document that has content.

        Raises:
            UsageError: for what the limits refuse.
            yaml.YAMLError: from the parser behind `events`.
        """
        roots = []
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                root = self._node(next(events), events, 0)
                if root.value is not None:
                    roots.append(root)
        return roots

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._refusal(event, f"found nesting deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._count(event, 1)
        if isinstance(event, yaml.ScalarEvent):
            return self._anchored(event, Node(self._scalar(event), _line(event)))
        if isinstance(event, yaml.CollectionStartEvent):
            return self._anchored(event, self._collection(event, events, depth))
        raise self._refusal(event, "found no value")

    def _anchored(self, event: yaml.NodeEvent, node: Node) -> Node:
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent) -> Node:
        node = self._anchors.get(str(event.anchor))
        if node is None:
            raise self._refusal(
                event, f"found the alias *{event.anchor}, expected its anchor before it"
            )
        self._count(event, node.size)
        return node

    def _collection(
        self, event: yaml.CollectionStartEvent, events: Iterator[yaml.Event], depth: int
    ) -> Node:
        if event.tag not in _COLLECTION_TAGS:
            raise self._refusal(event, f"found the tag {event.tag}, expected plain data")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, events, depth)
        return self._mapping(event, events, depth)

    def _scalar(self, event: yaml.ScalarEvent) -> YamlScalar:
        text, used = substitute(event.value, self._sets)
        self.substituted |= used
        try:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16")  # JSON's escaped pairs
            if event.tag not in (None, "!"):
                return resolve_tagged(text, event.tag)
            return resolve_plain(text) if event.implicit[0] else text
        except UnicodeDecodeError as error:
            problem = "found half of a surrogate pair, expected Unicode text"
            raise self._refusal(event, problem) from error
        except ValueError as error:
            raise self._refusal(event, str(error)) from error

    def _sequence(self, start: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, depth + 1))
        return Node(items, _line(start), 1 + sum(item.size for item in items))

    def _mapping(self, start: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        fields: dict[str, Node] = {}
        lines: dict[str, int] = {}
        merged: list[Node] = []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key, is_merge = self._key(event, lines)
            value = self._node(next(events), events, depth + 1)
            if is_merge:
                merged += self._merge_sources(event, value)
            else:
                fields[key], lines[key] = value, _line(event)
        for source in merged:
            _fill_in(fields, lines, source)
        return Node(fields, _line(start), 1 + sum(item.size for item in fields.values()), lines)

    def _key(self, event: yaml.Event, lines: Mapping[str, int]) -> tuple[str, bool]:
        """Return a key's text, and whether it is the merge key `<<`."""
        if not isinstance(event, yaml.ScalarEvent):
            raise self._refusal(event, "found a collection as a key, expected a name")
        key = str(event.value)
        if key in lines:
            raise self._refusal(event, f"found the key {key!r} twice, first on line {lines[key]}")
        return key, key == "<<" and event.implicit[0]

    def _merge_sources(self, event: yaml.Event, value: Node) -> list[Node]:
        sources = value.value if isinstance(value.value, list) else [value]
        if not all(isinstance(source.value, dict) for source in sources):
            raise self._refusal(event, "found << on something else, expected a mapping to merge")
        return sources

    def _count(self, event: yaml.Event, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self._refusal(
                event, f"found more than {MAX_NODES} values after expanding aliases"
            )

    def _refusal(self, event: yaml.Event, problem: str) -> UsageError:
        return UsageError(problem, file=self._file, line=_line(event))


def _fill_in(fields: dict[str, Node], lines: dict[str, int], source: Node) -> None:
    """Add the fields of a merged mapping that the mapping lacks."""
    if isinstance(source.value, dict):
        for key, node in source.value.items():
            if key not in fields:
                fields[key], lines[key] = node, source.key_lines[key]


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark else 1
