"""Misspelt fields in documents that are read in part: `replica` for `replicas`.

Kubernetes objects have many more fields than ScaleCert reads, so an unknown field is no error;
one that is nearly the name of a field that is read, and missing, is.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import inspect

from scalecert.documents.expectations import TypeInfo, children
from scalecert.documents.nodes import Document, Plain, join_path
from scalecert.documents.suggestions import closest

_CUTOFF = 0.85
"""Above the likeness of any two real field names of one Kubernetes object that we read."""


def check_spelling(document: Document, type_: type) -> None:
    """Look for misspelt fields of `type_`, at any depth.

    Raises:
        UsageError: for the first field that is nearly one that `type_` has and the document lacks.
    """
    for path, name, meant in _misspelt(inspect.type_info(type_), document.value, ""):
        raise document.error(
            "found an unknown field", field=join_path(path, name), hint=f"did you mean {meant}?"
        )


def _misspelt(expected: TypeInfo, value: Plain, path: str) -> Iterator[tuple[str, str, str]]:
    """Yield (path, found name, meant name) of every misspelt field."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            for option in children(expected, value, str(index)):
                yield from _misspelt(option, item, join_path(path, index))
    elif isinstance(value, dict):
        yield from _misspelt_here(expected, value, path)
        for key, item in value.items():
            for option in children(expected, value, key):
                yield from _misspelt(option, item, join_path(path, key))


def _misspelt_here(
    expected: TypeInfo, value: dict[str, Plain], path: str
) -> Iterator[tuple[str, str, str]]:
    if isinstance(expected, inspect.StructType):
        names = {field.encode_name for field in expected.fields}
        for key in value.keys() - names:
            meant = closest(key, names - value.keys(), cutoff=_CUTOFF)
            if meant is not None:
                yield path, key, meant
