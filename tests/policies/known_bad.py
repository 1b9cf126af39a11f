"""The known-bad policies with their good twins (fixtures/policies/known_bad/cases.yaml), as data.

The tests beside this hold them to what the file says, `tools/policy_matrix.py` prints what every
check says of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from scalecert import pipeline
from scalecert.bundled import bundled
from scalecert.checks.finding import Finding
from scalecert.documents import ApiVersion, DocumentPart, load_document
from scalecert.planning.prepare import prepare
from scalecert.recording.model import Recording
from scalecert.suite import find_case
from scalecert.worlds.sim import SimWorld

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
    workload: str | None = None


class _Metadata(DocumentPart, frozen=True):
    name: str


class Spec(DocumentPart, frozen=True):
    """All cases, with the objective that they are judged by."""

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


def run(
    policy: Path,
    scenario: str,
    seed: int,
    workload: Path | None = None,
    *,
    clairvoyant: bool = False,
) -> Recording:
    """Return the recording of one policy in one scenario of the shipped suites."""
    inputs = pipeline.Inputs(
        policies=(str(policy),),
        objective=known_bad().objective,
        workload=None if workload is None else str(workload),
        seed=seed,
    )
    (subject,) = pipeline.subjects(inputs)
    case = find_case(scenario)
    folder, suite = case.path.parent, case.suite
    return SimWorld().run(prepare(subject, case.scenario, folder, suite, clairvoyant=clairvoyant))


def findings(
    policy: Path,
    scenario: str,
    seed: int,
    workload: Path | None = None,
    *,
    clairvoyant: bool = False,
) -> tuple[Finding, ...]:
    """Return the findings of one policy in one scenario with one seed."""
    return pipeline.judge(run(policy, scenario, seed, workload, clairvoyant=clairvoyant))


def differences(before: Path, after: Path) -> list[str]:
    """Return the fields in which two manifests differ, as `Kind path`.

    A field that only one has is one difference, whatever is below it. So is a metric's target of
    another type, as the type names the field of its value. Adapter rules are read inside their
    ConfigMap.
    """
    pairs = zip(_documents(before), _documents(after), strict=True)
    return [
        f"{old['kind']} {path}"
        for old, new in pairs
        for path in _differing(_opened(old), _opened(new), "")
    ]


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
        if path.endswith(".target") and old["type"] != new["type"]:
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
