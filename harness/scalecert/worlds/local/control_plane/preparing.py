"""Before a world opens: its binaries are there, or are built now, told on stderr."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

from scalecert.clock import monotonic_seconds
from scalecert.worlds.local.control_plane.assets import (
    ENVIRONMENT_VARIABLE,
    cache_folder,
    find_assets,
    kubernetes_folder,
    missing_in,
)
from scalecert.worlds.local.control_plane.building import build_assets
from scalecert.worlds.local.linux import require_linux

_LINE_SECONDS: Final = 10.0
"""Between lines of progress where no terminal can overwrite one."""


def prepare_assets() -> None:
    """Build what a world needs and the cache lacks; once, in minutes, told on stderr.

    Raises:
        UsageError: if this is not Linux, or what can't be built is missing: it says what to do.
        EnvironmentFault: if the build fails.
    """
    if os.environ.get(ENVIRONMENT_VARIABLE) or not missing_in(cache_folder()):
        find_assets()
        return
    built_assets()
    find_assets()


def built_assets() -> Path:
    """Build the binaries, and return their folder; `SCALECERT_KUBE_ASSETS` spares the work.

    Raises:
        UsageError: if this is not Linux, Go is missing, or the named folder lacks something.
        EnvironmentFault: if the build fails.
    """
    require_linux()
    if os.environ.get(ENVIRONMENT_VARIABLE):
        return kubernetes_folder(os.environ)
    progress = _Progress()
    try:
        return build_assets(progress)
    finally:
        progress.end()


class _Progress:
    """Says on stderr how far the build is: in one line of a terminal, else now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._next_seconds = 0.0

    def __call__(self, text: str) -> None:
        if self._terminal:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)
        elif monotonic_seconds() >= self._next_seconds:
            self._next_seconds = monotonic_seconds() + _LINE_SECONDS
            click.echo(text, err=True)

    def end(self) -> None:
        """Leave the terminal's line."""
        if self._terminal:
            click.echo(err=True)
