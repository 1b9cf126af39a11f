"""`scalecert recheck`: judge stored recordings again, without a world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scalecert.cli import rendering
from scalecert.cli.own_suite import load_own_suite

if TYPE_CHECKING:
    from scalecert.certificate.document import Certificate
    from scalecert.checks.finding import Finding
    from scalecert.recording.plan import Plan


@click.command("recheck")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--suite", metavar="FOLDER", help="Suite of your own, whose test files register its checks."
)
@click.option("--json", "as_json", is_flag=True, help="Print the certificate itself.")
def command(folder: Path, suite: str | None, as_json: bool) -> int:
    """Judge stored recordings again, without a world.

    DIR is what --out named, or one recording below it; of one recording the findings are shown,
    for one case is no certificate. Nothing is written.

    Exit codes: 0 certified, 1 not certified, 2 unusable input, 3 inconclusive.
    """
    from scalecert.certificate.artifacts import recording_folders
    from scalecert.errors import UsageError

    if suite is not None:
        load_own_suite(suite)
    recordings = recording_folders(folder)
    if not recordings:
        hint = "the folder that --out named, or one recording below it"
        raise UsageError("found no recording (scenario.json)", file=str(folder), hint=hint)
    if recordings == (folder,):
        return _recheck_one(folder, as_json=as_json)
    by_policy = groupby(recordings, key=lambda one: one.parent.parent)
    certificates = [_certificate(place, list(group)) for place, group in by_policy]
    if as_json:
        rendering.print_certificates_json(certificates)
    else:
        rendering.print_certificates(certificates)
    return rendering.exit_code(certificates)


def _recheck_one(folder: Path, *, as_json: bool) -> int:
    from scalecert.checks.verdict import exit_code, overall

    plan, findings = _judged(folder)
    verdict = overall(findings, level=plan.scenario.spec.level)
    if as_json:
        rendering.print_json(findings)
        return exit_code(verdict)
    rendering.print_rows(findings)
    objective = ",".join(term.text() for term in plan.objective)
    click.echo(f"\n{verdict} {plan.scenario.metadata.name}: {plan.policy.name}, {objective}")
    return exit_code(verdict)


def _certificate(place: Path, folders: Iterable[Path]) -> Certificate:
    """Judge the recordings of one HPA; `place` is where its certificate lies."""
    from scalecert import clock, pipeline

    judged = [_judged(folder) for folder in folders]
    plans = [plan for plan, _ in judged]
    findings = [finding for _, found in judged for finding in found]
    findings += _of_cases(place, plans)
    return pipeline.issue(plans[0].policy.name, plans, findings, clock.utc_now())


def _judged(folder: Path) -> tuple[Plan, tuple[Finding, ...]]:
    from scalecert import pipeline
    from scalecert.recording.store import load

    recording = load(folder)
    return recording.plan, pipeline.judge(recording)


def _of_cases(place: Path, plans: Sequence[Plan]) -> list[Finding]:
    """Return what recordings can't tell: cases that were not run, and assertions of authors.

    The certificate beside the recordings has it, and the shipped suites say which of their cases
    are missing.
    """
    from scalecert.certificate.artifacts import CERTIFICATE
    from scalecert.certificate.completeness import carried_over, missing

    certified = (place / CERTIFICATE).is_file()
    findings = rendering.read_certificate(place).findings if certified else ()
    told = carried_over(findings, plans)
    known = {finding.scenario for finding in told}
    return [*told, *(finding for finding in missing(plans) if finding.scenario not in known)]
