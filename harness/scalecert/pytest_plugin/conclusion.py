"""The end of a certifying session: reports of tests to certificates, rows and an exit status.

Runs in the controller alone. Reports may come in any order (xdist); what is written depends on
the cases, never on that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from scalecert import clock, pipeline
from scalecert.certificate import artifacts, document, junit, text
from scalecert.certificate.completeness import complete
from scalecert.certificate.document import Certificate
from scalecert.checks.finding import Finding, Verdict
from scalecert.checks.verdict import overall
from scalecert.documents import write_atomic
from scalecert.errors import UsageError
from scalecert.pytest_plugin import case_report, options
from scalecert.pytest_plugin.case_report import CaseReport
from scalecert.pytest_plugin.events import Events
from scalecert.suite import Case, load_case, suite_of


class Conclusion:
    """Collects what the tests report, and concludes.

    Args:
        config: pytest's.
        folders: where each HPA's certificate goes, by name in order of the manifests.
        events: who watches is told of each case.
    """

    def __init__(self, config: pytest.Config, folders: Mapping[str, Path], events: Events) -> None:
        self._config = config
        self._folders = folders
        self._reports: list[CaseReport] = []
        self._certificates: list[Certificate] = []
        self._remarks: list[str] = []
        self._events = events
        self._claim = ExitStack()

    def pytest_sessionstart(self) -> None:
        """Make the output folder ready and keep others out; the command line has done so itself.

        Raises:
            pytest.UsageError: if it can't be written, or another run writes there.
        """
        if self._config.option.collectonly or self._events.watched:
            return
        try:
            self._claim.enter_context(artifacts.claimed(options.out(self._config)))
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None

    def pytest_unconfigure(self) -> None:
        """Let others write into the output folder."""
        self._claim.close()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a case reports, and pass its verdict on to who watches."""
        case = case_report.attached(report)
        if case is None:
            return
        self._reports.append(case)
        self._events.tell(
            subject=case.subject,
            scenario=Path(case.path).stem,
            verdict=case.word,
            problem=case.problem.text if case.problem else None,
            usage=bool(case.problem and case.problem.kind == "usage"),
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the certificates, and let nothing undecided end with exit status 0."""
        if not self._reports:
            return
        try:
            self._conclude(session)
        except UsageError as error:
            self._remarks.append(f"error: {error}")
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print each certificate's rows and verdict."""
        for certificate in self._certificates:
            terminalreporter.section("scalecert")
            rows = [text.header(), *(text.row(finding) for finding in certificate.findings)]
            for line in (*rows, "", *text.summary(certificate).splitlines()):
                terminalreporter.write_line(line)
        for remark in self._remarks:
            terminalreporter.write_line(f"scalecert: {remark}")

    def _conclude(self, session: pytest.Session) -> None:
        usage = [
            report.problem.text
            for report in self._reports
            if report.problem and report.problem.kind == "usage"
        ]
        if usage:
            raise UsageError(usage[0])
        cases = _cases_of(self._reports)
        for name in self._folders:
            reports = [report for report in self._reports if report.subject == name]
            self._certify(name, reports, cases)
        self._judge_status(session, cases)

    def _certify(
        self, name: str, reports: Iterable[CaseReport], cases: Mapping[Path, Case]
    ) -> None:
        by_case: dict[Path, list[CaseReport]] = {path: [] for path in cases}
        for report in reports:
            by_case[Path(report.path)].append(report)
        runs = [
            run
            for path in cases
            for run in next((report.runs for report in by_case[path] if report.runs), ())
        ]
        findings = [
            finding for path, case in cases.items() for finding in _findings_of(case, by_case[path])
        ]
        if not runs:
            self._remarks.append(f"{name}: nothing was recorded, so there is no certificate")
            return
        certificate = pipeline.issue(name, runs, findings, clock.utc_now())
        folder = self._folders[name]
        document.save(certificate, folder / artifacts.CERTIFICATE)
        write_atomic(folder / artifacts.JUNIT, junit.render(certificate))
        self._certificates.append(certificate)

    def _judge_status(self, session: pytest.Session, cases: Mapping[Path, Case]) -> None:
        """Fail a session that pytest would call passed but that shows no pass.

        Cases that the author left out by `-k` or by path are on the certificate as skipped, which
        is never a pass, but they are no failure of what did run.
        """
        if session.exitstatus != pytest.ExitCode.OK:
            return
        for certificate in self._certificates:
            if certificate.spec.guard is not None and not certificate.spec.guard.complete:
                name = certificate.metadata.name
                self._remarks.append(f"{name} is indicative only: its guard band was not run")
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for name in self._folders:
            reports = [report for report in self._reports if report.subject == name]
            run = {Path(report.path) for report in reports}
            found = [
                finding
                for path in sorted(run)
                for finding in _findings_of(
                    cases[path], [report for report in reports if Path(report.path) == path]
                )
            ]
            verdict = overall(found)
            if verdict is not Verdict.PASS:
                self._remarks.append(f"{name} is {verdict}: {_reason(found)}")
                session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _findings_of(case: Case, reports: Iterable[CaseReport]) -> tuple[Finding, ...]:
    told = list(reports)
    findings = [finding for report in told for finding in report.findings]
    return complete(case, findings, [report.problem for report in told if report.problem])


def _cases_of(reports: Iterable[CaseReport]) -> dict[Path, Case]:
    """Return every case of every suite that a report came from, by its file."""
    cases: dict[Path, Case] = {}
    for path in sorted({Path(report.path) for report in reports}):
        if path not in cases:
            cases.update((case.path, case) for case in suite_of(load_case(path)).cases)
    return dict(sorted(cases.items()))


def _reason(findings: Iterable[Finding]) -> str:
    """Return what keeps findings from being a pass, in one line."""
    undecided = [
        f"{finding.scenario}: {finding.id}: {finding.message}"
        for finding in findings
        if finding.verdict is not Verdict.PASS and finding.level == "core"
    ]
    return "; ".join(undecided) or "no core finding, so nothing was shown"
