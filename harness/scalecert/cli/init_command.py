"""`scalecert init`: a first case of one's own."""

from __future__ import annotations

import re
from pathlib import Path

import click

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--id", "case_id", default="own-load", show_default=True, help="The scenario's id.")
def command(folder: Path, case_id: str) -> None:
    """Make a first case of your own.

    A scenario, its test, a suite file, and a schema for the editor. Nothing that is there is
    overwritten.
    """
    from scalecert.cli.skeleton import files
    from scalecert.documents import write_atomic
    from scalecert.errors import UsageError

    if not _ID.fullmatch(case_id):
        raise UsageError(f"found {case_id!r}, expected a kebab word such as own-load", file="--id")
    made = {folder / name: text for name, text in files(case_id, suite=_suite_name(folder)).items()}
    for path in made:
        if path.exists():
            raise UsageError("is there already, nothing was written", file=str(path))
    for path, text in made.items():
        try:
            write_atomic(path, text.encode())
        except OSError as error:
            raise UsageError(f"can't be written: {error.strerror}", file=str(path)) from error
        click.echo(f"made {path}", err=True)
    scenario = folder / f"{case_id}.yaml"
    click.echo(f"Edit {scenario}, then run one of")
    click.echo(f"  scalecert certify POLICY --suite {folder} --objective ttft_p95=2s")
    click.echo(f"  pytest {folder} --policy POLICY --objective ttft_p95=2s")


def _suite_name(folder: Path) -> str:
    return folder.resolve().name
