"""`python -m scalecert.worlds.local.control_plane`: build the binaries and print where.

Nothing is built where `SCALECERT_KUBE_ASSETS` names a folder that has them.
"""

from __future__ import annotations

import os
import sys

import click

from scalecert.clock import monotonic_seconds
from scalecert.errors import EnvironmentFault, UsageError
from scalecert.lines import one_line
from scalecert.worlds.local.control_plane.assets import ENVIRONMENT_VARIABLE, kubernetes_folder
from scalecert.worlds.local.control_plane.building import build_assets
from scalecert.worlds.local.linux import require_linux

UNUSABLE_INPUT, INCONCLUSIVE, INTERRUPTED = 2, 3, 130

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

    def fail(self, why: str, code: int) -> int:
        """Say why there will be no more, and return the exit code."""
        self.end()
        click.echo(f"scalecert: {one_line(why)}", err=True)
        return code


def main() -> int:
    """Build, print the folder, return the exit code as the command line's: 2 if Go is missing."""
    progress = _Progress()
    try:
        require_linux()
        named = os.environ.get(ENVIRONMENT_VARIABLE)
        folder = kubernetes_folder(os.environ) if named else build_assets(progress)
    except UsageError as error:
        return progress.fail(str(error), UNUSABLE_INPUT)
    except EnvironmentFault as error:
        return progress.fail(str(error), INCONCLUSIVE)
    except KeyboardInterrupt:
        return progress.fail("interrupted", INTERRUPTED)
    progress.end()
    click.echo(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
