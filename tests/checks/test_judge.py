"""Judging never crashes, never passes by accident, and points at causes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from factories import (
    make_load,
    make_plan,
    make_recording,
    make_requests,
    make_series,
    make_signal,
    make_window,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.checks.causes import CONSEQUENCES
from scalecert.checks.finding import Finding, Verdict
from scalecert.checks.judge import judge
from scalecert.checks.registry import CHECKS, Outcome, check, requested
from scalecert.checks.shipped import shipped
from scalecert.documents import canonical_json
from scalecert.errors import UsageError
from scalecert.recording.model import Recording
from scalecert.recording.plan import ClairvoyantMinimum

IDS = [entry.id for entry in shipped()]
CANARY_SERIES = "sync.canary.google-custom.age_seconds"
STEADY = settings(max_examples=80, derandomize=True, deadline=None)


def rich_plan(**changes: object) -> object:
    """Return a plan to which every check applies but e2e."""
    facts = {
        "checks": IDS,
        "load": make_load(
            (0.0, 300.0, 3.0, 3.0), (300.0, 1000.0, 15.0, 15.0), (1000.0, 1200.0, 0.0, 0.0)
        ),
        "windows": (make_window(300.0, 600.0, 3.0, 15.0),),
        "clairvoyant_minimum": ClairvoyantMinimum(
            bin_seconds=100.0,
            replicas=(1, 1, 1, 1, 6, 6, 6, 6, 6, 6, 6, 1),
            starts=5,
            replica_seconds=5150.0,
            method="by hand",
        ),
    }
    return make_plan(**{**facts, **changes})


def by_id(recording: Recording) -> dict[str, Finding]:
    return {finding.id: finding for finding in judge(recording)}


@pytest.fixture
def own_checks() -> Iterator[None]:
    """Forget the checks that a test registers."""
    known = dict(CHECKS)
    yield
    CHECKS.clear()
    CHECKS.update(known)


def register(name: str, function: object) -> None:
    check(id=name, title="", question="", formula="", source="", unit="count", default_limit=1.0)(
        function
    )


def test_findings_come_in_the_scenarios_order_with_the_generator_first() -> None:
    """It is judged even where the scenario does not list it."""
    recording = make_recording(plan=make_plan(checks=["no-request-lost", "ttft-objective"]))
    assert [finding.id for finding in judge(recording)] == [
        "generator-on-time",
        "no-request-lost",
        "ttft-objective",
    ]


def test_a_good_run_passes_everything() -> None:
    """Each shipped check can pass."""
    requests = make_requests()
    requests["first_token_seconds"][3000:5990] += 9.0  # inside the window
    requests["last_token_seconds"][3000:5990] += 9.0
    series = make_series((0.0, 1), (330.0, 6), (1100.0, 1))
    recording = make_recording(plan=rich_plan(), requests=requests, series=series)
    found = by_id(recording)
    assert {finding.verdict for finding in found.values()} == {Verdict.PASS}
    assert set(IDS) - set(found) == {
        "e2e-objective", "mean-time-per-token", "steady-swing",
    }  # fmt: skip
    assert all(finding.next_step == "" for finding in found.values())


def test_a_late_generator_makes_everything_inconclusive() -> None:
    """What was measured is still said, a failure is no failure any more."""
    requests = make_requests(status=np.zeros(12_000, np.int8))
    requests["sent_seconds"] = requests["arrival_seconds"] + 0.5
    findings = judge(make_recording(plan=rich_plan(), requests=requests))
    assert {finding.verdict for finding in findings} == {Verdict.INCONCLUSIVE}
    assert all("generator-on-time did not pass" in finding.message for finding in findings[1:])
    assert all(finding.next_step for finding in findings)


def test_a_dead_canary_makes_everything_inconclusive() -> None:
    """Where the harness's own heartbeat was lost, the missing signal is not the policy's fault."""
    missing = np.full(80, np.nan)
    series = make_series(sync__metric__0__value=missing) | {CANARY_SERIES: missing}
    findings = judge(make_recording(plan=rich_plan(), series=series))
    assert findings[0].verdict is Verdict.PASS
    assert {finding.verdict for finding in findings[1:]} == {Verdict.INCONCLUSIVE}
    assert "metric pipeline (google-custom) was dead from the start" in findings[1].message
    assert all("metric pipeline" in finding.next_step for finding in findings[1:])


def test_a_living_canary_leaves_the_failure_to_the_policy() -> None:
    """The same gap with the canary there is the policy's."""
    series = make_series(sync__metric__0__value=np.full(80, np.nan))
    found = by_id(make_recording(plan=rich_plan(), series=series | {CANARY_SERIES: np.ones(80)}))
    assert found["signal-present"].verdict is Verdict.FAIL


def test_a_check_that_crashes_is_inconclusive_and_says_so(own_checks: None) -> None:
    """One line with the kind of error; the other checks are judged all the same."""

    def crash(recording: Recording, limit: float) -> Outcome:
        raise ZeroDivisionError("on\nno account")

    register("crash", crash)
    found = by_id(make_recording(plan=make_plan(checks=["crash", "no-request-lost"])))
    assert found["crash"].verdict is Verdict.INCONCLUSIVE
    assert found["crash"].message == "the check crashed: ZeroDivisionError: on no account"
    assert found["no-request-lost"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("measured", "verdict", "shown"),
    [
        (1.0, Verdict.PASS, 1.0),
        (1.5, Verdict.FAIL, 1.5),
        (float("inf"), Verdict.FAIL, None),
        (float("nan"), Verdict.INCONCLUSIVE, None),
    ],
)
def test_an_own_check_is_compared_with_its_limit(
    own_checks: None, measured: float, verdict: Verdict, shown: float | None
) -> None:
    """Infinite breaks a limit; not a number is no answer."""
    register("own", lambda recording, limit: Outcome(measured, "counted", "count less"))
    finding = by_id(make_recording(plan=make_plan(checks=["own"])))["own"]
    assert (finding.verdict, finding.measured, finding.limit) == (verdict, shown, 1.0)


def test_names_from_elsewhere_are_no_terminal_commands(own_checks: None) -> None:
    """Messages name what is in files of others: each is one line that a terminal shows as it is."""

    def quote(recording: Recording, limit: float) -> Outcome:
        return Outcome(2.0, "container \x1b[31mred\nhas\u202e " + "x" * 5000, "mind \x1b[0m it")

    register("quote", quote)
    found = by_id(make_recording(plan=make_plan(checks=["quote"])))["quote"]
    assert found.message.startswith(r"container \x1b[31mred has\u202e xxx")
    assert len(found.message) <= 900
    assert found.next_step == r"mind \x1b[0m it"


def test_evidence_is_plain_json(own_checks: None) -> None:
    """Whatever numpy or infinities a check hands over, the certificate can hold it."""
    evidence = {"a": np.float64(np.inf), "b": [np.int64(3), {"c": np.nan}], "d": (True, "x"),
                "e": np.array([1.0, np.nan]), "f": {7}}  # fmt: skip
    register("own", lambda recording, limit: Outcome(1.0, "", evidence=evidence))
    finding = by_id(make_recording(plan=make_plan(checks=["own"])))["own"]
    assert finding.evidence == {"a": None, "b": [3, {"c": None}], "d": [True, "x"],
                                "e": [1.0, None], "f": "{7}"}  # fmt: skip
    assert canonical_json(finding)


@pytest.mark.parametrize("cause", list(CONSEQUENCES))
def test_consequences_point_at_their_cause(cause: str) -> None:
    """Whoever reads that TTFT failed is sent to what to fix first."""
    changes = {
        "signal-present": {"signals": (make_signal(exists=False),)},
        "signal-reachable": {"signals": (make_signal(target_value=999.0),)},
        "capacity-ceiling": {"load": make_load(peak_per_second=99.0)},
        "signal-moves": {},
    }[cause]
    requests = make_requests()
    requests["first_token_seconds"] += 60.0
    flat = {"sync__metric__0__value": np.full(80, 9.0)} if cause == "signal-moves" else {}
    plan = rich_plan(**changes)
    found = by_id(make_recording(plan=plan, requests=requests, series=make_series(**flat)))
    assert found["ttft-objective"].next_step == f"fix {cause} first: {found[cause].next_step}"
    assert not found[cause].next_step.startswith("fix")


@pytest.mark.parametrize(
    ("measured", "limit"), [(float("nan"), None), (float("inf"), None), (0.5, float("inf"))]
)
def test_no_check_passes_without_figures(
    own_checks: None, measured: float, limit: float | None
) -> None:
    """A check's own word is no pass where there is nothing finite to hold against a limit."""
    claimed = Outcome(measured, "fine", limit=limit, verdict=Verdict.PASS)
    register("own", lambda recording, limit: claimed)
    finding = by_id(make_recording(plan=make_plan(checks=["own"])))["own"]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.next_step


def test_a_limit_that_nothing_can_break_passes_nothing() -> None:
    """An infinite limit in a scenario asks no question."""
    plan = make_plan(checks=[{"id": "ttft-objective", "limit": float("inf")}])
    assert by_id(make_recording(plan=plan))["ttft-objective"].verdict is Verdict.INCONCLUSIVE


def test_no_other_check_stands_in_for_a_generator_that_says_nothing(own_checks: None) -> None:
    """Whatever comes first then would be the gate, and its pass would vouch for the load."""
    silent = replace(CHECKS["generator-on-time"], function=lambda recording, limit: None)
    CHECKS["generator-on-time"] = silent
    gate, lost = judge(make_recording(plan=make_plan(checks=["no-request-lost"])))
    assert (gate.id, gate.verdict) == ("generator-on-time", Verdict.INCONCLUSIVE)
    assert lost.verdict is Verdict.INCONCLUSIVE
    assert lost.message.startswith("generator-on-time did not pass (nothing says whether")


def test_a_check_that_leaves_the_process_is_inconclusive(own_checks: None) -> None:
    """Its exit code 0 would read as certified."""

    def leave(recording: Recording, limit: float) -> Outcome:
        raise SystemExit(0)

    register("leave", leave)
    finding = by_id(make_recording(plan=make_plan(checks=["leave"])))["leave"]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.message == "the check crashed: SystemExit: 0"


@pytest.mark.parametrize("answer", [True, 0.0, "pass"])
def test_a_check_that_returns_no_outcome_is_inconclusive(own_checks: None, answer: object) -> None:
    """Whatever it meant by it, that is no measurement."""
    register("own", lambda recording, limit: answer)
    finding = by_id(make_recording(plan=make_plan(checks=["own"])))["own"]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.message.startswith("the check crashed: AttributeError")


def test_a_check_cannot_spoil_the_recording_for_the_next(own_checks: None) -> None:
    """One that writes into a column crashes; the recording, and what follows, are as they were."""

    def forge(recording: Recording, limit: float) -> Outcome:
        recording.requests["status"][:] = 0
        return Outcome(0.0, "all well")

    register("forge", forge)
    lost = np.full(12_000, 2, np.int8)
    recording = make_recording(
        plan=make_plan(checks=["forge", "no-request-lost"]), requests=make_requests(status=lost)
    )
    found = by_id(recording)
    assert found["forge"].message.startswith("the check crashed: ValueError")
    assert found["no-request-lost"].verdict is Verdict.FAIL
    assert recording.requests["status"].flags.writeable


def test_where_no_check_applies_nothing_was_judged() -> None:
    """The generator's punctuality alone certifies no policy."""
    (gate,) = judge(make_recording(plan=make_plan(checks=["e2e-objective"])))
    assert gate.verdict is Verdict.INCONCLUSIVE
    assert "no other check of the scenario applies" in gate.message


def test_a_check_that_found_nothing_for_want_of_the_signal_points_at_it() -> None:
    """It is inconclusive, and a new recording would be no help."""
    series = make_series(sync__metric__0__value=np.full(80, np.nan))
    found = by_id(make_recording(plan=rich_plan(), series=series))
    assert found["signal-moves"].verdict is Verdict.INCONCLUSIVE
    assert found["signal-moves"].cause == "signal-present"


def test_an_extended_scenario_has_extended_findings_only() -> None:
    """A core check in it is reported, but does not decide."""
    plan = make_plan(checks=["ttft-objective"])
    spec = msgspec.structs.replace(plan.scenario.spec, level="extended")
    scenario = msgspec.structs.replace(plan.scenario, spec=spec)
    recording = make_recording(plan=msgspec.structs.replace(plan, scenario=scenario))
    assert {finding.level for finding in judge(recording)} == {"extended"}


@pytest.mark.parametrize(
    ("checks", "problem"),
    [
        (["ttft-objektive"], "expected the id of a check (did you mean ttft-objective?)"),
        (["no-request-lost", "no-request-lost"], "no-request-lost is listed twice"),
    ],
)
def test_a_scenario_that_lists_wrong_checks_is_the_users_error(
    checks: list[str], problem: str
) -> None:
    """A typo is found before anything is recorded."""
    with pytest.raises(UsageError) as caught:
        requested(make_plan(checks=checks).scenario.spec.checks)
    assert problem in str(caught.value)


def test_nothing_to_judge_is_the_scenarios_matter() -> None:
    """Recording again would give the same: the next step is the load and the duration."""
    plan = make_plan(checks=["step-recovery"], windows=(make_window(60.0, 1e9, 1.0, 2.0),))
    recording = make_recording(plan=plan)
    (finding,) = (one for one in judge(recording) if one.id == "step-recovery")
    assert finding.message.startswith("no data: the run ends inside the window")
    assert "duration" in finding.next_step


def test_a_check_that_nobody_registered_is_inconclusive() -> None:
    """A recording whose author's check is not at hand has its other findings, and is no pass."""
    found = judge(make_recording(plan=make_plan(checks=["own-quota", "no-request-lost"])))
    by = {finding.id: finding for finding in found}
    assert by["no-request-lost"].verdict is Verdict.PASS
    assert (by["own-quota"].verdict, by["own-quota"].level) == (Verdict.INCONCLUSIVE, "core")
    assert "--suite FOLDER" in by["own-quota"].next_step


REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from([None, np.nan, np.inf, -1.0, 0.0, 1e300])
        for name in make_requests(np.arange(3.0))
    },
)
SERIES = st.dictionaries(
    st.sampled_from(sorted(make_series())),
    st.sampled_from([None, (), (np.nan,), (np.inf, 0.0), (-5.0,), (1.0, 1.0, 1.0)]),
)


@STEADY
@given(columns=REQUESTS, series=SERIES, count=st.sampled_from([0, 1, 50]))
def test_no_recording_makes_judging_crash(
    columns: dict[str, float | None], series: dict[str, tuple[float, ...] | None], count: int
) -> None:
    """Missing, empty, absurd: findings come back, and they can be written down."""
    requests = make_requests(np.linspace(0.0, 1199.0, count))
    for name, value in columns.items():
        if value is None:
            del requests[name]
        else:
            requests[name] = np.full(count, value)
    found = make_series((0.0, 1), (330.0, 6))
    for name, values in series.items():
        if values is None:
            del found[name]
        else:
            found[name] = np.array(values, float)
    with np.errstate(all="ignore"):
        findings = judge(make_recording(plan=rich_plan(), requests=requests, series=found))
    assert findings[0].id == "generator-on-time"
    assert len({finding.id for finding in findings}) == len(findings)
    for finding in findings:
        assert canonical_json(finding)
        assert "\n" not in finding.message
        assert bool(finding.next_step) == (finding.verdict is not Verdict.PASS)
        if finding.verdict is Verdict.PASS:
            assert finding.measured is not None


def test_judging_is_deterministic() -> None:
    """The same recording gives the same bytes."""
    first, second = (canonical_json(judge(make_recording(plan=rich_plan()))) for _ in range(2))
    assert first == second
