"""What world `local` keeps up from its first trial to its last: a control plane with our APIs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scalecert.errors import EnvironmentFault
from scalecert.worlds.local.control_plane.assets import Assets, find_assets
from scalecert.worlds.local.control_plane.control_plane import ControlPlane
from scalecert.worlds.local.directory import WorldDirectory, open_directory
from scalecert.worlds.local.metrics_apis.api_services import api_services
from scalecert.worlds.local.monitors import crds
from scalecert.worlds.local.objects import Objects

_VERSION = re.compile(r"\d+\.\d+\.\d+\S*")


@dataclass(frozen=True)
class LocalCluster:
    """A control plane without a workload.

    Attributes:
        directory: the world's place on this machine, with its processes.
        control_plane: API server and scheduler run; the rest is started per trial.
        objects: kubectl.
        metrics_port: where the metrics APIs of each trial listen.
        canary_port: where each trial's canary answers.
        versions: of what runs, by component.
    """

    directory: WorldDirectory
    control_plane: ControlPlane
    objects: Objects
    metrics_port: int
    canary_port: int
    versions: Mapping[str, str]


@contextmanager
def open_cluster(name: str, *, purpose: str) -> Iterator[LocalCluster]:
    """Start a control plane; nothing of it is left at the end.

    Args:
        name: of the world.
        purpose: what it is for, for whoever finds the name taken.

    Raises:
        UsageError: if it can't run here, or the name is taken.
        EnvironmentFault: if it does not come up.
    """
    assets = find_assets()
    with open_directory(name, purpose=purpose) as directory:
        plane = ControlPlane(directory, assets)
        plane.start()
        home = directory.path / "kubectl"
        home.mkdir(mode=0o700)
        cluster = LocalCluster(
            directory=directory,
            control_plane=plane,
            objects=Objects(assets.kubectl, plane.kubeconfig, home),
            metrics_port=directory.free_port(),
            canary_port=directory.free_port(),
            versions=_versions(assets),
        )
        ca = plane.pki.ca.read_bytes()
        services = api_services(directory.address, cluster.metrics_port, ca)
        cluster.objects.apply([*crds.manifests(), *services])
        yield cluster


def _versions(assets: Assets) -> dict[str, str]:
    binaries = {"kubernetes": assets.kube_apiserver, "prometheus": assets.prometheus}
    return {name: _version(binary) for name, binary in binaries.items()}


def _version(binary: Path) -> str:
    """Return what a binary says of its version.

    Raises:
        EnvironmentFault: if it can't be run.
    """
    try:
        said = subprocess.run(  # noqa: S603 - a binary that we start anyway
            [str(binary), "--version"], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EnvironmentFault(f"{binary} --version: {error}") from error
    found = _VERSION.search(said.stdout + said.stderr)
    return found[0] if found else "unknown"
