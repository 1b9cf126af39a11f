"""Builds the control plane's binaries from the pinned Go module, into the user's cache.

The module (`control_plane/go.mod`) names the commands as its tools, so that `go build tool` makes
all of them in one go; go.sum fixes every source's hash. A cold build takes minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from scalecert.errors import EnvironmentFault
from scalecert.worlds.local.control_plane.assets import cache_folder, missing_in, module_folder
from scalecert.worlds.local.control_plane.toolchain import go_command

_ETCD_AS_BUILT: Final = "server"
"""Go names a command for the last part of its package's path; this one's is the module's."""

_VERSION_PACKAGES: Final = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
"""Both tell clients what they talk to; without this a build calls itself v0.0.0."""

Say = Callable[[str], None]


def build_assets(say: Say) -> Path:
    """Return the cache's folder with the binaries, and build them if it has none.

    Args:
        say: is told how far it is, in a line, now and then.

    Raises:
        UsageError: if there is no Go to build with.
        EnvironmentFault: if the build fails; nothing of it is left.
    """
    folder = cache_folder()
    if not missing_in(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".building-", dir=folder.parent) as scratch,
        go_command(say) as go,
    ):
        built = Path(scratch) / folder.name
        built.mkdir()
        say(f"building Kubernetes {kubernetes_version()} and etcd: minutes, once")
        _build(go, built, say)
        (built / _ETCD_AS_BUILT).rename(built / "etcd")
        _move(built, folder)
    return folder


def _move(built: Path, folder: Path) -> None:
    """Put a whole folder in its place, unless another build was faster; half a folder goes."""
    if missing_in(folder):
        shutil.rmtree(folder, ignore_errors=True)
        built.rename(folder)


def _build(go: Path, target: Path, say: Say) -> None:
    command = [
        *(str(go), "build", "-v", "-o", f"{target}{os.sep}"),
        *("-ldflags", " ".join(linker_flags(kubernetes_version()))),
        "tool",
    ]
    with subprocess.Popen(  # noqa: S603 - our own command
        command,
        cwd=module_folder(),
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        last = follow(process.stderr or (), say)
    if process.returncode or missing_in(target) != ["etcd"]:
        raise EnvironmentFault(
            f"go build of the control plane failed: {' / '.join(dict.fromkeys(last))}"
        )


def follow(lines: Iterable[str], say: Say) -> list[str]:
    """Tell how far a `go build -v` is, by what it prints; return the last lines that are no news.

    It prints `go: downloading MODULE VERSION` and, of what it compiles, a package's path.
    """
    downloaded = compiled = 0
    others: deque[str] = deque(maxlen=3)
    for line in map(str.strip, lines):
        if line.startswith("go: downloading "):
            downloaded += 1
        elif re.fullmatch(r"[\w.~-]+(/[\w.~-]+)*", line):
            compiled += 1
        elif line:
            others.append(line)
            continue
        say(f"building: {downloaded} modules downloaded, {compiled} packages compiled")
    return list(others)


def kubernetes_version() -> str:
    """Return the Kubernetes version that the module pins, e.g. `v1.36.3`."""
    pins = (module_folder() / "go.mod").read_text(encoding="utf-8")
    match = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", pins, re.MULTILINE)
    assert match, "go.mod pins Kubernetes"  # noqa: S101 - ours
    return match[1]


def linker_flags(version: str) -> list[str]:
    """Return what tells the linker which version the binaries say that they are."""
    major, minor = re.findall(r"\d+", version)[:2]
    said = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
    }
    return ["-s", "-w"] + [
        f"-X {package}.{name}={value}"
        for package in _VERSION_PACKAGES
        for name, value in said.items()
    ]


def _environment() -> dict[str, str]:
    """Return our environment with a build in it that depends on the module alone."""
    return os.environ | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
