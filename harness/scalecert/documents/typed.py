"""Files of our own kinds (`apiVersion: scalecert.dev/v1`): what their types share, and reading."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec

from scalecert.documents.decoding import decode, shown
from scalecert.documents.nodes import Document
from scalecert.documents.reading import read_documents
from scalecert.documents.suggestions import closest
from scalecert.errors import UsageError

ApiVersion: TypeAlias = Literal["scalecert.dev/v1"]
API_VERSION: Final = "scalecert.dev/v1"

T = TypeVar("T")


class DocumentPart(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Base of what documents are read as: camelCase names, unknown fields refused."""


def require(condition: bool, problem: str) -> None:
    """Refuse a document's part from its `__post_init__`, unless `condition` holds.

    Raises:
        ValueError: which reading turns into the error of the field, with file and line.
    """
    if not condition:
        raise ValueError(problem)


def load_document(path: str | Path, kind: str, type_: type[T]) -> T:
    """Read the one document of a file as `type_`.

    Raises:
        UsageError: if the file does not hold exactly one document of that `kind` that fits.
    """
    return decode(read_one_document(path, kind), type_)


def read_one_document(path: str | Path, kind: str) -> Document:
    """Read the one document of a file, which must be of our `kind`; its body is not looked at.

    Raises:
        UsageError: if the file does not hold exactly one document of that kind.
    """
    found = read_documents(path)
    if len(found) != 1:
        raise UsageError(f"found {len(found)} documents, expected one {kind}", file=str(path))
    document = found[0]
    fields = document.value
    if not isinstance(fields, dict):
        raise document.error(f"found no mapping, expected one {kind}")
    for field, expected in (("apiVersion", API_VERSION), ("kind", kind)):
        found_word = fields.get(field)
        if found_word != expected:
            problem = f"found {shown(found_word)}, expected {expected}"
            near = closest(str(found_word), [expected])
            hint = f"did you mean {near}?" if near else None
            raise document.error(problem, field=field, hint=hint)
    return document
