"""Bundled data is found wherever ScaleCert runs from."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalecert import bundled as module


def test_checkout_data_comes_first() -> None:
    """In a checkout the files that one edits are the files that are used."""
    root = Path(__file__).parents[1]
    assert module.bundled("fixtures", "profiles") == root / "fixtures" / "profiles"


def test_wheel_data_is_used_outside_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed wheel has no checkout around it and reads its own copy."""
    package = tmp_path / "site-packages" / "scalecert"
    monkeypatch.setattr(module, "_PACKAGE", package)
    module.bundled_root.cache_clear()
    try:
        assert module.bundled("suites") == package / "_bundled" / "suites"
    finally:
        module.bundled_root.cache_clear()
