"""`scalecert recheck`: judge stored recordings again, without a world."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scalecert.cli import rendering
from scalecert.cli.own_suite import load_own_suite

if TYPE_CHECKING:
    from scalecert.recording.runs import Runs


@click.command("recheck")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--suite", metavar="FOLDER", help="Suite of your own, whose test files register its checks."
)
@click.option("--json", "as_json", is_flag=True, help="Print the certificate itself.")
def command(folder: Path, suite: str | None, as_json: bool) -> int:
    """Judge stored recordings again, without a world.

    DIR is what --out named, or one case or run below it; of these the findings are shown, for one
    case is no certificate, and fewer runs than its guard band are indicative. Nothing is written.

    Exit codes: 0 certified, 1 not certified, 2 unusable input, 3 inconclusive or indicative.
    """
    from scalecert.certificate.artifacts import case_folders
    from scalecert.cli import reissue
    from scalecert.errors import UsageError

    if suite is not None:
        load_own_suite(suite)
    cases = case_folders(folder)
    if not cases:
        hint = "the folder that --out named, or a case or run below it"
        raise UsageError("found no recording (scenario.json)", file=str(folder), hint=hint)
    if cases == (folder,):
        return _recheck_one(reissue.runs_of(folder), as_json=as_json)
    by_policy = groupby(cases, key=lambda case: case.parent.parent)
    certificates = [reissue.certificate(place, tuple(group)) for place, group in by_policy]
    if as_json:
        rendering.print_certificates_json(certificates)
    else:
        rendering.print_certificates(certificates)
    return rendering.exit_code(certificates)


def _recheck_one(runs: Runs, *, as_json: bool) -> int:
    from scalecert import pipeline
    from scalecert.certificate.text import bill_line
    from scalecert.checks.finding import Verdict
    from scalecert.checks.guard import is_complete
    from scalecert.checks.verdict import exit_code, overall

    findings = pipeline.judge_runs(runs)
    recorded = pipeline.recorded(runs)
    plans = [run.plan for run in recorded]
    plan, complete = plans[0], is_complete(plans)
    verdict = overall(findings, level=plan.scenario.spec.level)
    code = exit_code(verdict if complete else Verdict.INCONCLUSIVE)
    if as_json:
        rendering.print_json(findings)
        return code
    rendering.print_rows(findings)
    objective = ",".join(term.text() for term in plan.objective)
    count = f"{len(runs.folders)} run{'s' if len(runs.folders) > 1 else ''}"
    word = verdict if complete else f"indicative {verdict}"
    click.echo()
    if recorded[0].bill is not None:
        click.echo(bill_line(recorded[0].bill))
    click.echo(f"{word} {plan.scenario.metadata.name}: {plan.policy.name}, {objective} ({count})")
    return code
