"""Findings on which the runs of a guard band disagree, and what each says of why.

The margin, what it is to be held against, and the measurement that would decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from scalecert.checks.band import CORNERS, DECIDED, Judged, margin_of
from scalecert.checks.finding import Band, Finding, RunResult, Verdict, format_measure
from scalecert.recording.plan import EngineRef
from scalecert.recording.variations import PARTS, Part, name_alone
from scalecert.units import format_percent

_WORDS: Mapping[Part, str] = {
    "prefill": "prefill (TTFT)",
    "decode": "decode (TPOT)",
    "startup": "start-up (model load)",
}
_FAR = 10.0
"""Limits by which a figure is beyond all proportion: a queue that grows tells no percentage."""
_HOW_TO = "docs/how-to/measure-a-profile.md"


def silent(finding: Finding, pairs: Sequence[tuple[Judged, Finding]]) -> Finding:
    """Return the finding where a run says nothing: it can't be a pass, nor a failure of all."""
    run, silent = next((run, one) for run, one in pairs if one.verdict not in DECIDED)
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        message=silent.message
        if silent.message == finding.message
        else f"in run {run.name}: {silent.message}",
        next_step=silent.next_step,
        cause=silent.cause,
    )


def corners_alone(finding: Finding, pairs: Sequence[tuple[Judged, Finding]]) -> Finding:
    """Return the finding where the check applies at no seed, and not every corner passes it."""
    run, failed = next((run, one) for run, one in pairs if one.verdict is Verdict.FAIL)
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        message=f"with a {run.name}er engine {failed.message}; at the profile's own costs the"
        " check does not apply",
        next_step=_measure(_uncertain(run.plan.engine), run.plan.engine),
        cause="",
    )


def hangs_on_noise(finding: Finding) -> Finding:
    """Return the finding where the seeds disagree among themselves."""
    band = _band(finding)
    passing = [result.run for result in band.runs if result.verdict is Verdict.PASS]
    failing = [result.run for result in band.runs if result.verdict is Verdict.FAIL]
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        message=f"{finding.message}; passes in {', '.join(passing)} and fails in"
        f" {', '.join(failing)} ({_range(finding)}, limit {_limit(finding)}): the margin is within"
        " the noise of arrivals",
        next_step="give the policy more room, or the scenario a longer run with more requests"
        + (f": {finding.next_step}" if finding.next_step else ""),
        cause="",
    )


def hangs_on_profile(
    finding: Finding, corner: str, engine: EngineRef, alone: Mapping[str, Judged]
) -> Finding:
    """Return the finding where the seeds agree and a corner of the profile's error does not."""
    parts = [
        part
        for part in PARTS
        if (run := alone.get(name_alone(corner, part))) is not None
        and (found := run.finding(finding.id)) is not None
        and found.verdict in DECIDED
        and found.verdict is not finding.verdict
    ]
    changed = "fails" if finding.verdict is Verdict.PASS else "passes"
    decisive = parts or _uncertain(engine)
    result = _result(finding, corner)
    limit = "" if result.limit is None else f", limit {format_measure(result.limit, finding.unit)}"
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        message=f"{finding.message}{_room(finding)}; {changed} with a {corner}er engine"
        f" ({_figure(result, finding.unit)}{limit}): {_known(decisive, engine)}"
        f"{_how_well(finding, corner, parts, engine, alone)}",
        next_step=_measure(decisive, engine),
        cause="",
    )


def _uncertain(engine: EngineRef) -> list[Part]:
    """Return the parts of the profile that may be off."""
    return [part for part in PARTS if part in engine.errors and engine.errors[part].relative > 0]


def _measure(parts: Sequence[Part], engine: EngineRef) -> str:
    server = f"{engine.name} {engine.model} on {engine.accelerator}"
    return f"measure {_what(parts)} of {server}: {_HOW_TO}"


def _known(parts: Sequence[Part], engine: EngineRef) -> str:
    """Return how well parts are known, those that are known alike together."""
    alike: dict[str, list[str]] = {}
    for part in parts:
        error = engine.errors[part]
        known = f"known to ±{format_percent(error.relative)} ({error.basis})"
        alike.setdefault(known, []).append(_WORDS[part].partition(" ")[0])
    return ", ".join(
        f"{_listed(words)} {'is' if len(words) == 1 else 'are'} {known}"
        for known, words in alike.items()
    )


def _what(parts: Sequence[Part]) -> str:
    return _listed([_WORDS[part] for part in parts])


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _figure(result: RunResult, unit: str) -> str:
    """Return what a run measured; what failed without a finite figure came never."""
    if result.measured is None and result.verdict is Verdict.FAIL:
        return "never"
    return format_measure(result.measured, unit)


def _room(finding: Finding) -> str:
    """Return the margin of the seeds, which the error is to be held against."""
    margins = [
        margin
        for result in _band(finding).runs
        if result.run not in CORNERS
        and (margin := margin_of(result, finding.comparison)) is not None
    ]
    if not margins:
        return ""
    word = "margin" if finding.verdict is Verdict.PASS else "missed by"
    least = min(abs(margin) for margin in margins)
    return f", {word} {f'{least * 100:.3g}' if least < _FAR else 'more than 999'} %"


def _how_well(
    finding: Finding,
    corner: str,
    parts: Sequence[Part],
    engine: EngineRef,
    alone: Mapping[str, Judged],
) -> str:
    """Return the accuracy that would decide, where one part alone does: by a straight line."""
    if len(parts) != 1:
        return ""
    found = alone[name_alone(corner, parts[0])].finding(finding.id)
    share = _crossing(finding, found)
    if share is None:
        return ""
    known = engine.errors[parts[0]].relative * 100
    within = f"{share * known:.2g}"
    return f", ±{within} % would decide" if float(within) < known else ""


def _crossing(finding: Finding, off: Finding | None) -> float | None:
    """Return at which share of the way to the run that is off the limit is crossed."""
    if off is None or None in (finding.measured, finding.limit, off.measured, off.limit):
        return None
    start = (finding.limit or 0.0) - (finding.measured or 0.0)
    end = (off.limit or 0.0) - (off.measured or 0.0)
    share = start / (start - end) if start != end else math.nan
    return share if 0.0 < share < 1.0 else None


def _result(finding: Finding, run: str) -> RunResult:
    return next(result for result in _band(finding).runs if result.run == run)


def _band(finding: Finding) -> Band:
    """Return what the runs measured; every finding here has been put together from several."""
    return finding.band or Band(())


def _range(finding: Finding) -> str:
    band = _band(finding)
    low, high = (format_measure(value, finding.unit) for value in (band.lowest, band.highest))
    return f"{low} to {high}"


def _limit(finding: Finding) -> str:
    return format_measure(finding.limit, finding.unit)
