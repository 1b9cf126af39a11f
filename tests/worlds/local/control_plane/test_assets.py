"""Where binaries are found, and what a user who has none is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalecert.errors import UsageError
from scalecert.worlds.local.control_plane import assets as module
from scalecert.worlds.local.control_plane.assets import NAMES, cache_folder, find_assets


def put(folder: Path, *names: str, mode: int = 0o755) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("")
        (folder / name).chmod(mode)
    return folder


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with Prometheus on it."""
    return str(put(tmp_path / "bin", "prometheus"))


def test_a_named_folder_comes_first(tmp_path: Path, path: str):
    """SCALECERT_KUBE_ASSETS wins over the cache; Prometheus comes from PATH."""
    put(cache_folder(), *NAMES)
    named = put(tmp_path / "named", *NAMES)
    found = find_assets({"SCALECERT_KUBE_ASSETS": str(named), "PATH": path})
    assert found.kube_controller_manager == named / "kube-controller-manager"
    assert {found.etcd.parent, found.kubectl.parent, found.kube_apiserver.parent} == {named}
    assert found.prometheus == Path(path, "prometheus")


def test_the_cache_is_used_where_no_folder_is_named(path: str):
    """What was built once is found again."""
    folder = put(cache_folder(), *NAMES)
    assert find_assets({"PATH": path}).kube_scheduler == folder / "kube-scheduler"


def test_a_named_folder_that_lacks_a_binary_is_refused(tmp_path: Path, path: str):
    """Its gaps are not filled from the cache: versions would mix without a word."""
    put(cache_folder(), *NAMES)
    named = put(tmp_path / "named", *NAMES[1:])
    with pytest.raises(UsageError, match=f"^SCALECERT_KUBE_ASSETS: no etcd in {named}, expected"):
        find_assets({"SCALECERT_KUBE_ASSETS": str(named), "PATH": path})


def test_a_file_that_can_t_be_executed_is_no_binary(path: str):
    """A copy that lost its mode is told before something fails to start."""
    put(cache_folder(), *NAMES, mode=0o644)
    with pytest.raises(UsageError, match="not built yet"):
        find_assets({"PATH": path})


def test_without_binaries_one_line_says_what_to_do(path: str):
    """The command that builds them, and the variable that spares it, are both named."""
    with pytest.raises(UsageError) as caught:
        find_assets({"PATH": path})
    assert "python -m scalecert.worlds.local.control_plane builds them" in str(caught.value)
    assert "SCALECERT_KUBE_ASSETS" in str(caught.value)


def test_without_prometheus_one_line_says_what_to_install(tmp_path: Path):
    """Prometheus is a package of the system, and not built."""
    put(cache_folder(), *NAMES)
    with pytest.raises(UsageError, match=r"prometheus is not on PATH \(sudo apt-get install"):
        find_assets({"PATH": str(tmp_path)})


def test_elsewhere_than_on_linux_one_line_says_so(monkeypatch: pytest.MonkeyPatch):
    """The world needs Linux; nothing is looked for on another system."""
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(UsageError, match="found local on darwin, expected Linux"):
        find_assets({})


@pytest.mark.parametrize("changed", ["go.mod", "go.sum"])
def test_other_sources_have_another_place(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A new version of anything that is built is built anew."""
    for name in ("go.mod", "go.sum"):
        (tmp_path / name).write_text("a")
    monkeypatch.setattr(module, "module_folder", lambda: tmp_path)
    before = cache_folder()
    assert cache_folder() == before
    (tmp_path / changed).write_text("b")
    assert cache_folder() != before
