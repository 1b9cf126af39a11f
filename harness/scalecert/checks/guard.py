"""The guard band's verdict: what the findings of a scenario's runs say together.

    pass           every run passes: each seed, and both corners of the profile's error
    fail           every run fails
    inconclusive   they disagree, or one of them says nothing: the finding names the margin, what it
                   is to be held against, and the measurement that would decide

The figures are those of the first run; `Finding.band` has the others'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from scalecert.checks.band import CORNERS, DECIDED, Judged, band_of, disagreeing_corners
from scalecert.checks.causes import explained
from scalecert.checks.finding import Finding, RunResult, Verdict
from scalecert.checks.open_findings import corners_alone, hangs_on_noise, hangs_on_profile, silent
from scalecert.recording.plan import Plan
from scalecert.recording.variations import guard_band


def is_complete(plans: Sequence[Plan]) -> bool:
    """Tell whether the runs of a scenario make a guard band; fewer are only indicative."""
    first = plans[0]
    there = {plan.variation for plan in plans}
    return there.issuperset(guard_band(first.seed, first.engine.errors))


def guarded(runs: Sequence[Judged]) -> tuple[Finding, ...]:
    """Return the findings of a scenario from those of its runs, the nominal first.

    A check that applies to some runs alone is judged by these and says so, but one that applies at
    a corner alone is not failed there. One run by itself keeps its findings as they are.
    """
    first = runs[0]
    named = {variation.name for variation in guard_band(first.plan.seed, first.plan.engine.errors)}
    band = [run for run in runs if run.name in named]
    if len(band) < 2:
        return first.findings
    alone = {run.name: run for run in runs if run.name not in named}
    order = dict.fromkeys(finding.id for run in band for finding in run.findings)
    return explained([_together(check_id, band, alone) for check_id in order])


def undecided_corners(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return the corners that disagree with all seeds: what hangs on them is worth a run each.

    What follows from a failure is decided by that one.
    """
    open_ones = (finding.band for finding in findings if not finding.cause)
    found = [corner for band in open_ones for corner in disagreeing_corners(band)]
    return tuple(corner for corner in CORNERS if corner in found)


def _together(check_id: str, band: Sequence[Judged], alone: Mapping[str, Judged]) -> Finding:
    pairs = [(run, found) for run in band if (found := run.finding(check_id)) is not None]
    finding = _merged(pairs, alone)
    if len(pairs) == len(band) or finding.verdict not in DECIDED:
        return finding
    where = ", ".join(run.name for run, _ in pairs)
    return replace(finding, message=f"{finding.message} (in {where} alone)")


def _merged(pairs: Sequence[tuple[Judged, Finding]], alone: Mapping[str, Judged]) -> Finding:
    first = pairs[0][1]
    results = tuple(
        RunResult(run.name, found.verdict, found.measured, found.limit) for run, found in pairs
    )
    finding = replace(first, band=band_of(results, first.comparison))
    verdicts = {result.verdict for result in results}
    if not verdicts <= set(DECIDED):
        return silent(finding, pairs)
    if verdicts != {Verdict.PASS} and all(run.name in CORNERS for run, _ in pairs):
        return corners_alone(finding, pairs)
    if len(verdicts) == 1:
        return finding
    disagreeing = disagreeing_corners(finding.band)
    if disagreeing:
        return hangs_on_profile(finding, disagreeing[0], pairs[0][0].plan.engine, alone)
    return hangs_on_noise(finding)
