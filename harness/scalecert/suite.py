"""Suites: folders of cases, each a scenario's YAML beside a thin test file, named by its id.

Before the pipeline: the command line and the pytest plugin find here what to run, and the
pipeline takes one `Case` after the other. A folder with a `suite.yaml` is versioned; any other
folder is a suite too, of the folder's name and version `0`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scalecert.bundled import bundled
from scalecert.documents import ApiVersion, DocumentPart, did_you_mean, load_document
from scalecert.errors import UsageError
from scalecert.recording.plan import SuiteRef
from scalecert.scenario.model import Level, Scenario

SUITE_FILE = "suite.yaml"
_KIND = re.compile(rb"^kind:\s*[\"']?Scenario\b", re.MULTILINE)


class SuiteMetadata(DocumentPart, frozen=True):
    """`name` is what `--suite` takes."""

    name: str


class SuiteSpec(DocumentPart, frozen=True):
    """`version` changes with every change of a scenario, check or limit; `why` is for people."""

    version: str
    why: str
    level: Level = "core"


class SuiteFile(DocumentPart, frozen=True):
    """`suite.yaml`: makes a folder of cases a versioned suite."""

    api_version: ApiVersion
    kind: Literal["Suite"]
    metadata: SuiteMetadata
    spec: SuiteSpec


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario of a suite; `path` is its YAML, `id` its file name and `metadata.name`."""

    id: str
    scenario: Scenario
    path: Path
    suite: SuiteRef

    @property
    def test_file(self) -> Path:
        """The test beside the scenario, which runs it."""
        return self.path.with_name(name_of_test_file(self.id))


@dataclass(frozen=True, slots=True)
class Suite:
    """A folder of cases, in order of their ids; `digest` covers its scenarios and tests."""

    name: str
    version: str
    digest: str
    level: Level
    why: str
    folder: Path
    cases: tuple[Case, ...]


def name_of_test_file(case_id: str) -> str:
    """Return the name of the test file of a case: `idle-load-idle` has `test_idle_load_idle.py`."""
    return f"test_{case_id.replace('-', '_')}.py"


def scenario_path(test_file: Path) -> Path:
    """Return where the scenario of a test file lies: beside it, named by its id."""
    case_id = test_file.stem.removeprefix("test_").replace("_", "-")
    return test_file.with_name(f"{case_id}.yaml")


def load_case(path: Path) -> Case:
    """Read one scenario with the suite that it is part of.

    Raises:
        UsageError: if the file or its suite can't be used, or its name is not its id.
    """
    path = path.resolve()
    folder = _suite_folder(path.parent)
    name, version, _, _ = _suite_facts(folder)
    return _case(path, SuiteRef(name, version, _digest(folder, _scenario_paths(folder))))


def suite_of(case: Case) -> Suite:
    """Return the suite that a case is part of."""
    return load_suite(_suite_folder(case.path.parent))


def load_suite(folder: Path) -> Suite:
    """Read a suite from its folder; with a `suite.yaml` its sub-folders belong to it.

    Raises:
        UsageError: if there is no case in it, or a scenario that no test file runs.
    """
    folder = folder.resolve()
    paths = _scenario_paths(folder)
    if not paths:
        hint = "scalecert init DIR makes a first one"
        raise UsageError("found no scenario, expected <id>.yaml", file=str(folder), hint=hint)
    for path in paths:
        if not path.with_name(name_of_test_file(path.stem)).is_file():
            expected = f"found no {name_of_test_file(path.stem)} beside it, which would run it"
            raise UsageError(expected, file=str(path))
    name, version, level, why = _suite_facts(folder)
    ref = SuiteRef(name, version, _digest(folder, paths))
    cases = sorted((_case(path, ref) for path in paths), key=lambda case: case.id)
    return Suite(name, version, ref.digest, level, why, folder, tuple(cases))


def suites() -> tuple[Suite, ...]:
    """Return the suites that ship with ScaleCert, by name."""
    return tuple(load_suite(path.parent) for path in sorted(bundled("suites").glob("*/suite.yaml")))


def find_suite(name_or_folder: str) -> Suite:
    """Return a shipped suite by its name, or the one in a folder.

    Raises:
        UsageError: if it is neither; the hint is the nearest name.
    """
    folder = Path(name_or_folder)
    shipped = bundled("suites", folder.name)
    if folder.name == name_or_folder and (shipped / SUITE_FILE).is_file():
        return load_suite(shipped)
    if folder.is_dir():
        return load_suite(folder)
    hint = did_you_mean(name_or_folder, [suite.name for suite in suites()])
    raise UsageError(f"found {name_or_folder!r}, expected a suite or a folder of cases", hint=hint)


def find_case(id_or_path: str) -> Case:
    """Return a shipped case by its id, or the one in a scenario file.

    Raises:
        UsageError: if it is neither; the hint is the nearest id.
    """
    shipped = {case.id: case for suite in suites() for case in suite.cases}
    if id_or_path in shipped:
        return shipped[id_or_path]
    path = Path(id_or_path)
    if path.is_file() or path.suffix in {".yaml", ".yml"}:
        return load_case(path)
    hint = did_you_mean(id_or_path, shipped)
    raise UsageError(f"found {id_or_path!r}, expected a scenario's id or file", hint=hint)


def _case(path: Path, suite: SuiteRef) -> Case:
    scenario = load_document(path, "Scenario", Scenario)
    if scenario.metadata.name != path.stem:
        raise UsageError(
            f"found {scenario.metadata.name!r}, expected {path.stem!r}: a scenario is named by"
            " its file",
            file=str(path),
            field="metadata.name",
        )
    return Case(path.stem, scenario, path, suite)


def _suite_folder(folder: Path) -> Path:
    """Return the nearest folder upwards with a `suite.yaml`, else the folder itself."""
    above = (place for place in (folder, *folder.parents) if (place / SUITE_FILE).is_file())
    return next(above, folder)


def _suite_facts(folder: Path) -> tuple[str, str, Level, str]:
    """Return name, version, level and purpose."""
    path = folder / SUITE_FILE
    if not path.is_file():
        return folder.name, "0", "core", "own cases, without a suite.yaml"
    document = load_document(path, "Suite", SuiteFile)
    spec = document.spec
    return document.metadata.name, spec.version, spec.level, spec.why


def _scenario_paths(folder: Path) -> list[Path]:
    """Return the scenario files of a suite's folder; other YAML may lie beside them."""
    versioned = (folder / SUITE_FILE).is_file()
    files = folder.rglob("*.yaml") if versioned else folder.glob("*.yaml")
    return [path for path in sorted(files) if _is_scenario(path)]


def _is_scenario(path: Path) -> bool:
    """Tell by its test file or its kind: a scenario that does not parse must not go missing."""
    return path.with_name(name_of_test_file(path.stem)).is_file() or bool(
        _KIND.search(path.read_bytes())
    )


def _digest(folder: Path, scenarios: Iterable[Path]) -> str:
    """Return `sha256:` and the digest of names and bytes of suite file, scenarios and tests."""
    tests = [path.with_name(name_of_test_file(path.stem)) for path in scenarios]
    files = [folder / SUITE_FILE, *scenarios, *tests]
    digest = hashlib.sha256()
    for path in sorted(file for file in files if file.is_file()):
        name, data = path.relative_to(folder).as_posix().encode(), path.read_bytes()
        digest.update(b"%d:%b%d:%b" % (len(name), name, len(data), data))
    return f"sha256:{digest.hexdigest()}"
