"""The output folder: what is where, and what a new run removes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scalecert.certificate import artifacts
from scalecert.errors import UsageError
from scalecert.recording.store import PLAN_FILE


def _recording(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / PLAN_FILE).write_text("{}")
    return folder


def _certificate(folder: Path, *scenarios: str) -> list[Path]:
    """Make a certificate's folder and return its cases, of two runs each."""
    cases = [folder / artifacts.RECORDINGS / name for name in scenarios]
    for case in cases:
        for run in ("slow", "seed-1"):
            _recording(case / run)
    (folder / artifacts.CERTIFICATE).write_text("{}")
    return cases


def test_cases_are_found_from_any_folder_of_a_certificate(tmp_path: Path):
    """`recheck` takes --out, recordings/, a case or one run."""
    ramp, steady = _certificate(tmp_path, "ramp", "steady")
    assert artifacts.case_folders(tmp_path) == (ramp, steady)
    assert artifacts.case_folders(tmp_path / "recordings") == (ramp, steady)
    assert artifacts.case_folders(steady) == (steady,)
    assert artifacts.case_folders(steady / "slow") == (steady / "slow",)


def test_a_case_holds_its_runs(tmp_path: Path):
    """In order of their names; a run by itself is its own."""
    (steady,) = _certificate(tmp_path, "steady")
    assert artifacts.run_folders(steady) == (steady / "seed-1", steady / "slow")
    assert artifacts.run_folders(steady / "slow") == (steady / "slow",)


def test_several_policies_have_a_folder_each(tmp_path: Path):
    """One HPA's recordings never mix with another's."""
    assert artifacts.certificate_folder(tmp_path, "a", several=False) == tmp_path
    folders = [artifacts.certificate_folder(tmp_path, name, several=True) for name in "ab"]
    made = [case for folder in folders for case in _certificate(folder, "steady")]
    assert artifacts.case_folders(tmp_path) == tuple(made)


def test_half_written_recordings_are_left_out(tmp_path: Path):
    """A recording is written beside its place first, under a hidden name."""
    case = _recording(tmp_path / "recordings" / "steady" / ".seed-1.1.tmp").parent
    assert artifacts.case_folders(tmp_path) == ()
    assert artifacts.run_folders(case) == ()


def test_a_new_run_starts_clean_and_leaves_other_files(tmp_path: Path):
    """A stale recording would be judged as part of the new run; a user's file is the user's."""
    _certificate(tmp_path / "out", "ramp")
    _certificate(tmp_path / "out" / "hpa-a", "ramp")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    artifacts.prepare(tmp_path / "out")
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert left == [tmp_path / "out" / "notes.txt"]
    assert not list((tmp_path / "out").rglob("ramp"))


def test_the_working_directory_keeps_its_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With --out . a folder below may be another run's."""
    _certificate(tmp_path / "out", "ramp")
    monkeypatch.chdir(tmp_path)
    artifacts.prepare(Path())
    assert (tmp_path / "out" / artifacts.CERTIFICATE).exists()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path):
    """In one line, before anything runs."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--out"):
        artifacts.prepare(tmp_path / "file" / "out")
    with pytest.raises(UsageError, match="--out"), artifacts.claimed(tmp_path / "file" / "out"):
        pass


def test_two_runs_do_not_write_into_one_folder(tmp_path: Path):
    """A certificate would name recordings that are the other run's."""
    with artifacts.claimed(tmp_path):
        _certificate(tmp_path, "ramp")
        with pytest.raises(UsageError, match="another run writes there"):
            artifacts.claimed(tmp_path).__enter__()
        assert (tmp_path / artifacts.CERTIFICATE).exists()
    with artifacts.claimed(tmp_path):
        assert not (tmp_path / artifacts.CERTIFICATE).exists()


def test_a_claim_lasts_as_long_as_who_inherited_it(tmp_path: Path):
    """A command line that is killed leaves a child that still writes."""
    with artifacts.claimed(tmp_path) as held:
        inherited = os.dup(held)
    with pytest.raises(UsageError, match="another run"):
        artifacts.claimed(tmp_path).__enter__()
    os.close(inherited)
    with artifacts.claimed(tmp_path):
        pass
