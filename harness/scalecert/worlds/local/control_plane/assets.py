"""The control plane's binaries: where they are looked for, and what to do if there are none.

In this order: the folder that `SCALECERT_KUBE_ASSETS` names, then the user's cache, where
`building.py` puts what it builds from the pinned module. Prometheus is a package of the system.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from scalecert.bundled import bundled
from scalecert.errors import UsageError
from scalecert.worlds.local.linux import require_linux

ENVIRONMENT_VARIABLE: Final = "SCALECERT_KUBE_ASSETS"
BUILD_COMMAND: Final = "python -m scalecert.worlds.local.control_plane"

KUBERNETES: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
NAMES: Final = ("etcd", *KUBERNETES)
"""What is built, by file name."""

_RECIPE: Final = "1"
"""Raise it when `building.py` builds differently from the same module."""


@dataclass(frozen=True, slots=True)
class Assets:
    """The binaries that a control plane is started from."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    kubectl: Path
    prometheus: Path


def find_assets(environment: Mapping[str, str] | None = None) -> Assets:
    """Return the binaries.

    Args:
        environment: `SCALECERT_KUBE_ASSETS` and `PATH` are read from it; the process's own if None.

    Raises:
        UsageError: if this is not Linux, or something is missing; it says what to do.
    """
    environment = os.environ if environment is None else environment
    require_linux()
    folder = kubernetes_folder(environment)
    prometheus = shutil.which("prometheus", path=environment.get("PATH", os.defpath))
    if prometheus is None:
        raise UsageError("prometheus is not on PATH", hint="sudo apt-get install -y prometheus")
    return Assets(
        etcd=folder / "etcd",
        kube_apiserver=folder / "kube-apiserver",
        kube_controller_manager=folder / "kube-controller-manager",
        kube_scheduler=folder / "kube-scheduler",
        kubectl=folder / "kubectl",
        prometheus=Path(prometheus),
    )


def kubernetes_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder with etcd and Kubernetes' binaries.

    Raises:
        UsageError: if there is none, or it lacks one.
    """
    named = environment.get(ENVIRONMENT_VARIABLE)
    if named:
        folder = Path(named).absolute()
        if missing := missing_in(folder):
            raise UsageError(
                f"no {', '.join(missing)} in {folder}, expected {', '.join(NAMES)}",
                field=ENVIRONMENT_VARIABLE,
            )
        return folder
    folder = cache_folder()
    if missing_in(folder):
        raise UsageError(
            "the control plane's binaries are not built yet",
            hint=f"{BUILD_COMMAND} builds them once, which takes minutes; "
            f"or {ENVIRONMENT_VARIABLE} names a folder that has them",
        )
    return folder


def missing_in(folder: Path) -> list[str]:
    """Return which binaries a folder lacks, by name."""
    return [name for name in NAMES if not os.access(folder / name, os.X_OK)]


def module_folder() -> Path:
    """Return the folder of the Go module that pins what is built."""
    return bundled("control_plane")


def cache_folder() -> Path:
    """Return where the binaries of this module, recipe and machine are kept."""
    digest = hashlib.sha256(f"{_RECIPE} {platform.machine()}\n".encode())
    for name in ("go.mod", "go.sum"):
        digest.update((module_folder() / name).read_bytes())
    kept = platformdirs.user_cache_path("scalecert") / "control-plane"
    return kept / digest.hexdigest()[:16]
