"""JUnit XML of a certificate: one test suite a scenario, one test case a finding.

An own writer, because the format is four elements. `fail` is a failure, `inconclusive` an error,
`skipped` is skipped; figures are properties. No time and no host name, so equal certificates give
equal bytes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from scalecert.certificate.document import Certificate, ScenarioResult
from scalecert.checks.finding import Finding, Verdict

_ELEMENTS = {
    Verdict.FAIL: "failure",
    Verdict.INCONCLUSIVE: "error",
    Verdict.SKIPPED: "skipped",
}
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAKS = {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def render(certificate: Certificate) -> bytes:
    """Return the certificate as JUnit XML, UTF-8."""
    return "\n".join(_document(certificate)).encode() + b"\n"


def _document(certificate: Certificate) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    totals = _totals(certificate.findings)
    yield f"<testsuites{_attributes(name=certificate.metadata.name, **totals)}>"
    for result in certificate.spec.scenarios:
        yield from _suite(result)
    yield "</testsuites>"


def _totals(findings: Iterable[Finding]) -> dict[str, str]:
    verdicts = [finding.verdict for finding in findings]
    return {
        "tests": str(len(verdicts)),
        "failures": str(verdicts.count(Verdict.FAIL)),
        "errors": str(verdicts.count(Verdict.INCONCLUSIVE)),
        "skipped": str(verdicts.count(Verdict.SKIPPED)),
    }


def _suite(result: ScenarioResult) -> Iterator[str]:
    yield f"  <testsuite{_attributes(name=result.id, **_totals(result.findings))}>"
    for finding in result.findings:
        yield from _case(finding)
    yield "  </testsuite>"


def _case(finding: Finding) -> Iterator[str]:
    yield f"    <testcase{_attributes(classname=finding.scenario, name=finding.id)}>"
    yield "      <properties>"
    for name, value in _properties(finding).items():
        yield f"        <property{_attributes(name=name, value=value)}/>"
    yield "      </properties>"
    element = _ELEMENTS.get(finding.verdict)
    if element:
        head = f"      <{element}{_attributes(message=finding.message)}>"
        yield f"{head}{_text(finding.next_step)}</{element}>"
    yield "    </testcase>"


def _properties(finding: Finding) -> dict[str, str]:
    figures = {"measured": finding.measured, "limit": finding.limit}
    return {
        "level": finding.level,
        **{name: repr(value) for name, value in figures.items() if value is not None},
        "comparison": finding.comparison,
        "unit": finding.unit,
    }


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{_attribute(value)}"' for name, value in values.items())


def _attribute(value: str) -> str:
    """Return an attribute's value; line breaks as references, or a parser makes them spaces."""
    return re.sub(r"[\t\n\r]", lambda match: _BREAKS[match[0]], _text(value))


def _text(value: str) -> str:
    """Return text as XML may hold it: markup escaped, control characters spelt out."""
    return html.escape(_NOT_XML.sub(lambda match: f"\\x{ord(match[0]):02x}", value))
