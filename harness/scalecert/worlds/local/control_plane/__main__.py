"""`python -m scalecert.worlds.local.control_plane`: build the binaries and print where."""

from __future__ import annotations

import sys

import click

from scalecert.clock import monotonic_seconds
from scalecert.errors import ScaleCertError, UsageError
from scalecert.worlds.local.control_plane.building import build_assets
from scalecert.worlds.local.linux import require_linux

_LINE_SECONDS = 10.0
"""Between lines of progress where no terminal can overwrite one."""


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


def main() -> int:
    """Build, print the folder, return the exit code: 0, 2 if Go is missing, 3 for a fault."""
    progress = _Progress()
    try:
        require_linux()
        folder = build_assets(progress)
    except ScaleCertError as error:
        progress.end()
        click.echo(f"scalecert: {error}", err=True)
        return 2 if isinstance(error, UsageError) else 3
    progress.end()
    click.echo(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
