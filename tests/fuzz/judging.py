"""From a recording to everything that a user is shown, and what must hold of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from fuzz.bounds import check_line

from scalecert.certificate import junit, text
from scalecert.certificate.document import Certificate, issue
from scalecert.checks.billing import bill
from scalecert.checks.finding import Finding, Verdict
from scalecert.checks.judge import judge
from scalecert.documents import canonical_json
from scalecert.planning.trial import Trial
from scalecert.recording.model import Recording
from scalecert.recording.runs import RecordedRun
from scalecert.worlds.sim import SimWorld

DATE = "2026-01-01T00:00:00Z"


def run_and_judge(trial: Trial) -> Certificate:
    """Run a trial, and judge and show what was recorded."""
    return judge_and_show(SimWorld().run(trial))


def judge_and_show(recording: Recording) -> Certificate:
    """Judge a recording, and show its certificate in every way."""
    findings = judge(recording)
    for finding in findings:
        check_finding(finding)
    runs = [RecordedRun(recording.plan, "sha256:0", bill(recording))]
    certificate = issue(recording.plan.policy.name, runs, findings, DATE)
    show(certificate)
    return certificate


def show(certificate: Certificate) -> None:
    """Write a certificate as JSON, JUnit and text."""
    canonical_json(certificate)
    ET.fromstring(junit.render(certificate))  # noqa: S314 - our own
    for line in text.summary(certificate).splitlines():
        assert line.isprintable(), ascii(line[:200])
    for finding in certificate.findings:
        check_line(text.row(finding))


def check_finding(finding: Finding) -> None:
    """Assert that a finding is JSON, speaks in single lines, and names no crash of ours."""
    canonical_json(finding)
    check_line(finding.message)
    if finding.verdict is not Verdict.PASS:
        check_line(finding.next_step)
    for crash in ("MemoryError", "RecursionError"):
        assert crash not in finding.message
