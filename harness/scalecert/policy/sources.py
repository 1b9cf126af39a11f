"""What the user named on the command line, as documents: files, folders, standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scalecert.documents import Document, closest, read_documents, read_stream
from scalecert.documents.placeholders import placeholders
from scalecert.documents.reading import TEMPLATE_HINT
from scalecert.errors import UsageError

STDIN = "-"
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def read_sources(paths: Sequence[str], sets: Mapping[str, str]) -> tuple[Document, ...]:
    """Read every document of every path, in order.

    A folder is read as `kubectl apply -f` reads it: its own files, sorted by name.

    Args:
        paths: files, folders, or `-` for standard input.
        sets: values of placeholders, by name.

    Raises:
        UsageError: if a path can't be read, holds nothing, or a name in `sets` fits no placeholder.
    """
    documents = tuple(item for path in paths for item in _read(path, sets))
    for name in sets:
        if not any(name in document.substituted for document in documents):
            raise _unused(name, documents)
    return documents


def _read(path: str, sets: Mapping[str, str]) -> Iterator[Document]:
    if path == STDIN:
        documents = read_stream(sys.stdin.buffer, "stdin", sets)
        if not documents:
            raise UsageError("found nothing, expected manifests", file="stdin")
        yield from documents
    elif Path(path).is_dir():
        for file in _files(Path(path)):
            yield from read_documents(file, sets)
    else:
        documents = read_documents(path, sets)
        if not documents:
            raise UsageError("found no document, expected manifests", file=path)
        yield from documents


def _files(folder: Path) -> list[Path]:
    """Return the YAML and JSON files in a folder; links that lead out of it are left alone."""
    if (folder / "Chart.yaml").is_file():
        raise UsageError("found a Helm chart", file=str(folder), hint=TEMPLATE_HINT)
    root = folder.resolve()
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in _SUFFIXES
        and path.is_file()
        and path.resolve().is_relative_to(root)
        and not path.name.startswith(".")
    ]
    if not found:
        raise UsageError("found no *.yaml, *.yml or *.json, expected manifests", file=str(folder))
    return found


def _unused(name: str, documents: Sequence[Document]) -> UsageError:
    seen = {one for item in documents for _, text in item.texts() for one in placeholders(text)}
    near = closest(name, seen)
    hint = f"did you mean {near}?" if near else None
    return UsageError(
        f"found no placeholder ${name} in the input", field=f"--set {name}", hint=hint
    )
