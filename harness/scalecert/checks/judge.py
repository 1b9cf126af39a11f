"""Judging: a recording's findings, none of which can be a pass by accident.

- A check that crashes, finds no data or claims a pass without a figure is inconclusive and says
  why; so is a scenario none of whose checks applies.
- Where the load generator was late, the recording lacks a part of the run, or the harness's own
  metric pipeline was dead, the run says nothing of the policy: every other finding of the scenario
  is inconclusive.
- Where a policy's signal is missing, out of reach, or the load is beyond maxReplicas, failures
  that follow from it point to that cause.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np

import scalecert.checks.shipped  # noqa: F401 - registers every check
from scalecert.checks.canary import pipeline_failure
from scalecert.checks.causes import explained
from scalecert.checks.finding import Finding, Verdict, finite, holds
from scalecert.checks.load import GENERATOR_ON_TIME
from scalecert.checks.registry import CHECKS, Check, NoDataError, Outcome, find, requested
from scalecert.checks.wholeness import recording_gap
from scalecert.lines import one_line
from scalecert.recording.model import Column, Recording
from scalecert.scenario.model import Level, Scenario


def judge(recording: Recording) -> tuple[Finding, ...]:
    """Return the findings of the scenario's checks, `generator-on-time` always first.

    Each says it in one printable line, whatever it quotes from files of the user's. A check that
    does not apply to the plan has no finding; one that nobody has registered is inconclusive (both
    doors refuse it before they record: here it is an author's own).

    Raises:
        UsageError: if the scenario lists a check twice.
    """
    return tuple(_in_lines(finding) for finding in _judged(_read_only(recording)))


def _in_lines(finding: Finding) -> Finding:
    return msgspec.structs.replace(
        finding, message=one_line(finding.message), next_step=one_line(finding.next_step)
    )


def _judged(recording: Recording) -> tuple[Finding, ...]:
    scenario = recording.plan.scenario
    listed = _listed(scenario)
    (first, limit), *rest = listed
    gate = _run(first, recording, limit) or _ungated(first, scenario)
    runs = [_run(check, recording, limit) for check, limit in rest]
    others = [finding for finding in runs if finding is not None]
    strangers = _unregistered(scenario)
    if len(listed) > 1 and not others and not strangers:
        return (_alone(gate),)
    doubt = _doubt(gate, recording)
    if doubt is not None:
        doubted = (_doubted(finding, *doubt) for finding in others)
        return (gate, *doubted, *strangers)
    return (gate, *explained(others), *strangers)


def _ungated(check: Check, scenario: Scenario) -> Finding:
    """Return the generator's finding where it has none: no other check stands in for it."""
    return _without_measure(check, scenario, "nothing says whether the load was offered", _CRASHED)


def _read_only(recording: Recording) -> Recording:
    """Return the recording with columns that no check can change for the next one."""
    return replace(
        recording, series=_locked(recording.series), requests=_locked(recording.requests)
    )


def _locked(columns: Mapping[str, Column]) -> dict[str, Column]:
    views = {name: column.view() for name, column in columns.items()}
    for view in views.values():
        view.flags.writeable = False
    return views


def _listed(scenario: Scenario) -> list[tuple[Check, float | None]]:
    """Return the scenario's checks, the generator's first even if it is not listed."""
    listed = list(requested(request for request in scenario.spec.checks if request.id in CHECKS))
    if all(check.id != GENERATOR_ON_TIME for check, _ in listed):
        listed.append((find(GENERATOR_ON_TIME), None))
    return sorted(listed, key=lambda pair: pair[0].id != GENERATOR_ON_TIME)


def _unregistered(scenario: Scenario) -> list[Finding]:
    """Return a finding for each check that the scenario lists and nobody has registered."""
    unknown = [request.id for request in scenario.spec.checks if request.id not in CHECKS]
    return [
        Finding(
            id=check_id,
            scenario=scenario.metadata.name,
            level=scenario.spec.level,
            verdict=Verdict.INCONCLUSIVE,
            measured=None,
            limit=None,
            unit="",
            comparison="==",
            message="no such check is registered: neither one that ships nor one of an own suite",
            next_step="if it is of your own suite, name its folder: scalecert recheck DIR --suite"
            " FOLDER",
        )
        for check_id in unknown
    ]


def _run(check: Check, recording: Recording, override: float | None) -> Finding | None:
    scenario = recording.plan.scenario
    try:
        limit = check.limit_for(recording.plan, override)
        outcome = None if limit is None else check.function(recording, limit)
        if limit is None or outcome is None:
            return None
        return _finding(check, scenario, outcome, limit)
    except NoDataError as error:
        return _without_measure(check, scenario, f"no data: {error}", _NOTHING_TO_JUDGE)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever stops a check, it is no verdict
        reason = f"the check crashed: {_crash(error)}"
        return _without_measure(check, scenario, reason, _CRASHED)


def _crash(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


_NOTHING_TO_JUDGE = (
    "give the scenario a load and a duration that leave something to judge, or leave the check out"
)
_CRASHED = "record the scenario again; if it stays, report it with the recording"


def _level(check: Check, scenario: Scenario) -> Level:
    both = check.level == "core" and scenario.spec.level == "core"
    return "core" if both else "extended"


def _alone(gate: Finding) -> Finding:
    """Return the generator's finding where no other check applies: it certifies no policy."""
    return msgspec.structs.replace(
        gate,
        verdict=Verdict.INCONCLUSIVE,
        message=f"{gate.message}; but no other check of the scenario applies to this plan",
        next_step=gate.next_step or "list a check that applies",
    )


def _finding(check: Check, scenario: Scenario, outcome: Outcome, asked: float) -> Finding:
    limit = asked if outcome.limit is None else outcome.limit
    verdict = _verdict(check, outcome, limit)
    return Finding(
        id=check.id,
        scenario=scenario.metadata.name,
        level=_level(check, scenario),
        verdict=verdict,
        measured=finite(outcome.measured),
        limit=finite(limit),
        unit=check.unit,
        comparison=check.comparison,
        message=outcome.message,
        next_step="" if verdict is Verdict.PASS else outcome.next_step or _NOTHING_TO_JUDGE,
        evidence={name: _plain(value) for name, value in outcome.evidence.items()},
    )


def _verdict(check: Check, outcome: Outcome, limit: float) -> Verdict:
    """Return the check's own verdict or the comparison's; no pass without two figures."""
    verdict = outcome.verdict or _compared(check, outcome.measured, limit)
    figures = math.isfinite(outcome.measured) and math.isfinite(limit)
    return verdict if figures or verdict is not Verdict.PASS else Verdict.INCONCLUSIVE


def _compared(check: Check, measured: float, limit: float) -> Verdict:
    if math.isnan(measured) or math.isnan(limit):
        return Verdict.INCONCLUSIVE
    return Verdict.PASS if holds(measured, check.comparison, limit) else Verdict.FAIL


def _plain(value: object) -> object:
    """Return evidence as JSON has it: no NaN, no infinity, no types of numpy or of Python alone."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float):
        return finite(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def _without_measure(check: Check, scenario: Scenario, reason: str, next_step: str) -> Finding:
    return Finding(
        id=check.id,
        scenario=scenario.metadata.name,
        level=_level(check, scenario),
        verdict=Verdict.INCONCLUSIVE,
        measured=None,
        limit=None,
        unit=check.unit,
        comparison=check.comparison,
        message=reason,
        next_step=next_step,
    )


def _doubt(gate: Finding, recording: Recording) -> tuple[str, str] | None:
    """Return why the run says nothing of the policy and what to do about it, None if it does."""
    if gate.verdict is not Verdict.PASS:
        return f"{GENERATOR_ON_TIME} did not pass ({gate.message})", gate.next_step
    try:
        gap, failure = recording_gap(recording), pipeline_failure(recording)
    except Exception as error:  # noqa: BLE001 - what can't be read is nothing to believe
        gap, failure = f"the recording can't be read: {_crash(error)}", ""
    if gap:
        return gap, _CRASHED
    return (failure, _REPAIR) if failure else None


_REPAIR = "run again once the metric pipeline of the world is healthy"


def _doubted(finding: Finding, reason: str, next_step: str) -> Finding:
    return msgspec.structs.replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        message=f"{reason}; what was measured: {finding.message}",
        next_step=next_step,
    )
