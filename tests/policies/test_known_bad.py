"""Known-bad policies fail by the check that is named, their one-field twins pass it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from policies.known_bad import FOLDER, KnownBad, differences, known_bad, path_of
from policies.tables import PAGE, cases_table, section
from policies.tried import Tried

from scalecert.checks.finding import Finding

SEEDS = range(1, 4)
EACH_CASE = pytest.mark.parametrize("case", known_bad().cases, ids=lambda case: case.id)


@cache
def judged(tried: Tried, scenario: str) -> Sequence[tuple[Finding, ...]]:
    """Return the findings of a policy in a scenario, seed by seed; some twins serve two cases."""
    return [tried.findings(scenario, seed) for seed in SEEDS]


def said(case: KnownBad, policy: str) -> Sequence[tuple[str, str]]:
    """Return the verdict and the words of the finding that the case names, in each run."""
    runs = judged(case.tried(policy), case.scenario)
    named = [one for run in runs for one in run if one.id == case.check]
    assert len(named) == len(runs)
    return [(str(one.verdict), f"{one.message}\n{one.next_step}") for one in named]


@EACH_CASE
def test_the_bad_policy_fails_by_the_named_finding(case):
    """With every seed, and the finding says what the fault is."""
    findings = said(case, case.bad)
    assert {verdict for verdict, _ in findings} == {"fail"}
    for _, words in findings:
        assert case.says in words


@EACH_CASE
def test_the_twin_passes_it(case):
    """With every seed, so that it is the one field that the finding is about."""
    assert {verdict for verdict, _ in said(case, case.twin)} == {"pass"}


@EACH_CASE
def test_the_twin_differs_in_the_one_field(case):
    """Nothing else can be the cause; names and order of the documents are the same, too."""
    assert differences(path_of(case.bad), path_of(case.twin)) == [case.field]


def test_every_file_belongs_to_a_case():
    """A policy that is added needs its case."""
    cases = known_bad().cases
    used = {
        path_of(name) for case in cases for name in (case.bad, case.twin, case.workload) if name
    }
    there = {path.resolve() for path in FOLDER.rglob("*.yaml")} - {path_of("cases.yaml")}
    assert there <= used


def test_inert_but_green():
    """At the peak of the load one replica serves, while every condition of the HPA is green."""
    recording = Tried(path_of("vllm-absent-label.yaml")).run("idle-load-idle", 1)
    peak_seconds = 2300.0
    conditions = {
        event["type"]: (event["status"], event["reason"])
        for event in recording.events
        if event["kind"] == "hpa-condition" and event["time"] <= peak_seconds
    }
    assert conditions == {
        "AbleToScale": ("True", "ReadyForNewScale"),
        "ScalingActive": ("True", "ValidMetricFound"),
        "ScalingLimited": ("False", "DesiredWithinRange"),
    }
    assert set(recording.series["sync.spec_replicas"]) == {1.0}


def test_the_page_lists_the_cases():
    """`python tools/policy_matrix.py --write` writes docs/policies.md."""
    page = PAGE.read_text(encoding="utf-8")
    assert section(page, "cases") == cases_table()
    matrix = section(page, "matrix")
    for case in known_bad().cases:
        assert f"\n| {case.id} |" in matrix
        assert f"\n| {case.id} (twin) |" in matrix
