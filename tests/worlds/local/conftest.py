"""Worlds whose state is in a folder of the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scalecert.worlds.local.directory import WorldDirectory, open_directory
from scalecert.worlds.local.supervisor.client import Processes


@pytest.fixture
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where worlds' state goes, which is not there yet."""
    state = tmp_path / "state"
    monkeypatch.setenv("SCALECERT_STATE_DIR", str(state))
    return state


@pytest.fixture
def directory(state_directory: Path) -> Iterator[WorldDirectory]:
    """Return the directory of a world."""
    with open_directory("mine", purpose="a test") as opened:
        yield opened


@pytest.fixture
def processes(directory: WorldDirectory) -> Processes:
    """Return the processes of a world."""
    return directory.processes
