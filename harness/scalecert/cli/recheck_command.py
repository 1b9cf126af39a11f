"""`scalecert recheck`: judge stored recordings again, without a world."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scalecert.cli import rendering

if TYPE_CHECKING:
    from scalecert.certificate.document import Certificate


@click.command("recheck")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the certificate itself.")
@click.option("-v", "--verbose", is_flag=True, help="Show provenance.")
def command(folder: Path, as_json: bool, verbose: bool) -> int:
    """Judge stored recordings again, without a world.

    DIR is what --out named, or one recording below it. Nothing is written.

    Exit codes: 0 certified, 1 not certified, 2 unusable input, 3 inconclusive.
    """
    from scalecert.artifacts import recording_folders
    from scalecert.errors import UsageError

    recordings = recording_folders(folder)
    if not recordings:
        hint = "the folder that --out named, or one recording below it"
        raise UsageError("found no recording (scenario.json)", file=str(folder), hint=hint)
    certificates = [
        _certificate(list(group)) for _, group in groupby(recordings, key=lambda one: one.parent)
    ]
    if as_json:
        rendering.print_certificates_json(certificates)
    else:
        rendering.print_certificates(certificates, verbose=verbose)
    return rendering.exit_code(certificates)


def _certificate(folders: list[Path]) -> Certificate:
    """Judge the recordings of one HPA."""
    from scalecert import clock, pipeline
    from scalecert.recording.store import load

    recordings = [load(folder) for folder in folders]
    plans = [recording.plan for recording in recordings]
    findings = [finding for recording in recordings for finding in pipeline.judge(recording)]
    return pipeline.issue(plans[0].policy.name, plans, findings, clock.utc_now())
