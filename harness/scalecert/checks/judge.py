"""Judging: a recording's findings, none of which can be a pass by accident.

- A check that crashes, or finds no data, is inconclusive and says why.
- Where the load generator was late or the harness's own metric pipeline was dead, the run says
  nothing of the policy: every other finding of the scenario is inconclusive.
- Where a policy's signal is missing, out of reach, or the load is beyond maxReplicas, failures
  that follow from it point to that cause.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

import scalecert.checks.shipped  # noqa: F401 - registers every check
from scalecert.checks.finding import Finding, Verdict, holds
from scalecert.checks.load import GENERATOR_ON_TIME
from scalecert.checks.registry import CHECKS, Check, NoDataError, Outcome, find, requested
from scalecert.recording.model import Recording
from scalecert.scenario.model import Level, Scenario

CANARY_SERIES = "sync.canary.value"
"""A constant of the harness, read over the policy's own metric path at every sync; NaN: lost.

A world without an own metric path does not record it.
"""
LEAST_CANARY = 0.95

_LATE = frozenset({
    "ttft-objective", "tpot-objective", "e2e-objective", "slo-attainment", "step-recovery",
    "first-scale-up", "replicas-ready",
})  # fmt: skip
_INERT = _LATE | {
    "accelerator-hours", "return-to-minimum", "signal-moves", "no-request-lost",
}  # fmt: skip

CONSEQUENCES = {
    "signal-present": _INERT,
    "signal-reachable": _INERT,
    "capacity-ceiling": _LATE,
    "signal-moves": _INERT - {"signal-moves"},
}
"""Failures that explain others, the first to blame first, and what each explains."""


def judge(recording: Recording) -> tuple[Finding, ...]:
    """Return the findings of the scenario's checks, `generator-on-time` always first.

    A check that does not apply to the plan has no finding; one that nobody has registered is
    inconclusive (both doors refuse it before they record: here it is an author's own).

    Raises:
        UsageError: if the scenario lists a check twice.
    """
    runs = [_run(check, recording, limit) for check, limit in _listed(recording.plan.scenario)]
    gate, *others = [finding for finding in runs if finding is not None]
    strangers = _unregistered(recording.plan.scenario)
    reason = _untrusted(gate, recording)
    if reason:
        doubted = (_doubted(finding, reason, gate.next_step) for finding in others)
        return (gate, *doubted, *strangers)
    return (gate, *_explained(others), *strangers)


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
    except Exception as error:  # noqa: BLE001 - whatever a check trips over, it is no verdict
        reason = " ".join(f"the check crashed: {type(error).__name__}: {error}".split())
        return _without_measure(check, scenario, reason, _CRASHED)


_NOTHING_TO_JUDGE = (
    "give the scenario a load and a duration that leave something to judge, or leave the check out"
)
_CRASHED = "record the scenario again; if it stays, report it with the recording"


def _level(check: Check, scenario: Scenario) -> Level:
    both = check.level == "core" and scenario.spec.level == "core"
    return "core" if both else "extended"


def _finding(check: Check, scenario: Scenario, outcome: Outcome, asked: float) -> Finding:
    limit = asked if outcome.limit is None else outcome.limit
    verdict = outcome.verdict or _compared(check, outcome.measured, limit)
    return Finding(
        id=check.id,
        scenario=scenario.metadata.name,
        level=_level(check, scenario),
        verdict=verdict,
        measured=_figure(outcome.measured),
        limit=_figure(limit),
        unit=check.unit,
        comparison=check.comparison,
        message=outcome.message,
        next_step="" if verdict is Verdict.PASS else outcome.next_step,
        evidence={name: _plain(value) for name, value in outcome.evidence.items()},
    )


def _compared(check: Check, measured: float, limit: float) -> Verdict:
    if math.isnan(measured) or math.isnan(limit):
        return Verdict.INCONCLUSIVE
    if not holds(measured, check.comparison, limit):
        return Verdict.FAIL
    return Verdict.PASS if math.isfinite(measured) else Verdict.INCONCLUSIVE


def _figure(value: float) -> float | None:
    """Return a finite figure to twelve digits (the rest is rounding), None for another."""
    return float(f"{value:.12g}") if math.isfinite(value) else None


def _plain(value: object) -> object:
    """Return evidence as JSON has it: no NaN, no infinity, no types of numpy."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return _figure(value) if isinstance(value, float) else value


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


def _untrusted(gate: Finding, recording: Recording) -> str:
    """Return why the run says nothing of the policy, empty if it does."""
    if gate.verdict is not Verdict.PASS:
        return f"{GENERATOR_ON_TIME} did not pass ({gate.message})"
    canary = recording.series.get(CANARY_SERIES)
    if canary is not None and len(canary):
        share = 1 - float(np.count_nonzero(np.isnan(canary.astype(np.float64)))) / len(canary)
        if share < LEAST_CANARY:
            return (
                f"the harness's own metric pipeline was dead at {(1 - share) * 100:.3g} % of syncs"
            )
    return ""


def _doubted(finding: Finding, reason: str, next_step: str) -> Finding:
    return msgspec.structs.replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        message=f"{reason}; what was measured: {finding.message}",
        next_step=next_step or "run again once the metric pipeline of the world is healthy",
    )


_UNHAPPY = (Verdict.FAIL, Verdict.INCONCLUSIVE)


def _explained(findings: list[Finding]) -> list[Finding]:
    """Return the findings with those that follow from a known cause pointing to it."""
    failed = {finding.id: finding for finding in findings if finding.verdict is Verdict.FAIL}
    cause = next((failed[name] for name in CONSEQUENCES if name in failed), None)
    if cause is None:
        return findings
    first = f"fix {cause.id} first: {cause.next_step}"
    return [
        msgspec.structs.replace(finding, next_step=first, cause=cause.id)
        if finding.verdict in _UNHAPPY and finding.id in CONSEQUENCES[cause.id]
        else finding
        for finding in findings
    ]
