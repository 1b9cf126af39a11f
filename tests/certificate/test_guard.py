"""What stands above all scenarios: whether the band is whole, its margin, and its recordings."""

from __future__ import annotations

import pytest
from factories import make_capacity, make_engine, make_errors, make_plan, make_runs, make_scenario
from msgspec.structs import replace

from scalecert.certificate.document import issue
from scalecert.certificate.guard import Guard, GuardRun, RecordingRef, by_scenario, guard
from scalecert.checks.finding import Band, Finding, Verdict
from scalecert.recording.plan import Plan

DATE = "2026-01-01T00:00:00Z"
ERRORS = make_errors(prefill=0.3, decode=0.2, startup=0.1)


def plan(name: str) -> Plan:
    """Return the plan of a scenario on a profile with errors."""
    return make_plan(scenario=make_scenario(name=name), engine=make_engine(errors=ERRORS))


RUNS = make_runs(plan("steady"), plan("ramp"))


def finding(
    margin: float | None = 0.2, check_id: str = "ttft-objective", verdict: Verdict = Verdict.PASS
) -> Finding:
    band = Band((), 1.0, 1.0, margin)
    return Finding(check_id, "steady", "core", verdict, 1.0, 2.0, "s", "<=", "message", band=band)


def stated(*findings: Finding) -> Guard:
    """Return the guard of a whole band."""
    return guard(by_scenario(RUNS).values(), findings, Verdict.PASS)


def test_every_kind_of_run_is_listed_once() -> None:
    """Two scenarios of five runs each have five kinds, with their factors."""
    runs = stated().runs
    assert [run.name for run in runs] == ["seed-1", "seed-2", "seed-3", "slow", "fast"]
    assert runs[0] == GuardRun("seed-1", 1, 1.0, 1.0, 1.0)
    assert runs[3] == GuardRun("slow", 1, 1.3, 1.2, 1.1)


@pytest.mark.parametrize(
    ("findings", "margin"),
    [
        ([], None),
        ([finding(0.3), finding(0.1, "tpot-objective"), finding(0.2, "e2e-objective")], 0.1),
        ([finding(0.3), finding(0.01, "signal-present")], 0.3),
        ([finding(0.3), finding(-0.2, "tpot-objective")], -0.2),
        ([finding(0.3), finding(None, "tpot-objective", Verdict.FAIL)], None),
        ([finding(0.3), replace(finding(), band=None)], None),
    ],
    ids=["none", "worst", "objectives only", "missed", "without a figure", "without a band"],
)
def test_the_margin_is_the_worst_objectives(findings: list[Finding], margin: float | None) -> None:
    """Of objectives alone; none where one was missed by nobody knows how much."""
    assert stated(*findings).margin == margin


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE])
@pytest.mark.parametrize("missing", range(len(RUNS)))
def test_a_missing_run_leaves_nothing_certified(missing: int, verdict: Verdict) -> None:
    """Of whichever scenario: what the others say is indicative, and has no margin."""
    findings = [finding(verdict=verdict), replace(finding(verdict=verdict), scenario="ramp")]
    spec = issue("vllm", [*RUNS[:missing], *RUNS[missing + 1 :]], findings, DATE).spec
    assert spec.verdict is Verdict.INCONCLUSIVE
    assert spec.guard is not None
    assert (spec.guard.complete, spec.guard.indicates) == (False, verdict)
    assert spec.guard.margin is None


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE])
def test_a_whole_band_says_it_outright(verdict: Verdict) -> None:
    """The verdict stands, and nothing is merely indicated."""
    findings = [finding(verdict=verdict), replace(finding(verdict=verdict), scenario="ramp")]
    spec = issue("vllm", RUNS, findings, DATE).spec
    assert spec.verdict is verdict
    assert spec.guard is not None
    assert (spec.guard.complete, spec.guard.indicates, spec.guard.margin) == (True, None, 0.2)


def test_each_recording_is_named_with_its_digest() -> None:
    """So that somebody else can tell whether these are the ones that were judged."""
    last = replace(RUNS[-1], digest="sha256:last")
    spec = issue("vllm", [*RUNS[:-1], last], [finding()], DATE).spec
    assert len(spec.recordings) == 10
    assert spec.recordings[0] == RecordingRef("steady", "seed-1", "sha256:3")
    assert spec.recordings[-1] == RecordingRef("ramp", "fast", "sha256:last")


def test_the_capacity_has_a_range_over_the_runs() -> None:
    """What one replica carries at the profile's costs, and from the slow to the fast corner."""
    rates = (3.0, 3.0, 3.0, 2.0, 4.0)
    runs = [
        replace(run, plan=replace(run.plan, capacity=make_capacity(rate)))
        for run, rate in zip(make_runs(plan("steady")), rates, strict=True)
    ]
    (capacity,) = issue("vllm", runs, [finding()], DATE).spec.capacity
    assert capacity.requests_per_second == 3.0
    assert capacity.lowest_requests_per_second == 2.0
    assert capacity.highest_requests_per_second == 4.0


def test_plans_are_grouped_by_scenario_in_their_order() -> None:
    """The first run of each is the one that figures are of."""
    grouped = by_scenario(RUNS)
    assert list(grouped) == ["steady", "ramp"]
    assert [plans[0].variation.name for plans in grouped.values()] == ["seed-1", "seed-1"]
