"""JUnit: each finding a test case that CI systems understand."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from factories import make_certificate, make_plan, make_runs
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.certificate import junit
from scalecert.certificate.document import issue
from scalecert.checks.finding import Finding, Verdict

ELEMENTS = {Verdict.FAIL: "failure", Verdict.INCONCLUSIVE: "error", Verdict.SKIPPED: "skipped"}


def rendered(*findings: Finding) -> ET.Element:
    certificate = issue("vllm", make_runs(make_plan()), findings, "2026-01-01T00:00:00Z")
    return ET.fromstring(junit.render(certificate))  # noqa: S314 - our own output


def finding(verdict: Verdict, message: str = "because", next_step: str = "do") -> Finding:
    return Finding(
        "ttft-objective", "steady", "core", verdict, 2.5, 2.0, "s", "<=", message, next_step
    )


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_finding_is_a_test_case(verdict: Verdict) -> None:
    """Classname is the scenario, name the check; the verdict is the element inside."""
    root = rendered(finding(verdict))
    case = root.find("testsuite/testcase")
    assert (case.get("classname"), case.get("name")) == ("steady", "ttft-objective")
    outcomes = [child.tag for child in case if child.tag != "properties"]
    assert outcomes == ([ELEMENTS[verdict]] if verdict in ELEMENTS else [])


def test_a_failure_says_why_and_what_next() -> None:
    """The message is what CI shows first, the text is the next step."""
    failure = rendered(finding(Verdict.FAIL)).find("testsuite/testcase/failure")
    assert (failure.get("message"), failure.text) == ("because", "do")


def test_figures_are_properties() -> None:
    """Measured, limit, unit and level can be read without parsing prose."""
    root = rendered(finding(Verdict.PASS))
    entries = root.iterfind("testsuite/testcase/properties/property")
    found = {entry.get("name"): entry.get("value") for entry in entries}
    assert found == {
        "level": "core", "measured": "2.5", "limit": "2.0", "comparison": "<=", "unit": "s",
    }  # fmt: skip


def test_a_scenario_says_what_it_was_run_at() -> None:
    """A load in units of capacity means nothing without it, nor a pass without a level."""
    entries = rendered(finding(Verdict.PASS)).iterfind("testsuite/properties/property")
    assert {entry.get("name"): entry.get("value") for entry in entries} == {
        "assurance": "S1 (sim, estimated profile)",
        "peakRequestsPerSecond": "10.0",
        "meanRequestsPerSecond": "10.0",
        "tokensPerCurrencyUnit": repr(4_608_000 / (7 / 6)),
        "currency": "USD",
        "replicaRequestsPerSecond": "3.0",
        "replicaInputTokensPerSecond": "768.0",
        "replicaOutputTokensPerSecond": "384.0",
    }


def test_without_its_guard_band_a_pass_is_no_green_suite() -> None:
    """A reader of JUnit sees no headline, so an error says that it is indicative."""
    runs = make_runs(make_plan())[:1]
    certificate = issue("vllm", runs, [finding(Verdict.PASS)], "2026-01-01T00:00:00Z")
    root = ET.fromstring(junit.render(certificate))  # noqa: S314 - our own output
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["2", "0", "1"]
    (error,) = root.iterfind("testsuite/testcase[@name='guard-band']/error")
    assert error.get("message").startswith("indicative only")


def test_counts_add_up() -> None:
    """Of the whole and of each suite."""
    root = rendered(*(finding(verdict) for verdict in (*Verdict, Verdict.FAIL)))
    for element in (root, root.find("testsuite")):
        counts = [element.get(name) for name in ("tests", "failures", "errors", "skipped")]
        assert counts == ["5", "2", "1", "1"]


def test_equal_certificates_give_equal_bytes() -> None:
    """No time, no host name: not even the date."""
    first, later = make_certificate(), make_certificate(date="2027-01-01T00:00:00Z")
    assert junit.render(first) == junit.render(later)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(text=st.text(max_size=40))
def test_any_text_gives_well_formed_xml(text: str) -> None:
    """Markup and control characters are escaped; what XML can hold comes back as it was."""
    case = rendered(finding(Verdict.FAIL, text, text)).find("testsuite/testcase/failure")
    if all(character.isprintable() for character in text):
        assert case.get("message") == text
        assert (case.text or "") == text


def test_control_characters_are_spelt_out() -> None:
    """A terminal escape in an error message neither breaks the file nor gets lost."""
    failure = rendered(finding(Verdict.FAIL, "a\x1b[31m\x00b\nc")).find(".//failure")
    assert failure.get("message") == "a\\x1b[31m\\x00b\nc"
