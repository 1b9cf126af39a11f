"""End-to-end tests keep the state of their worlds to themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def worlds_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return where worlds' state goes in this session; it is there while a world is open."""
    base = tmp_path_factory.mktemp("worlds") / "state"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALECERT_STATE_DIR", os.fspath(base))
        yield base
