"""Merging: many findings to one verdict, and the verdict to an exit code."""

from __future__ import annotations

from collections.abc import Iterable

from scalecert.checks.finding import Finding, Verdict
from scalecert.scenario.model import Level

EXIT_CODES = {
    Verdict.PASS: 0,
    Verdict.FAIL: 1,
    Verdict.INCONCLUSIVE: 3,
    Verdict.SKIPPED: 3,
}
"""2 is unusable input and 130 an interrupt: no verdict has them."""


def overall(findings: Iterable[Finding], *, level: Level = "core") -> Verdict:
    """Return the verdict of all findings of a level together.

    One failure decides; then anything inconclusive or skipped; and no finding at all is
    inconclusive too, because nothing was shown. Of a certificate only core findings decide;
    extended ones are reported.
    """
    verdicts = {finding.verdict for finding in findings if finding.level == level}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.INCONCLUSIVE


def exit_code(verdict: Verdict) -> int:
    """Return the process's exit code: 0 certified, 1 not certified, 3 inconclusive."""
    return EXIT_CODES[verdict]
