"""Suites: cases are found by name, versioned, and none goes missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scalecert import suite
from scalecert.bundled import bundled
from scalecert.errors import UsageError

CORE = bundled("suites", "core")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with one case of a user's own, and no suite.yaml."""
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copy(CORE / "steady.yaml", folder)
    shutil.copy(CORE / "test_steady.py", folder)
    return folder


def test_the_core_suite_has_its_four_cases():
    """Steady, ramp, spike and idle-load-idle are what core means."""
    (core,) = (one for one in suite.suites() if one.name == "core")
    assert [case.id for case in core.cases] == ["idle-load-idle", "ramp", "spike", "steady"]
    assert core.level == "core"


def test_each_shipped_case_is_under_fifteen_lines():
    """A case is data and a thin test."""
    tests = [case.test_file for one in suite.suites() for case in one.cases]
    assert tests
    for test in tests:
        assert len(test.read_text().splitlines()) < 15, test


def test_a_case_knows_its_suite():
    """A recording says which suite, version and digest it is of, whichever way it was loaded."""
    core = suite.find_suite("core")
    for case in core.cases:
        assert suite.load_case(case.path) == case
        assert case.suite.digest == core.digest
        assert suite.suite_of(case) == core


def test_a_folder_without_suite_file_is_a_suite(own: Path):
    """An author needs two files and no ceremony."""
    found = suite.load_suite(own)
    assert (found.name, found.version, [case.id for case in found.cases]) == (
        "own",
        "0",
        ["steady"],
    )


@pytest.mark.parametrize("name", ["steady.yaml", "test_steady.py"])
def test_the_digest_covers_scenarios_and_tests(own: Path, name: str):
    """A suite that was changed is another suite."""
    before = suite.load_suite(own).digest
    with (own / name).open("a") as file:
        file.write("\n# changed\n")
    assert suite.load_suite(own).digest != before


def test_the_digest_leaves_out_what_is_no_part_of_the_suite(own: Path):
    """Caches, policies and notes that lie beside the cases don't make another suite."""
    before = suite.load_suite(own).digest
    (own / "policy.yaml").write_text("kind: Deployment\n")
    (own / "notes.md").write_text("notes")
    assert suite.load_suite(own).digest == before


def test_the_digest_does_not_depend_on_the_place(own: Path, tmp_path: Path):
    """Two clones have one digest."""
    shutil.copytree(own, tmp_path / "elsewhere")
    assert suite.load_suite(tmp_path / "elsewhere").digest == suite.load_suite(own).digest


def test_a_scenario_without_a_test_is_refused(own: Path):
    """A scenario that nothing runs would silently be no part of the verdict."""
    (own / "test_steady.py").unlink()
    with pytest.raises(UsageError, match=r"steady\.yaml.*test_steady\.py"):
        suite.load_suite(own)


def test_a_test_without_a_scenario_is_refused(own: Path):
    """The message names the file that is expected."""
    with pytest.raises(UsageError, match=r"ramp\.yaml"):
        suite.load_case(suite.scenario_path(own / "test_ramp.py"))


def test_a_scenario_is_named_by_its_file(own: Path):
    """One id: the file's name, metadata.name and the row on the certificate."""
    (own / "steady.yaml").rename(own / "calm.yaml")
    with pytest.raises(UsageError, match=r"metadata\.name.*'steady'.*'calm'"):
        suite.load_case(own / "calm.yaml")


def test_an_empty_folder_is_refused(tmp_path: Path):
    """No case is no suite; the hint says how to make one."""
    with pytest.raises(UsageError, match="scalecert init"):
        suite.load_suite(tmp_path)


def test_a_suite_file_makes_one_suite_of_its_sub_folders(own: Path):
    """With a suite.yaml, cases may be sorted into folders."""
    shutil.copy(CORE / "suite.yaml", own)
    (own / "more").mkdir()
    shutil.copy(CORE / "ramp.yaml", own / "more")
    shutil.copy(CORE / "test_ramp.py", own / "more")
    found = suite.load_suite(own)
    assert [case.id for case in found.cases] == ["ramp", "steady"]
    assert suite.load_case(own / "more" / "ramp.yaml").suite.digest == found.digest


def test_names_that_are_nearly_right_get_a_suggestion():
    """Of a suite, and of a scenario."""
    with pytest.raises(UsageError, match="did you mean core"):
        suite.find_suite("cor")
    with pytest.raises(UsageError, match="did you mean steady"):
        suite.find_case("stedy")


def test_a_case_is_found_by_id_or_file(own: Path):
    """`scalecert run` takes either."""
    assert suite.find_case("steady").path == CORE / "steady.yaml"
    assert suite.find_case(str(own / "steady.yaml")).suite.name == "own"


@pytest.mark.parametrize("case_id", ["steady", "idle-load-idle", "a-1"])
def test_test_file_and_scenario_name_each_other(case_id: str):
    """`test_idle_load_idle.py` runs `idle-load-idle.yaml`."""
    test = Path("anywhere") / suite.name_of_test_file(case_id)
    assert suite.scenario_path(test) == Path("anywhere") / f"{case_id}.yaml"
