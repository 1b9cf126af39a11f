"""Binaries are built from the pinned module, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scalecert.errors import EnvironmentFault
from scalecert.worlds.local.control_plane import building, toolchain
from scalecert.worlds.local.control_plane.assets import NAMES, cache_folder, missing_in
from scalecert.worlds.local.control_plane.building import (
    build_assets,
    follow,
    kubernetes_version,
    linker_flags,
)

BUILT = ("server", *NAMES[1:])
"""File names as `go build` chooses them."""


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    return tmp_path / "user-cache" / "scalecert" / "control-plane"


def fake_go(folder: Path, build: str) -> None:
    """Put a `go` on PATH that says its version, and builds with lines of shell; $out is where."""
    script = folder / "bin" / "go"
    script.parent.mkdir(exist_ok=True)
    script.write_text(
        '#!/bin/sh\nif [ "$1" = env ]; then echo go1.26.1; exit; fi\n'
        f'out=$4; env > "{folder}/environment"; echo "$@" > "{folder}/command"\n{build}\n'
    )
    script.chmod(0o755)


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


BUILDS = f"for name in {' '.join(BUILT)}; do touch $out$name; chmod +x $out$name; done"


def test_a_build_ends_in_the_cache(go: Path, user_cache: Path):
    """All binaries are there under their own names, and nothing else is left beside them."""
    fake_go(go, BUILDS)
    folder = build_assets(lambda _: None)
    assert folder == cache_folder()
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    assert list(user_cache.iterdir()) == [folder]


def test_what_is_built_is_not_built_again(go: Path):
    """The second call finds it, without Go."""
    fake_go(go, BUILDS)
    folder = build_assets(lambda _: None)
    fake_go(go, "exit 1")
    assert build_assets(lambda _: None) == folder


def test_a_build_depends_on_the_module_alone(go: Path, monkeypatch: pytest.MonkeyPatch):
    """The user's own settings for Go change nothing: sources by go.sum, no C, no paths in it."""
    monkeypatch.setenv("GOFLAGS", "-mod=mod -race")
    monkeypatch.setenv("GOWORK", "/somewhere/go.work")
    fake_go(go, BUILDS)
    build_assets(lambda _: None)
    environment = (go / "environment").read_text().splitlines()
    assert "CGO_ENABLED=0" in environment
    assert "GOFLAGS=-mod=readonly -trimpath -buildvcs=false" in environment
    assert "GOWORK=off" in environment
    assert "GOTOOLCHAIN=local" in environment
    assert (go / "command").read_text().endswith(" tool\n")


@pytest.mark.parametrize(
    "fails",
    [
        "echo 'go: module lookup: dial tcp: no route to host' >&2; exit 1",
        f"{BUILDS}; rm ${{out}}kubectl; echo 'no route to host' >&2",
        f"{BUILDS}; echo 'no route to host' >&2; exit 1",
    ],
)
def test_a_build_that_fails_leaves_nothing(go: Path, user_cache: Path, fails: str):
    """Half a build is not found by the next start; the last lines say why."""
    fake_go(go, fails)
    with pytest.raises(EnvironmentFault, match=r"go build of the control plane failed: .*no route"):
        build_assets(lambda _: None)
    assert list(user_cache.iterdir()) == []


def test_half_a_folder_is_replaced(go: Path):
    """A cache that lost a file is whole again."""
    cache_folder().mkdir(parents=True)
    (cache_folder() / "etcd").write_text("of before")
    fake_go(go, BUILDS)
    assert not missing_in(build_assets(lambda _: None))


def test_of_two_builds_at_once_one_is_kept(
    go: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch
):
    """The slower one neither fails nor disturbs a control plane that runs from the faster one's."""
    fake_go(go, BUILDS)
    build = building._build

    def slowly(*arguments: object) -> None:
        monkeypatch.setattr(building, "_build", build)
        (build_assets(lambda _: None) / "etcd").write_text("of the faster one")
        build(*arguments)

    monkeypatch.setattr(building, "_build", slowly)
    assert (build_assets(lambda _: None) / "etcd").read_text() == "of the faster one"
    assert list(user_cache.iterdir()) == [cache_folder()]


def test_progress_counts_modules_and_packages():
    """It is told line by line; what else is printed is kept for a failure's message."""
    said: list[str] = []
    lines = ["go: downloading k8s.io/api v0.36.3", "k8s.io/api/core/v1", "fmt", "", "# k8s.io/api"]
    assert follow(lines, said.append) == ["# k8s.io/api"]
    assert said[-1] == "building: 1 modules downloaded, 2 packages compiled"


def test_binaries_say_which_version_they_are():
    """Clients decide by it what a server can do; the number is go.mod's."""
    version = kubernetes_version()
    assert version.startswith("v1.36.")
    said = linker_flags(version)
    assert f"-X k8s.io/component-base/version.gitVersion={version}" in said
    assert "-X k8s.io/component-base/version.gitMinor=36" in said


def test_the_module_asks_for_the_go_that_is_looked_for():
    """go.mod's `go` line and the version that is looked for on PATH can't part."""
    pins = (building.module_folder() / "go.mod").read_text()
    assert f"\ngo {'.'.join(map(str, toolchain.OLDEST))}.0\n" in pins
