"""Several runs' results of one check, and where they disagree."""

from __future__ import annotations

from dataclasses import dataclass

from scalecert.checks.finding import Band, Finding, RunResult, Verdict
from scalecert.recording.plan import Plan
from scalecert.recording.variations import FAST, SLOW

DECIDED = (Verdict.PASS, Verdict.FAIL)
CORNERS = (SLOW, FAST)


@dataclass(frozen=True, slots=True)
class Judged:
    """One run with what its checks found."""

    plan: Plan
    findings: tuple[Finding, ...]

    @property
    def name(self) -> str:
        """The run's name: `seed-1`, `slow`, `slow-decode`, ..."""
        return self.plan.variation.name

    def finding(self, check_id: str) -> Finding | None:
        """Return the check's finding, None if it has none."""
        return next((one for one in self.findings if one.id == check_id), None)


def band_of(results: tuple[RunResult, ...], comparison: str) -> Band:
    """Return what the runs measured together; no margin where one of them has none."""
    figures = [result.measured for result in results if result.measured is not None]
    margins = [
        margin for result in results if (margin := margin_of(result, comparison)) is not None
    ]
    whole = len(margins) == len(results)
    return Band(
        runs=results,
        lowest=min(figures, default=None),
        highest=max(figures, default=None),
        margin=float(f"{min(margins):.6g}") if margins and whole else None,
    )


def margin_of(result: RunResult, comparison: str) -> float | None:
    """Return how far inside its limit a run is, as a share of the limit."""
    if result.measured is None or not result.limit or comparison == "==":
        return None
    inside = result.limit - result.measured
    return (inside if comparison == "<=" else -inside) / abs(result.limit)


def disagreeing_corners(band: Band | None) -> tuple[str, ...]:
    """Return the corners whose verdict is not that of the seeds, where these agree."""
    if band is None:
        return ()
    verdicts = {result.run: result.verdict for result in band.runs}
    corners = {name: verdicts.pop(name) for name in CORNERS if name in verdicts}
    seeds = set(verdicts.values())
    if len(seeds) != 1 or not seeds <= set(DECIDED):
        return ()
    return tuple(
        name for name, verdict in corners.items() if verdict in DECIDED and verdict not in seeds
    )
