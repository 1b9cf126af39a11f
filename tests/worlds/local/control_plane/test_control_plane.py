"""A control plane that does not come up says which process it was, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalecert.errors import EnvironmentFault
from scalecert.worlds.local.control_plane import Assets, ControllerFlags, ControlPlane
from scalecert.worlds.local.directory import open_directory

NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
SLEEPS = "exec sleep 60"


def binaries(folder: Path, **scripts: str) -> Assets:
    """Return binaries that are lines of shell; those that are not given sleep."""
    for name in (*NAMES, "prometheus"):
        text = scripts.get(name.replace("-", "_"), SLEEPS)
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return Assets(*(folder / name for name in (*NAMES, "prometheus")))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALECERT_STATE_DIR", str(tmp_path / "state"))


@pytest.mark.parametrize("name", ["etcd", "kube-apiserver"])
def test_a_process_that_dies_at_the_start_is_named(tmp_path: Path, name: str):
    """With the last line of its log, at once."""
    dying = {name.replace("-", "_"): "echo cannot bind; exit 1"}
    with (
        open_directory("dies", purpose="tests") as directory,
        pytest.raises(EnvironmentFault, match=f"^{name} ended with exit code 1: cannot bind$"),
    ):
        ControlPlane(directory, binaries(tmp_path, **dying)).start()


def test_controllers_and_prometheus_are_named_too(tmp_path: Path):
    """What is started per trial is waited for alike."""
    failing = binaries(
        tmp_path, kube_controller_manager="echo no API; exit 1", prometheus="echo bad yaml; exit 2"
    )
    with open_directory("trial", purpose="tests") as directory:
        plane = ControlPlane(directory, failing)
        with pytest.raises(EnvironmentFault, match=r"^kube-controller-manager ended.*: no API$"):
            plane.start_controllers(ControllerFlags())
    with open_directory("trial", purpose="tests") as directory:
        plane = ControlPlane(directory, failing)
        with pytest.raises(EnvironmentFault, match=r"^prometheus ended.*: bad yaml$"):
            plane.start_prometheus(tmp_path / "none.yml", lookback_seconds=300)
