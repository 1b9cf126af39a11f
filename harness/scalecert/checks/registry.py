"""The register of checks: one entry per id, and how a policy author adds an own one.

    @check(id="cold-starts", title=..., question=..., formula=..., source=..., unit="count",
           default_limit=5, level="extended")
    def cold_starts(recording: Recording, limit: float) -> Outcome | None: ...

The table in docs/reference/checks.md is generated from here (`checks.reference`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scalecert.checks.finding import Comparison, Verdict
from scalecert.documents import did_you_mean
from scalecert.errors import HarnessBug, UsageError
from scalecert.recording.model import Recording
from scalecert.recording.plan import Plan
from scalecert.scenario.model import CheckRequest, Level


class NoDataError(Exception):
    """The recording lacks what a check needs: its finding is inconclusive, with this reason."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check function returns; the judge makes the Finding.

    `limit` replaces the check's where it depends on what was measured; `verdict` replaces the
    comparison of measured with limit where that is not the whole truth. `measured` may be
    infinite. `next_step` is dropped from a pass.
    """

    measured: float
    message: str
    next_step: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    limit: float | None = None
    verdict: Verdict | None = None


CheckFunction = Callable[[Recording, float], Outcome | None]
"""Pure; None: the check does not apply to this plan (no finding, no row)."""

LimitFunction = Callable[[Plan], float | None]
"""None: the check does not apply to this plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. `limit_text` says a limit that depends on the plan in words."""

    id: str
    title: str
    question: str
    formula: str
    source: str
    level: Level
    unit: str
    comparison: Comparison
    default_limit: float | LimitFunction
    limit_text: str
    function: CheckFunction

    def limit_for(self, plan: Plan, override: float | None) -> float | None:
        """Return the limit for a plan: the scenario's, else the default; None: does not apply."""
        default = self.default_limit(plan) if callable(self.default_limit) else self.default_limit
        return default if default is None or override is None else override


CHECKS: dict[str, Check] = {}
"""Every check by id, in the order of registration."""


def check(
    *,
    id: str,  # noqa: A002 - the word of the documents
    title: str,
    question: str,
    formula: str,
    source: str,
    unit: str,
    default_limit: float | LimitFunction,
    limit_text: str = "",
    level: Level = "core",
    comparison: Comparison = "<=",
) -> Callable[[CheckFunction], CheckFunction]:
    """Register the decorated function as a check.

    Raises:
        HarnessBug: if the id is taken; ids never change and never mean two things.
    """

    def register(function: CheckFunction) -> CheckFunction:
        known = CHECKS.get(id)
        if known is not None and _origin(known.function) != _origin(function):
            raise HarnessBug(f"check {id} is registered twice")
        CHECKS[id] = Check(
            id=id,
            title=title,
            question=question,
            formula=formula,
            source=source,
            level=level,
            unit=unit,
            comparison=comparison,
            default_limit=default_limit,
            limit_text=limit_text,
            function=function,
        )
        return function

    return register


def _origin(function: CheckFunction) -> tuple[str, str]:
    """Return where a check is written: the same file may be imported twice, under two names."""
    return inspect.getfile(function), function.__qualname__


def find(check_id: str) -> Check:
    """Return the check of that id.

    Raises:
        UsageError: if there is none, naming the nearest.
    """
    if check_id not in CHECKS:
        raise UsageError(
            f"found {check_id!r}, expected the id of a check",
            field="spec.checks",
            hint=did_you_mean(check_id, CHECKS) or "`scalecert explain` lists them",
        )
    return CHECKS[check_id]


def requested(requests: Iterable[CheckRequest]) -> tuple[tuple[Check, float | None], ...]:
    """Return a scenario's checks with their overriding limits, in its order.

    Raises:
        UsageError: for an id that is unknown or listed twice.
    """
    pairs = tuple((find(request.id), request.limit) for request in requests)
    seen: set[str] = set()
    for entry, _ in pairs:
        if entry.id in seen:
            raise UsageError(f"check {entry.id} is listed twice", field="spec.checks")
        seen.add(entry.id)
    return pairs
