"""Files of our own kinds (`apiVersion: scalecert.dev/v1`): what their types share, and reading."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec

from scalecert.documents.decoding import decode
from scalecert.documents.reading import read_documents
from scalecert.documents.suggestions import did_you_mean
from scalecert.errors import UsageError

ApiVersion: TypeAlias = Literal["scalecert.dev/v1"]
API_VERSION: Final = "scalecert.dev/v1"

T = TypeVar("T")


class DocumentPart(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Base of what documents are read as: camelCase names, unknown fields refused."""


def load_document(path: str | Path, kind: str, type_: type[T]) -> T:
    """Read the one document of a file as `type_`.

    Raises:
        UsageError: if the file does not hold exactly one document of that `kind` that fits.
    """
    found = read_documents(path)
    if len(found) != 1:
        raise UsageError(f"found {len(found)} documents, expected one {kind}", file=str(path))
    document = found[0]
    fields = document.value if isinstance(document.value, dict) else {}
    if fields.get("apiVersion") != API_VERSION:
        problem = f"found {fields.get('apiVersion')!r}, expected {API_VERSION}"
        raise document.error(problem, field="apiVersion")
    if fields.get("kind") != kind:
        hint = did_you_mean(str(fields.get("kind")), [kind])
        raise document.error(
            f"found {fields.get('kind')!r}, expected {kind}", field="kind", hint=hint
        )
    return decode(document, type_)
