"""Bytes to documents, within limits: the only place that parses YAML and JSON.

The event stream of PyYAML is composed here rather than by its composer, so that depth, aliases,
duplicate keys and the number of nodes are checked before anything is built from them. JSON is
read by the same way, as the subset of YAML that it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import yaml

from scalecert.documents.composing import Composer
from scalecert.documents.nodes import Document, Node
from scalecert.errors import UsageError

MAX_BYTES = 4 * 1024 * 1024
_GAP = re.compile(r"\s*(?=\S)")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_documents(path: str | Path, sets: Mapping[str, str] | None = None) -> tuple[Document, ...]:
    """Read every document of one file; lists of Kubernetes objects are flattened.

    Args:
        path: the file.
        sets: values of placeholders, by name.

    Raises:
        UsageError: if the file can't be read or is not YAML within the limits.
    """
    try:
        with Path(path).open("rb") as stream:
            return read_stream(stream, str(path), sets)
    except OSError as error:
        reason = (error.strerror or "can't be read").lower()
        raise UsageError(f"{reason}, expected a file that can be read", file=str(path)) from error


def read_stream(
    stream: BinaryIO, name: str, sets: Mapping[str, str] | None = None
) -> tuple[Document, ...]:
    """Read every document of an open stream; `name` is what messages call it."""
    return parse_documents(stream.read(MAX_BYTES + 1), name, sets)


def parse_documents(
    data: bytes, name: str, sets: Mapping[str, str] | None = None
) -> tuple[Document, ...]:
    """Return the documents in `data`, without the empty ones between `---`.

    Raises:
        UsageError: if `data` is not UTF-8, not YAML, or beyond a limit.
    """
    if len(data) > MAX_BYTES:
        raise UsageError(f"found more than {MAX_BYTES >> 20} MiB, expected manifests", file=name)
    text = _yaml_of_json(_decoded(data, name))
    composer = Composer(name, sets or {})
    try:
        nodes = composer.documents(yaml.parse(text, Loader=_LOADER))
    except (yaml.YAMLError, UsageError) as error:
        raise _explained(error, text, name) from error
    return tuple(
        Document(name, item, composer.substituted) for node in nodes for item in _items(node)
    )


def _decoded(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"found the byte 0x{data[error.start]:02x} at offset {error.start}, expected UTF-8",
            file=name,
            line=data.count(b"\n", 0, error.start) + 1,
            hint="save the file as UTF-8",
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UsageError("found a binary file, expected YAML or JSON", file=name, line=line)
    return text


def _yaml_of_json(text: str) -> str:
    """Return JSON as YAML has it, on the same lines; other text as it is.

    YAML knows no tabs, and JSON has them only between values. A stream of values (`jq` prints
    one) becomes documents.
    """
    if not text.lstrip().startswith(("{", "[")):
        return text
    read, parts, end = json.JSONDecoder().raw_decode, [], 0
    try:
        while match := _GAP.match(text, end):
            _, end = read(text, match.end())
            parts += [match[0], text[match.end() : end]]
    except (ValueError, RecursionError):
        return text
    for index in range(2, len(parts), 2):
        gap = parts[index] if "\n" in parts[index] else "\n"
        parts[index] = gap.replace("\n", "\n--- ", 1)
    return "".join(parts).replace("\t", " ")


def _items(node: Node) -> list[Node]:
    """Return the objects of a Kubernetes list (`kind: List`, `kind: PodList`), else the node.

    Lists in lists too, as kubectl flattens them.
    """
    fields = node.value
    if not isinstance(fields, dict) or "kind" not in fields or "items" not in fields:
        return [node]
    kind, items = fields["kind"].value, fields["items"].value
    if not isinstance(kind, str) or not kind.endswith("List") or not isinstance(items, list):
        return [node]
    found = [_with_kind(item, fields, kind.removesuffix("List")) for item in items]
    return [one for item in found for one in _items(item)]


def _with_kind(item: Node, parent: Mapping[str, Node], kind: str) -> Node:
    """Return an item of a typed list; the API server leaves kind and apiVersion to the list."""
    if not kind or not isinstance(item.value, dict) or "kind" in item.value:
        return item
    added = {"kind": Node(kind, item.line)}
    if "apiVersion" in parent:
        added["apiVersion"] = parent["apiVersion"]
    lines = dict.fromkeys(added, item.line)
    return Node(added | item.value, item.line, item.size + 2, lines | item.key_lines)


def _explained(error: yaml.YAMLError | UsageError, text: str, name: str) -> UsageError:
    """Return the one-line error of a text that does not parse."""
    if isinstance(error, UsageError):
        problem, line = error.problem, error.line or 1
    else:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else _line_of_character(error, text)
        line = min(line, len(text.splitlines()) or 1)
        detail = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        problem = f"not YAML: {detail}"
    template = _template_line(text, line)
    if template is None:
        hint = error.hint if isinstance(error, UsageError) else None
        return UsageError(problem, file=name, line=line, hint=hint)
    return UsageError(
        "found an unrendered template {{ }}, expected manifests",
        file=name,
        line=template,
        hint=TEMPLATE_HINT,
    )


TEMPLATE_HINT = "render it first: helm template CHART | scalecert certify - ..."


def _line_of_character(error: yaml.YAMLError, text: str) -> int:
    position = getattr(error, "position", None)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else 1


def _template_line(text: str, error_line: int) -> int | None:
    """Return the line of the `{{` that explains an error: on its line, or a statement before."""
    lines = text.splitlines()
    if error_line <= len(lines) and "{{" in lines[error_line - 1]:
        return error_line
    before = enumerate(lines[:error_line], start=1)
    return next((number for number, line in before if line.lstrip().startswith("{{")), None)
