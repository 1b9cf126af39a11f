"""The output folder: what is where, and what a new run removes."""

from __future__ import annotations

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
    recordings = [_recording(folder / artifacts.RECORDINGS / name) for name in scenarios]
    (folder / artifacts.CERTIFICATE).write_text("{}")
    return recordings


def test_recordings_are_found_from_any_folder_of_a_run(tmp_path: Path):
    """`recheck` takes --out, recordings/ or one recording."""
    ramp, steady = _certificate(tmp_path, "ramp", "steady")
    assert artifacts.recording_folders(tmp_path) == (ramp, steady)
    assert artifacts.recording_folders(tmp_path / "recordings") == (ramp, steady)
    assert artifacts.recording_folders(steady) == (steady,)


def test_several_policies_have_a_folder_each(tmp_path: Path):
    """One HPA's recordings never mix with another's."""
    assert artifacts.certificate_folder(tmp_path, "a", several=False) == tmp_path
    folders = [artifacts.certificate_folder(tmp_path, name, several=True) for name in "ab"]
    made = [recording for folder in folders for recording in _certificate(folder, "steady")]
    assert artifacts.recording_folders(tmp_path) == tuple(made)


def test_half_written_recordings_are_left_out(tmp_path: Path):
    """A recording is written beside its place first, under a hidden name."""
    _recording(tmp_path / "recordings" / ".steady.1.tmp")
    assert artifacts.recording_folders(tmp_path) == ()


def test_a_new_run_starts_clean_and_leaves_other_files(tmp_path: Path):
    """A stale recording would be judged as part of the new run; a user's file is the user's."""
    _certificate(tmp_path / "out", "ramp")
    _certificate(tmp_path / "out" / "hpa-a", "ramp")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    artifacts.prepare(tmp_path / "out")
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert left == [tmp_path / "out" / "notes.txt"]


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
