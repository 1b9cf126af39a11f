"""Findings about cases rather than recordings: whether each was run and judged at all.

A certificate covers every case of its suites. One that was skipped, crashed, judged nothing or
was left out gets a finding that is never a pass; an assertion of the author's own test that
failed is a finding too. `recheck` can't find these out from recordings, so it carries them over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from scalecert.checks.finding import Finding, Verdict
from scalecert.recording.plan import Plan
from scalecert.scenario.model import Level
from scalecert.suite import Case, Suite, suites

COMPLETED = "case-completed"
ASSERTION = "author-assertion"
OF_CASES = {
    COMPLETED: "Was the case run and judged? There is no finding if it was.",
    ASSERTION: "Does an assertion of the case's own test hold? There is no finding if it does.",
}
"""Ids of the findings that are made here and by no check, and what each asks."""


Kind = Literal["usage", "assertion", "crash", "skip", "unjudged"]


class Problem(msgspec.Struct, frozen=True):
    """Why a case has more, or less, to say than its checks found.

    `usage`: the scenario can't be planned; `assertion`: the author's own assertion failed;
    `crash`: something broke; `skip`: it was not run; `unjudged`: its test judged no recording.
    """

    kind: Kind
    text: str


NOT_RUN = Problem("skip", "not selected, or its process ended early")
_LOST = Problem("skip", "its recording is gone")

_OF_COMPLETION: tuple[Kind, ...] = ("skip", "crash", "usage", "unjudged")

_NEXT_STEPS = {
    "usage": "correct the scenario",
    "assertion": "read the assertion in the case's test file",
    "crash": "scalecert certify -v shows where; so does pytest on the case's test file",
    "skip": "run the whole suite: a certificate covers each of its cases",
    "unjudged": "let the test call case.judge(case.record())",
}
_VERDICTS = {"assertion": Verdict.FAIL, "crash": Verdict.INCONCLUSIVE}


def finding_about(case: Case, problem: Problem) -> Finding:
    """Return the finding that a case's problem amounts to."""
    return _finding(case.id, case.scenario.spec.level, problem)


def _finding(case_id: str, level: Level, problem: Problem) -> Finding:
    return Finding(
        id=ASSERTION if problem.kind == "assertion" else COMPLETED,
        scenario=case_id,
        level=level,
        verdict=_VERDICTS.get(problem.kind, Verdict.SKIPPED),
        measured=None,
        limit=None,
        unit="",
        comparison="==",
        message=problem.text,
        next_step=_NEXT_STEPS[problem.kind],
    )


def complete(
    case: Case, findings: Iterable[Finding], problems: Iterable[Problem]
) -> tuple[Finding, ...]:
    """Return the findings of one case with those about the case itself.

    Several tests may share a scenario: of findings with one id the first is kept, and one test
    that judges is enough.
    """
    found: dict[str, Finding] = {}
    for finding in findings:
        found.setdefault(finding.id, finding)
    judged = bool(found)
    met = [problem for problem in problems if problem.kind != "unjudged" or not judged]
    if not judged and not met:
        met = [NOT_RUN]
    for problem in met:
        extra = finding_about(case, problem)
        found.setdefault(extra.id, extra)
    return tuple(found.values())


def missing(plans: Iterable[Plan], own: Sequence[Suite] = ()) -> list[Finding]:
    """Return findings about the cases of shipped suites that no plan is of.

    Which cases an author's own suite has, a plan can't tell; such suites are `own`.
    """
    known = list(plans)
    recorded = {plan.scenario.metadata.name for plan in known}
    cases = _cases(known, own)
    return [finding_about(case, NOT_RUN) for case in cases if case.id not in recorded]


def _cases(plans: Iterable[Plan], own: Sequence[Suite]) -> list[Case]:
    """Return the cases of the suites that the plans are of, as far as these are known."""
    versions = {plan.suite for plan in plans}
    known = [case for suite in (*suites(), *own) for case in suite.cases]
    return [case for case in known if case.suite in versions]


def carried_over(
    told: Iterable[Finding], plans: Sequence[Plan], own: Sequence[Suite] = ()
) -> list[Finding]:
    """Return what an earlier certificate's findings, `told`, have on cases and recordings lack.

    A case that was judged then and has no recording any more is a finding too. The certificate
    may have been edited since: whatever it says, a finding about a case never passes, and its
    level is that of the case.
    """
    recorded = {plan.scenario.metadata.name for plan in plans}
    levels = {case.id: case.scenario.spec.level for case in _cases(plans, own)}
    levels |= {plan.scenario.metadata.name: plan.scenario.spec.level for plan in plans}
    about_cases: list[Finding] = []
    lost: dict[str, Level] = {}
    for finding in told:
        if finding.id in OF_CASES:
            about_cases.append(_restored(finding, levels.get(finding.scenario, finding.level)))
        elif finding.scenario not in recorded and lost.get(finding.scenario) != "core":
            lost[finding.scenario] = finding.level
    gone = lost.keys() - {finding.scenario for finding in about_cases}
    return [*about_cases, *(_finding(name, lost[name], _LOST) for name in sorted(gone))]


def _restored(finding: Finding, level: Level) -> Finding:
    """Return a finding about a case as it can only have been: itself, unless it was edited."""
    kinds: list[Kind] = ["assertion"] if finding.id == ASSERTION else list(_OF_COMPLETION)
    made = [_finding(finding.scenario, level, Problem(kind, finding.message)) for kind in kinds]
    return finding if finding in made else made[0]
