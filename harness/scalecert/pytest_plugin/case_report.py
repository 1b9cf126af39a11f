"""What one test tells the session: plain data on pytest's own report.

xdist brings reports from its workers to the controller as JSON, so this is a text attribute of
the report; everything that the certificate needs travels by it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from scalecert import pipeline
from scalecert.certificate.completeness import Problem
from scalecert.checks.finding import Finding, Verdict
from scalecert.checks.guard import is_complete
from scalecert.checks.verdict import overall
from scalecert.errors import EnvironmentFault, UsageError
from scalecert.pytest_plugin.case import Case
from scalecert.pytest_plugin.outcomes import FindingsFailed, FindingsInconclusive
from scalecert.recording.runs import RecordedRun
from scalecert.scalars import decode_hook, encode_hook
from scalecert.suite import scenario_path

_ATTRIBUTE = "scalecert"


class CaseReport(msgspec.Struct, frozen=True):
    """One test of one case: `path` is the scenario's file, `subject` the HPA's name."""

    subject: str
    path: str
    runs: tuple[RecordedRun, ...] = ()
    findings: tuple[Finding, ...] = ()
    problem: Problem | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict of this case alone."""
        if self.problem and self.problem.kind == "assertion":
            return Verdict.FAIL
        if self.problem or not self.runs:
            return Verdict.INCONCLUSIVE
        return overall(self.findings, level=self.runs[0].plan.scenario.spec.level)

    @property
    def word(self) -> str:
        """The verdict as it may be said: what fewer runs than the guard band show is indicative."""
        complete = not self.runs or is_complete([run.plan for run in self.runs])
        return str(self.verdict) if complete else f"indicative {self.verdict}"


def attach(item: pytest.Item, report: pytest.TestReport, case_report: CaseReport) -> None:
    """Put the case's report on pytest's; findings become properties of the test too.

    Properties go by the test because JUnit files take them from the report of its teardown.
    """
    text = msgspec.json.encode(case_report, enc_hook=encode_hook).decode()
    setattr(report, _ATTRIBUTE, text)
    for finding in case_report.findings:
        item.user_properties.append((finding.id, f"{finding.verdict}: {finding.message}"))


def attached(report: pytest.TestReport) -> CaseReport | None:
    """Return the case's report that pytest's carries, None for tests that are no case."""
    text = getattr(report, _ATTRIBUTE, None)
    return msgspec.json.decode(text, type=CaseReport, dec_hook=decode_hook) if text else None


def describe(
    path: Path, subject: str, case: Case | None, call: pytest.CallInfo[None]
) -> CaseReport | None:
    """Return what a finished phase of a test says, None if it is nothing.

    Args:
        path: the test file.
        subject: the HPA's name.
        case: the case that the test had, None if its set-up did not come that far.
        call: the phase.
    """
    problem = _problem(call, case)
    if call.when != "call" and problem is None:
        return None
    return CaseReport(
        subject=subject,
        path=str(scenario_path(path).resolve()),
        runs=pipeline.recorded(case.runs) if case and case.runs else (),
        findings=case.findings if case and call.when == "call" else (),
        problem=problem,
    )


def is_inconclusive(call: pytest.CallInfo[None]) -> bool:
    """Tell whether a test ended without an answer: neither passed, failed nor skipped."""
    if call.excinfo is None:
        return False
    answers = (FindingsFailed, AssertionError, pytest.fail.Exception, pytest.skip.Exception)
    error = call.excinfo.value
    return isinstance(error, FindingsInconclusive) or not isinstance(error, answers)


def _problem(call: pytest.CallInfo[None], case: Case | None) -> Problem | None:
    if call.excinfo is None:
        unjudged = call.when == "call" and not (case and case.findings)
        return Problem("unjudged", "the test judged no recording") if unjudged else None
    error = call.excinfo.value
    text = " ".join(str(error).split())
    if isinstance(error, FindingsFailed | FindingsInconclusive):
        return None
    if isinstance(error, UsageError):
        return Problem("usage", text)
    if isinstance(error, EnvironmentFault):
        return Problem("crash", text)
    if isinstance(error, pytest.skip.Exception):
        return Problem("skip", text or "skipped")
    if isinstance(error, AssertionError | pytest.fail.Exception) and call.when == "call":
        return Problem("assertion", text or "assertion without a message")
    return Problem("crash", f"{type(error).__name__}: {text}")
