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
    from scalecert.suite import Suite


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
        UsageError: if a recording can't be read, or they are of several policies.
    """
    from scalecert import clock, pipeline
    from scalecert.certificate.artifacts import CERTIFICATE
    from scalecert.cli import rendering

    certified = (place / CERTIFICATE).is_file()
    told = rendering.read_certificate(place).findings if certified else ()
    recorded, findings = _judged(map(runs_of, cases))
    _check_policy(place, recorded)
    findings += _of_cases(told, [run.plan for run in recorded])
    return pipeline.issue(recorded[0].plan.policy.name, recorded, findings, clock.utc_now())


def recomputed(issued: Certificate, cases: Iterable[Runs], own: Sequence[Suite]) -> Certificate:
    """Return what a certificate must be, if its recordings are what they were.

    A scenario that the certificate calls not completed, and has no other finding of, was recorded
    and never judged; so it is not judged here.

    Args:
        issued: the certificate; what recordings can't tell is taken from it.
        cases: the recordings that it names.
        own: suites of the author's own.

    Raises:
        UsageError: if a recording can't be read.
        HarnessBug: if the recordings are of different policies.
    """
    from scalecert import pipeline
    from scalecert.certificate.completeness import OF_CASES

    told = issued.findings
    unjudged = {one.scenario for one in told} - {
        one.scenario for one in told if one.id not in OF_CASES
    }
    recorded, findings = _judged(cases, leave_out=unjudged)
    findings += _of_cases(told, [run.plan for run in recorded], own)
    name, date = recorded[0].plan.policy.name, issued.metadata.date
    return pipeline.issue(name, recorded, findings, date)


def _judged(
    cases: Iterable[Runs], *, leave_out: Iterable[str] = ()
) -> tuple[list[RecordedRun], list[Finding]]:
    from scalecert import pipeline

    recorded: list[RecordedRun] = []
    findings: list[Finding] = []
    for runs in cases:
        known = pipeline.recorded(runs)
        recorded += known
        if known[0].plan.scenario.metadata.name not in leave_out:
            findings += pipeline.judge_runs(runs)
    return recorded, findings


def _check_policy(place: Path, recorded: Sequence[RecordedRun]) -> None:
    """Refuse recordings from before and after a policy was edited, and of several worlds.

    Raises:
        UsageError: naming one of each.
    """
    from scalecert.certificate.document import in_common
    from scalecert.errors import UsageError

    found = {in_common(run.plan): run.plan.scenario.metadata.name for run in recorded}
    if len(found) > 1:
        policies = {(key.policy, key.digest) for key in found}
        several, one = ("policies", "policy") if len(policies) > 1 else ("worlds", "world and pace")
        raise UsageError(
            f"found recordings of different {several}, those of {' and '.join(found.values())},"
            f" expected one {one}",
            file=str(place),
            hint="record all again: scalecert certify",
        )


def _of_cases(
    told: Iterable[Finding], plans: Sequence[Plan], own: Sequence[Suite] = ()
) -> list[Finding]:
    """Return what recordings can't tell: cases that were not run, and assertions of authors.

    The certificate has it, and the suites say which of their cases are missing.
    """
    from scalecert.certificate.completeness import carried_over, missing

    kept = carried_over(told, plans, own)
    known = {finding.scenario for finding in kept}
    return [*kept, *(finding for finding in missing(plans, own) if finding.scenario not in known)]
