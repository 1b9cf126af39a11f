"""The known-bad policies with their good twins (fixtures/policies/known_bad/cases.yaml), as data.

The tests beside this hold them to what the file says, `tools/policy_matrix.py` prints what every
check says of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from policies.tried import Tried, settings

from scalecert.bundled import bundled
from scalecert.documents import ApiVersion, DocumentPart, load_document

FOLDER = bundled("fixtures", "policies", "known_bad")


class KnownBad(DocumentPart, frozen=True):
    """One case: the fault, its twin, and the finding that has to name the cause."""

    id: str
    bad: str
    twin: str
    field: str
    check: str
    scenario: str
    says: str
    why: str
    objective: str | None = None
    set: dict[str, str] | None = None
    workload: str | None = None

    def tried(self, policy: str) -> Tried:
        """Return one of its two policies with all that the case says of both."""
        return Tried(
            path_of(policy),
            self.objective or known_bad().objective,
            settings(self.set or {}),
            None if self.workload is None else path_of(self.workload),
        )


class _Metadata(DocumentPart, frozen=True):
    name: str


class Spec(DocumentPart, frozen=True):
    """All cases, with the objective of those that have none of their own."""

    objective: str
    cases: tuple[KnownBad, ...]


class _File(DocumentPart, frozen=True):
    api_version: ApiVersion
    kind: Literal["KnownBadPolicies"]
    metadata: _Metadata
    spec: Spec


@cache
def known_bad() -> Spec:
    """Return the cases that ship."""
    return load_document(FOLDER / "cases.yaml", "KnownBadPolicies", _File).spec


def path_of(name: str) -> Path:
    """Return where a file that a case names lies."""
    return (FOLDER / name).resolve()


def differences(before: Path, after: Path) -> list[str]:
    """Return the fields in which two manifests differ, as `Kind path`.

    A field that only one has is one difference, whatever is below it. So is a metric of another
    type, and a metric's target of another type: the type names the field that has the rest.
    Adapter rules are read inside their ConfigMap.
    """
    pairs = zip(_documents(before), _documents(after), strict=True)
    return [
        f"{old['kind']} {path}"
        for old, new in pairs
        for path in _differing(_opened(old), _opened(new), "")
    ]


_TYPED = re.compile(r"spec\.metrics\[\d+\](\.\w+\.target)?$")
"""What has its fields by its `type`: a metric of an HPA, and a metric's target."""


def _documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def _opened(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with the YAML inside a ConfigMap as part of it."""
    if document["kind"] != "ConfigMap":
        return document
    return {
        **document,
        "data": {key: yaml.safe_load(text) for key, text in document["data"].items()},
    }


def _differing(old: object, new: object, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        if _TYPED.search(path) and old["type"] != new["type"]:
            yield path
            return
        for key in {**old, **new}:
            below = f"{path}[{key}]" if "." in key else f"{path}.{key}".lstrip(".")
            if key in old and key in new:
                yield from _differing(old[key], new[key], below)
            else:
                yield below
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differing(one, other, f"{path}[{index}]")
    elif old != new:
        yield path
