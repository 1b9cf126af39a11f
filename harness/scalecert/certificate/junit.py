"""JUnit XML of a certificate: one test suite a scenario, one test case a finding.

An own writer, because the format is four elements. `fail` is a failure, `inconclusive` an error,
`skipped` is skipped; figures are properties. No time and no host name, so equal certificates give
equal bytes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from scalecert.certificate.document import Certificate, ScenarioResult, Spec
from scalecert.checks.finding import Finding, Verdict

_ELEMENTS = {
    Verdict.FAIL: "failure",
    Verdict.INCONCLUSIVE: "error",
    Verdict.SKIPPED: "skipped",
}
GUARD_BAND = "guard-band"
"""The test case that a scenario has where runs of its guard band are missing."""
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAKS = {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def render(certificate: Certificate) -> bytes:
    """Return the certificate as JUnit XML, UTF-8."""
    return "\n".join(_document(certificate)).encode() + b"\n"


def _document(certificate: Certificate) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    guard = certificate.spec.guard
    whole = guard is None or guard.complete
    results = [one if whole else _indicative(one) for one in certificate.spec.scenarios]
    totals = _totals(found for result in results for found in result.findings)
    yield f"<testsuites{_attributes(name=certificate.metadata.name, **totals)}>"
    for result in results:
        yield from _suite(result, _absolute(certificate.spec, result))
    yield "</testsuites>"


def _indicative(result: ScenarioResult) -> ScenarioResult:
    """Return a scenario with an error of its own: readers of JUnit see no verdict above it."""
    missing = Finding(
        id=GUARD_BAND,
        scenario=result.id,
        level=result.level,
        verdict=Verdict.INCONCLUSIVE,
        measured=None,
        limit=None,
        unit="",
        comparison="==",
        message="indicative only: runs of the guard band are missing, so nothing is certified",
        next_step="scalecert certify without --quick",
    )
    return msgspec.structs.replace(result, findings=(*result.findings, missing))


def _absolute(spec: Spec, result: ScenarioResult) -> dict[str, str]:
    """Return what the scenario was run at, in absolute figures, and the assurance level."""
    found = {}
    if spec.assurance is not None:
        found["assurance"] = f"{spec.assurance.level} ({spec.assurance.title})"
    if spec.wall_clock is not None:
        found["timeLapse"] = str(spec.wall_clock.time_lapse)
        found["streamedShare"] = repr(spec.wall_clock.streamed_share)
    if result.load is not None:
        found["peakRequestsPerSecond"] = repr(result.load.peak_per_second)
        found["meanRequestsPerSecond"] = repr(result.load.mean_per_second)
    if result.efficiency is not None:
        found["tokensPerCurrencyUnit"] = repr(result.efficiency.tokens_per_currency_unit)
        found["currency"] = result.efficiency.currency
    for one in spec.capacity:
        if result.id in one.scenarios:
            found["replicaRequestsPerSecond"] = repr(one.requests_per_second)
            found["replicaInputTokensPerSecond"] = repr(one.input_tokens_per_second)
            found["replicaOutputTokensPerSecond"] = repr(one.output_tokens_per_second)
    return found


def _totals(findings: Iterable[Finding]) -> dict[str, str]:
    verdicts = [finding.verdict for finding in findings]
    return {
        "tests": str(len(verdicts)),
        "failures": str(verdicts.count(Verdict.FAIL)),
        "errors": str(verdicts.count(Verdict.INCONCLUSIVE)),
        "skipped": str(verdicts.count(Verdict.SKIPPED)),
    }


def _suite(result: ScenarioResult, properties: Mapping[str, str]) -> Iterator[str]:
    yield f"  <testsuite{_attributes(name=result.id, **_totals(result.findings))}>"
    yield from _listed(properties, indent="    ")
    for finding in result.findings:
        yield from _case(finding)
    yield "  </testsuite>"


def _case(finding: Finding) -> Iterator[str]:
    yield f"    <testcase{_attributes(classname=finding.scenario, name=finding.id)}>"
    yield from _listed(_properties(finding), indent="      ")
    element = _ELEMENTS.get(finding.verdict)
    if element:
        head = f"      <{element}{_attributes(message=finding.message)}>"
        yield f"{head}{_text(finding.next_step)}</{element}>"
    yield "    </testcase>"


def _listed(properties: Mapping[str, str], *, indent: str) -> Iterator[str]:
    if not properties:
        return
    yield f"{indent}<properties>"
    for name, value in properties.items():
        yield f"{indent}  <property{_attributes(name=name, value=value)}/>"
    yield f"{indent}</properties>"


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
