"""Checks are checked: each notices what it is there for, and nothing else.

A sound recording is mutated, one thing at a time. The table of `mutants` says in every cell what a
check must say of a mutant; sabotaged checks show that the table would notice.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from checks.mutant_table import (
    BASES,
    applicable,
    bases,
    check_ids,
    deviations,
    expected,
    killed_by,
    listing,
    mutated,
    verdicts,
)
from checks.mutants import EVERYTHING, EVERYTHING_ELSE, MUTANTS, Mutant
from checks.pod_mutations import scaled, steps_of

from scalecert.checks.finding import Verdict
from scalecert.checks.load import GENERATOR_ON_TIME
from scalecert.checks.registry import CHECKS, CheckFunction, Outcome
from scalecert.checks.shipped import shipped
from scalecert.recording.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
NEVER_FAIL = {
    GENERATOR_ON_TIME: "a late generator is nobody's failure, but leaves nothing to judge",
    "over-provisioned-time": "a share of the run, limited to all of it: it is reported, not judged",
}
by_name = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
by_check = pytest.mark.parametrize("check", check_ids())


@pytest.mark.parametrize("base", BASES)
def test_every_check_passes_on_sound_recordings(base: str) -> None:
    """What a check says of a mutant is then the mutation's doing."""
    assert set(verdicts(bases()[base]).values()) == {Verdict.PASS}


@by_name
def test_each_check_says_of_a_mutant_what_the_table_has(mutant: Mutant) -> None:
    """Those that it names fail or are inconclusive, all others say what they said before."""
    said = verdicts(mutated(mutant))
    wanted = {check: expected(mutant, check) for check in check_ids()}
    assert said == {check: verdict for check, verdict in wanted.items() if verdict is not None}


@by_check
def test_every_check_that_ships_has_mutants_of_its_own(check: str) -> None:
    """A new check comes with a mutant that nothing but it has to notice, and with a sound base."""
    assert any(check in applicable(base) for base in BASES)
    assert killed_by(check)
    assert check in NEVER_FAIL or any(check in mutant.fails for mutant in killed_by(check))


@by_check
def test_every_check_leaves_mutants_of_others_alone(check: str) -> None:
    """It passes on harmless mutants and on harmful ones that are not its business."""
    spared = [mutant for mutant in MUTANTS if expected(mutant, check) is Verdict.PASS]
    assert any(not mutant.harmless for mutant in spared)
    assert any(mutant.harmless for mutant in spared)


def test_the_table_is_sound() -> None:
    """Names are unique, checks exist and apply to the base, no check is named twice in a row."""
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names)
    for mutant in MUTANTS:
        named = [*mutant.fails, *mutant.inconclusive, *mutant.silent]
        checks = [name for name in named if name not in (EVERYTHING, EVERYTHING_ELSE)]
        assert len(set(checks)) == len(checks), mutant.name
        assert set(checks) <= applicable(mutant.base), mutant.name


@by_name
def test_mutations_leave_the_sound_recording_as_it_was(mutant: Mutant) -> None:
    """They are pure: a mutation in place would spoil the bases of all that come after."""
    base = bases()[mutant.base]
    before = {name: column.copy() for name, column in {**base.series, **base.requests}.items()}
    changed = mutant.change(base)
    after = {**base.series, **base.requests}
    assert all(np.array_equal(after[name], before[name], equal_nan=True) for name in before)
    assert changed is not base


@by_name
def test_mutated_pods_add_up(mutant: Mutant) -> None:
    """No more pods are ready than were created, or hold accelerators than exist; times ascend."""
    series = mutated(mutant).series
    if "pods.spec" not in series:
        return
    alive = series["pods.created"]
    assert not (series["pods.ready"] + series["pods.terminating"] > alive).any()
    assert not (series["pods.bound"] > alive).any()
    assert (np.diff(series["pods.time_seconds"]) >= 0).all()
    assert len({values.size for name, values in series.items() if name.startswith("pods.")}) == 1


def test_replaying_the_same_steps_changes_no_finding() -> None:
    """The pods that follow from what was asked for are those that the world had, near enough."""
    for base in BASES:
        recording = bases()[base]
        assert verdicts(scaled(steps_of(recording))(recording)) == verdicts(recording)


def test_the_page_is_the_table() -> None:
    """docs/mutants.md shows what checks say today; `python tools/mutant_table.py --write`."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import mutant_table as tool
    finally:
        sys.path.remove(str(ROOT / "tools"))
    page = tool.PAGE.read_text(encoding="utf-8")
    assert page == tool.updated(page)


# Sabotage: does the table notice a check that does not work?


def _always_passes(_recording: object, limit: float) -> Outcome:
    return Outcome(measured=limit, message="all is well", verdict=Verdict.PASS)


def _always_fails(_recording: object, limit: float) -> Outcome:
    return Outcome(measured=limit, message="nothing is well", verdict=Verdict.FAIL)


def _crashes(_recording: object, _limit: float) -> Outcome:
    raise ZeroDivisionError("division by zero")


def _measures_nothing(_recording: object, _limit: float) -> Outcome:
    return Outcome(measured=float("nan"), message="NaN")


def _never_applies(_recording: object, _limit: float) -> None:
    return None


SABOTAGE = (_always_passes, _always_fails, _crashes, _measures_nothing, _never_applies)
SABOTAGED = [
    (check, function)
    for check in check_ids()
    for function in SABOTAGE
    if (check, function) != (GENERATOR_ON_TIME, _never_applies)  # no judging without it
]


@pytest.mark.parametrize(
    ("check", "function"), SABOTAGED, ids=lambda part: getattr(part, "__name__", part).lstrip("_")
)
def test_a_check_that_does_not_work_is_noticed(
    check: str, function: CheckFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever replaces a check, the table has a cell that tells it from the real one."""
    assert not list(deviations(check, killed_by(check)))
    monkeypatch.setitem(CHECKS, check, replace(CHECKS[check], function=function))
    assert list(deviations(check, killed_by(check)))


@pytest.mark.parametrize(
    "check",
    [
        check.id
        for check in shipped()
        if check.comparison != "==" and check.id != "over-provisioned-time"
    ],
)
def test_a_limit_that_is_half_as_strict_again_is_noticed(
    check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutants are near enough to the limits: 1.5 times as loose a limit lets one of them live."""
    real = CHECKS[check]
    factor = 1.5 if real.comparison == "<=" else 1 / 1.5

    def looser(plan: Plan) -> float | None:
        limit = real.limit_for(plan, None)
        return None if limit is None else factor * limit

    monkeypatch.setitem(CHECKS, check, replace(real, default_limit=looser))
    assert list(deviations(check, killed_by(check)))


@pytest.mark.parametrize(
    ("guard", "name"),
    [("pipeline_failure", "canary-dead"), ("recording_gap", "recording-stops-halfway")],
)
def test_a_judge_that_believes_every_recording_is_noticed(
    guard: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its doubt in the harness itself, checks would pass on what shows nothing."""
    mutant = next(mutant for mutant in MUTANTS if mutant.name == name)
    monkeypatch.setattr(f"scalecert.checks.judge.{guard}", lambda _recording: "")
    said = verdicts(mutated(mutant))
    assert any(said.get(check) is not expected(mutant, check) for check in check_ids())


@by_check
def test_a_mutant_dies_by_the_check_alone(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its check always passes, each of its mutants lives: nothing else has killed it."""
    monkeypatch.setitem(CHECKS, check, replace(CHECKS[check], function=_always_passes))
    for mutant in killed_by(check):
        assert verdicts(listing(mutated(mutant), [check]))[check] is Verdict.PASS
