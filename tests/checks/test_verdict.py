"""Merging: inconclusive is never a pass, and neither is nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.checks.finding import Finding, Verdict, format_measure
from scalecert.checks.verdict import exit_code, overall

VERDICTS = st.sampled_from(list(Verdict))
FINDINGS = st.lists(st.tuples(VERDICTS, st.sampled_from(["core", "extended"])), max_size=8)
PASS, FAIL, OPEN, SKIPPED = Verdict


def finding(verdict: Verdict, level: str = "core") -> Finding:
    return Finding("id", "steady", level, verdict, 1.0, 2.0, "s", "<=", "")


@pytest.mark.parametrize(
    ("verdicts", "merged", "code"),
    [
        ([PASS, PASS], PASS, 0),
        ([PASS, FAIL, OPEN], FAIL, 1),
        ([PASS, OPEN], OPEN, 3),
        ([PASS, SKIPPED], OPEN, 3),
        ([SKIPPED], OPEN, 3),
        ([], OPEN, 3),
    ],
)
def test_merging(verdicts: list[Verdict], merged: Verdict, code: int) -> None:
    """Failure decides, then whatever is undecided; nothing shown is undecided."""
    found = overall(finding(verdict) for verdict in verdicts)
    assert (found, exit_code(found)) == (merged, code)


@settings(max_examples=100, derandomize=True)
@given(FINDINGS)
def test_a_pass_takes_core_findings_that_all_pass(pairs: list[tuple[Verdict, str]]) -> None:
    """Extended findings change nothing either way."""
    core = [verdict for verdict, level in pairs if level == "core"]
    passed = overall(finding(*pair) for pair in pairs) is Verdict.PASS
    assert passed == (bool(core) and set(core) == {Verdict.PASS})


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0874, "s", "87.4 ms"),
        (900.0, "s", "15 min"),
        (0.95, "share", "95 %"),
        (1.25, "x", "1.25 x"),
        (12034.0, "requests", "12,034 requests"),
        (3.0, "", "3"),
        (1.0, "replicas", "1 replica"),
        (1.0, "requests", "1 request"),
        (1.0, "x", "1 x"),
        (float("inf"), "s", "never"),
        (float("nan"), "s", "-"),
        (None, "s", "-"),
    ],
)
def test_figures_read_as_people_write_them(value: float | None, unit: str, text: str) -> None:
    """A unit always, and no more digits than mean something."""
    assert format_measure(value, unit) == text
