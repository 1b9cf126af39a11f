"""`python -m scalecert.worlds.local.control_plane` builds, or says in one line why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalecert.errors import EnvironmentFault, UsageError
from scalecert.worlds.local.control_plane import __main__ as command
from scalecert.worlds.local.control_plane import preparing
from scalecert.worlds.local.control_plane.assets import NAMES
from scalecert.worlds.local.control_plane.building import Say


@pytest.fixture(autouse=True)
def unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCALECERT_KUBE_ASSETS", raising=False)


def test_it_prints_where_the_binaries_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The folder is the result; the first line of progress is said at once, others rarely."""

    def build(say: Say) -> Path:
        say("building: 1 modules downloaded")
        say("building: 2 modules downloaded")
        return tmp_path

    monkeypatch.setattr(preparing, "build_assets", build)
    assert command.main() == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path}\n"
    assert said.err == "building: 1 modules downloaded\n"


def test_a_named_folder_needs_no_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """SCALECERT_KUBE_ASSETS is looked at, and told."""
    for name in NAMES:
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("SCALECERT_KUBE_ASSETS", str(tmp_path))
    monkeypatch.setattr(preparing, "build_assets", pytest.fail)
    assert command.main() == 0
    assert capsys.readouterr().out == f"{tmp_path}\n"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("no Go", hint="install it"), 2, "scalecert: no Go (install it)\n"),
        (EnvironmentFault("go build failed: a\nb"), 3, "scalecert: go build failed: a b\n"),
        (KeyboardInterrupt(), 130, "scalecert: interrupted\n"),
    ],
)
def test_what_goes_wrong_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
):
    """With the exit codes of the command line."""

    def build(say: Say) -> Path:
        raise error

    monkeypatch.setattr(preparing, "build_assets", build)
    assert command.main() == code
    assert capsys.readouterr().err == said


def test_a_world_builds_what_the_cache_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Who certifies in world local for the first time need not know what is to be built."""
    built: list[Path] = []

    def build(_say: Say) -> Path:
        for name in NAMES:
            (tmp_path / name).touch(0o755)
        built.append(tmp_path)
        return tmp_path

    monkeypatch.setattr(preparing, "build_assets", build)
    monkeypatch.setattr(preparing, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(preparing, "find_assets", lambda: None)
    preparing.prepare_assets()
    preparing.prepare_assets()
    assert len(built) == 1
