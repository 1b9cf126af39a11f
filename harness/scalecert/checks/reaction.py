"""Checks of what follows a step up in load: recovery, first scale-up, enough ready replicas.

The steps are the plan's windows: steps that no pod can start for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from scalecert.checks import advice
from scalecert.checks.confidence import requests_needed
from scalecert.checks.finding import Verdict, format_measure
from scalecert.checks.registry import NoDataError, Outcome, check
from scalecert.checks.requests import (
    column,
    joint_share,
    keeps,
    latency_seconds,
    served,
    windows,
)
from scalecert.checks.timeline import needed, replicas, run
from scalecert.recording.intervals import Span, inside
from scalecert.recording.latencies import measure
from scalecert.recording.model import Recording
from scalecert.recording.plan import ObjectiveTerm, Plan, Window
from scalecert.units import format_percent

RECOVERY_SECONDS = 120.0
"""How long after a window the objective is looked at: eight syncs of the HPA."""


@dataclass(frozen=True, slots=True)
class _Recovery:
    """One window: `ratios` of measured to limit per term in the two minutes after it.

    `too_few` says which term has too few requests there to be judged, empty if none.
    """

    window: Span
    ratios: dict[str, float]
    too_few: str
    requests_inside: int
    attainment_inside: float | None
    lost_inside: int

    @property
    def worst(self) -> float:
        return max(self.ratios.values(), default=math.nan)

    def evidence(self) -> dict[str, Any]:
        return {
            "startSeconds": self.window.start_seconds,
            "endSeconds": self.window.end_seconds,
            "requestsInside": self.requests_inside,
            "attainmentInside": self.attainment_inside,
            "lostInside": self.lost_inside,
            "measuredToLimitAfter": self.ratios,
        }


@check(
    id="step-recovery",
    title="Recovery from a step",
    question="After a step that no pod can start for: does the objective hold again by the end of"
    " the window, and was every request that came inside it served?",
    formula="worst measured / limit of the objective's terms over requests that arrive in the"
    " 2 min after each window's end; every request that arrived inside it must be served."
    " Inconclusive where fewer requests than a quantile needs arrive in these 2 min",
    source="window: start-up + two syncs + drain of the backlog (below); 2 min are eight syncs of"
    " the HPA; requests needed: MLPerf LoadGen's early stopping",
    unit="x limit",
    default_limit=1.0,
)
def step_recovery(recording: Recording, limit: float) -> Outcome | None:
    """Judge every window by what comes after it."""
    spans = windows(recording.plan)
    if not spans:
        return None
    if spans[-1].end_seconds >= run(recording.plan).end_seconds:
        raise NoDataError(
            f"the run ends inside the window that begins at {spans[-1].start_seconds:g} s"
        )
    found = [_recovery(recording, span, _after(spans, index)) for index, span in enumerate(spans)]
    lost = sum(recovery.lost_inside for recovery in found)
    tried = [recovery for recovery in found if not recovery.too_few]
    worst = max(tried or found, key=lambda recovery: recovery.worst)
    if not lost and not (tried and worst.worst > limit):
        _check_enough(found)
    return Outcome(
        measured=worst.worst,
        message=_recovery_message(worst, limit, lost),
        next_step=_after_recovery(recording, worst.worst, limit, lost),
        verdict=Verdict.FAIL if lost else None,
        evidence={"windows": [recovery.evidence() for recovery in found], "lostInside": lost},
    )


def _after(spans: list[Span], index: int) -> Span:
    """Return the 2 min after a window, or up to the next one."""
    end = spans[index].end_seconds
    following = spans[index + 1].start_seconds if index + 1 < len(spans) else math.inf
    return Span(end, min(end + RECOVERY_SECONDS, following))


def _check_enough(found: list[_Recovery]) -> None:
    """Raise NoDataError for the first window after which too few requests arrive.

    Counts between a sure pass and a sure failure are not asked for here, as they are of the whole
    run: right after a backlog requests are late together, and a rule for independent ones would
    claim more than it knows.
    """
    short = next((recovery for recovery in found if recovery.too_few), None)
    if short is not None:
        start = short.window.start_seconds
        raise NoDataError(f"after the window that begins at {start:g} s {short.too_few}")


def _too_few(term: ObjectiveTerm, requests: int) -> str:
    if requests >= requests_needed(term.quantile):
        return ""
    return (
        f"{requests:,} requests tell of recovery, {term.text()} needs"
        f" {requests_needed(term.quantile):,}"
    )


def _recovery(recording: Recording, window: Span, after: Span) -> _Recovery:
    arrivals = column(recording, "arrival_seconds")
    within, later = inside(arrivals, [window]), inside(arrivals, [after])
    ratios, too_few = {}, ""
    for term in recording.plan.objective:
        latencies = latency_seconds(recording, term.metric)[later]
        value = measure(latencies, term)
        if value is not None:
            ratios[term.text()] = value / term.limit_seconds
        too_few = too_few or _too_few(term, int(np.count_nonzero(~np.isnan(latencies))))
    kept = keeps(recording, recording.plan.objective, within)
    return _Recovery(
        window=window,
        ratios=ratios,
        too_few=too_few,
        requests_inside=int(np.count_nonzero(within)),
        attainment_inside=float(np.mean(kept)) if kept.size else None,
        lost_inside=int(np.count_nonzero(~served(recording)[within])),
    )


def _after_recovery(recording: Recording, ratio: float, limit: float, lost: int) -> str:
    if lost:
        return "see no-request-lost"
    return "" if ratio <= limit else advice.for_latency(recording, ratio)


def _recovery_message(worst: _Recovery, limit: float, lost: int) -> str:
    if lost:
        return f"{lost:,} requests that arrived inside a window were not served"
    term = max(worst.ratios, key=lambda name: worst.ratios[name])
    state = "holds" if worst.worst <= limit else "does not hold"
    share = "" if worst.attainment_inside is None else format_percent(worst.attainment_inside)
    return (
        f"{term} {state} after the window at {worst.window.start_seconds:g} s "
        f"({worst.worst:.3g} x its limit); inside it {share or 'no request'} kept the objective"
    )


def _carried(recording: Recording, window: Window) -> bool:
    """Tell whether the share of requests inside a window that the objective asks for kept it."""
    span = Span(window.start_seconds, window.end_seconds)
    within = inside(column(recording, "arrival_seconds"), [span])
    kept = keeps(recording, recording.plan.objective, within)
    share = joint_share(recording.plan)
    return share is not None and kept.size > 0 and float(np.mean(kept)) >= share


def _steps(recording: Recording) -> list[tuple[Window, int]]:
    """Return the steps that found too few replicas, with the replicas that they needed.

    Where those that were there carried the step within the objective, capacity (pinned too low, or
    the worst of its seeds) is to be doubted, not the policy.
    """
    plan, ready, spec = recording.plan, replicas(recording, "ready"), replicas(recording, "spec")
    found = []
    for window in plan.windows:
        count = needed(plan, window.rate_after)
        there = max(ready.at(window.start_seconds), spec.at(window.start_seconds))
        if there < count and not _carried(recording, window):
            found.append((window, count))
    return found


@check(
    id="first-scale-up",
    title="First scale-up",
    question="How soon after a step does the autoscaler ask for more replicas?",
    formula="first increase of spec.replicas after the step - time of the step, worst step; steps"
    " for which enough replicas are there already, or that those there carry within the objective,"
    " don't count",
    source="maxHPAReactionTime of Kubernetes' own e2e tests (test/e2e/autoscaling, behavior.go):"
    " metrics delay 75 s + sync 15 s + actuation 10 s",
    unit="s",
    default_limit=100.0,
)
def first_scale_up(recording: Recording, _limit: float) -> Outcome | None:
    """Judge the slowest reaction."""
    steps = _steps(recording)
    if not steps:
        return None
    spec = replicas(recording, "spec")
    waits = {
        window.start_seconds: spec.first_increase(window.start_seconds) - window.start_seconds
        for window, _ in steps
    }
    step, wait = max(waits.items(), key=lambda pair: pair[1])
    return Outcome(
        measured=wait,
        message=_came("a first scale-up", wait, step),
        next_step=advice.for_slow_reaction(recording),
        evidence={"steps": [_timed(at, seconds) for at, seconds in waits.items()]},
    )


def _came(what: str, wait: float, step_seconds: float) -> str:
    """Return when something came after a step, or that it never did."""
    when = format_measure(wait, "s") if math.isfinite(wait) else "never came"
    return f"{what} {when} after the step at {step_seconds:g} s"


def _timed(step_seconds: float, wait: float) -> dict[str, float | None]:
    return {"stepSeconds": step_seconds, "waitSeconds": wait if math.isfinite(wait) else None}


def _shortest_window(plan: Plan) -> float | None:
    return min((span.length_seconds for span in windows(plan)), default=None)


@check(
    id="replicas-ready",
    title="Enough ready replicas",
    question="How soon after a step are enough replicas ready for the new rate?",
    formula="first time with ready replicas >= ceil(rate after / capacity) - time of the step,"
    " for the step that is worst in proportion to its window",
    source="the window's own length: start-up + two syncs + drain",
    unit="s",
    level="extended",
    default_limit=_shortest_window,
    limit_text="the length of the step's window",
)
def replicas_ready(recording: Recording, limit: float) -> Outcome | None:
    """Judge the step that took longest in proportion to its window."""
    steps = _steps(recording)
    if not steps:
        return None
    ready, plan = replicas(recording, "ready"), recording.plan
    scale = limit / (_shortest_window(plan) or limit)  # a scenario's own limit moves all alike
    rows = []
    for window, count in steps:
        wait = ready.first_at_least(count, window.start_seconds) - window.start_seconds
        end = min(window.end_seconds, run(plan).end_seconds)
        rows.append((wait, (end - window.start_seconds) * scale, window.start_seconds, count))
    wait, allowed, step, count = max(rows, key=lambda row: row[0] / row[1])
    return Outcome(
        measured=wait,
        limit=allowed,
        message=_came(f"{count} ready replicas", wait, step),
        next_step=advice.for_slow_reaction(recording),
        evidence={
            "steps": [
                {**_timed(at, seconds), "replicasNeeded": need, "windowSeconds": window}
                for seconds, window, at, need in rows
            ]
        },
    )
