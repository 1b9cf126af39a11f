"""`python -m scalecert.worlds.local.control_plane`: build the binaries and print where.

Nothing is built where `SCALECERT_KUBE_ASSETS` names a folder that has them.
"""

from __future__ import annotations

import sys

import click

from scalecert.errors import EnvironmentFault, UsageError
from scalecert.lines import one_line
from scalecert.worlds.local.control_plane.preparing import built_assets

UNUSABLE_INPUT, INCONCLUSIVE, INTERRUPTED = 2, 3, 130


def main() -> int:
    """Build, print the folder, return the exit code as the command line's: 2 if Go is missing."""
    try:
        click.echo(built_assets())
    except UsageError as error:
        return _fail(str(error), UNUSABLE_INPUT)
    except EnvironmentFault as error:
        return _fail(str(error), INCONCLUSIVE)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    return 0


def _fail(why: str, code: int) -> int:
    click.echo(f"scalecert: {one_line(why)}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
