"""A certificate once more, from the recordings that the first one was issued on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scalecert.certificate.document import Certificate
    from scalecert.checks.finding import Finding
    from scalecert.recording.plan import Plan
    from scalecert.recording.runs import RecordedRun, Runs


def runs_of(case: Path) -> Runs:
    """Return the runs in a case's folder.

    Raises:
        UsageError: if one can't be read.
    """
    from scalecert.certificate.artifacts import run_folders
    from scalecert.recording.runs import runs_in

    return runs_in(run_folders(case))


def certificate(place: Path, cases: Iterable[Path]) -> Certificate:
    """Judge the recordings of one HPA again.

    Args:
        place: where its certificate lies.
        cases: the folders of its cases.

    Raises:
        UsageError: if a recording can't be read.
    """
    from scalecert import clock, pipeline

    recorded: list[RecordedRun] = []
    findings: list[Finding] = []
    for case in cases:
        runs = runs_of(case)
        recorded += pipeline.recorded(runs)
        findings += pipeline.judge_runs(runs)
    findings += _of_cases(place, [run.plan for run in recorded])
    return pipeline.issue(recorded[0].plan.policy.name, recorded, findings, clock.utc_now())


def _of_cases(place: Path, plans: Sequence[Plan]) -> list[Finding]:
    """Return what recordings can't tell: cases that were not run, and assertions of authors.

    The certificate beside the recordings has it, and the shipped suites say which of their cases
    are missing.
    """
    from scalecert.certificate.artifacts import CERTIFICATE
    from scalecert.certificate.completeness import carried_over, missing
    from scalecert.cli import rendering

    certified = (place / CERTIFICATE).is_file()
    findings = rendering.read_certificate(place).findings if certified else ()
    told = carried_over(findings, plans)
    known = {finding.scenario for finding in told}
    return [*told, *(finding for finding in missing(plans) if finding.scenario not in known)]
