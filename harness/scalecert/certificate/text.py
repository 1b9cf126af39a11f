"""The terminal's view: a row per scenario and check while they come in, a summary at the end.

Lines fit 100 columns. Colour is the caller's choice, and never the only carrier of a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TypeVar

import msgspec

from scalecert.certificate.document import Capacity, Certificate, Counts, Spec
from scalecert.certificate.efficiency import Efficiency
from scalecert.certificate.text_envelope import assurance_lines
from scalecert.certificate.text_problems import problem_lines
from scalecert.certificate.wrapping import wrapped
from scalecert.checks.finding import Finding, Verdict, format_measure
from scalecert.lines import printable
from scalecert.recording.runs import Bill
from scalecert.units import format_money, format_percent, money_unit

T = TypeVar("T", bound=msgspec.Struct)

_WIDTHS = (14, 22, 18, 19, 8, 14)
_TITLES = ("SCENARIO", "CHECK", "MEASURED", "LIMIT", "MARGIN", "VERDICT")
_COLOURS = {
    Verdict.PASS: "32",
    Verdict.FAIL: "1;31",
    Verdict.INCONCLUSIVE: "33",
    Verdict.SKIPPED: "36",
}
_HEADLINES = {
    Verdict.PASS: "CERTIFIED",
    Verdict.FAIL: "NOT CERTIFIED",
    Verdict.INCONCLUSIVE: "INCONCLUSIVE",
    Verdict.SKIPPED: "INCONCLUSIVE",
}


def header() -> str:
    """Return the titles of the columns."""
    return _line(_TITLES)


def row(finding: Finding, *, colour: bool = False) -> str:
    """Return one finding as a row."""
    finding = _printable(finding)
    verdict = str(finding.verdict)
    if finding.level == "extended" and finding.verdict is not Verdict.PASS:
        verdict = f"({verdict})"
    cells = (
        finding.scenario,
        finding.id,
        _measured(finding),
        "-" if finding.limit is None else _limit(finding),
        _margin(finding),
    )
    return _line(cells) + _painted(verdict, finding.verdict, colour=colour)


def _measured(finding: Finding) -> str:
    """Return the figure; a failure without a finite one was infinitely late."""
    if finding.measured is None:
        return "never" if finding.verdict is Verdict.FAIL and finding.limit is not None else "-"
    return format_measure(finding.measured, finding.unit)


def _limit(finding: Finding) -> str:
    return f"{finding.comparison} {format_measure(finding.limit, finding.unit)}"


def _margin(finding: Finding) -> str:
    """Return the margin of the worst run; a check that only counts has none that says anything."""
    margin = finding.band.margin if finding.band else None
    if margin is None:
        return ""
    return f"{margin * 100:+.0f} %" if abs(margin) < 10 else "> 999 %"


def _line(cells: tuple[str, ...]) -> str:
    fitted = (_fit(cell, width) for cell, width in zip(cells, _WIDTHS, strict=False))
    return " ".join(fitted).rstrip() if len(cells) == len(_WIDTHS) else " ".join(fitted) + " "


def _fit(cell: str, width: int) -> str:
    return f"{cell:{width}}" if len(cell) <= width else f"{cell[: width - 1]}…"


def _painted(text: str, verdict: Verdict, *, colour: bool) -> str:
    return f"\x1b[{_COLOURS[verdict]}m{text}\x1b[0m" if colour else text


def summary(certificate: Certificate, *, colour: bool = False) -> str:
    """Return the summary; its first line has verdict and objective, its last verdict and counts."""
    return "\n".join(_summary(_printable(certificate), colour=colour))


def _printable(shown: T) -> T:
    """Return a value without what a terminal would act on: its names are from users' files."""
    return msgspec.convert(printable(msgspec.to_builtins(shown)), type(shown))


def _summary(certificate: Certificate, *, colour: bool) -> Iterator[str]:
    spec = certificate.spec
    yield f"{_headline(spec, colour=colour)} {certificate.metadata.name}: {_objective(spec)}"
    if spec.assurance and spec.envelope and spec.errors:
        yield from assurance_lines(
            spec.assurance, spec.envelope, spec.errors, spec.not_proved, spec.wall_clock
        )
    suite = f"suite {spec.suite.name} {spec.suite.version} ({spec.suite.digest[:19]})"
    yield from wrapped(
        f"{suite}, world {spec.world}, {_runs(spec)}, scalecert {spec.harness_version}"
    )
    yield from _capacities(spec.capacity)
    yield from _efficiencies(spec)
    width = max((len(entry.what) for entry in spec.provenance), default=0)
    for entry in spec.provenance:
        yield from wrapped(f"{entry.value}  [{entry.source}]", first=f"  {entry.what:{width}}  ")
    left_out = sum(result.load.left_out for result in spec.scenarios if result.load)
    if left_out:
        yield f"{left_out:,} requests longer than the server takes were left out"
    yield from problem_lines(certificate.findings, partial(_painted, colour=colour))
    yield ""
    yield f"extended: {_counts(spec.statistics.extended)}"
    core = _core(spec)
    yield f"{_headline(spec, colour=colour)} {certificate.metadata.name}: {core}"


def _headline(spec: Spec, *, colour: bool) -> str:
    """Return verdict and assurance level: never the one without the other."""
    verdict, level = spec.verdict, spec.assurance.level if spec.assurance else ""
    words = _HEADLINES[verdict]
    if spec.guard is not None and spec.guard.indicates is not None:
        words = f"INDICATIVE {spec.guard.indicates.upper()}"
    return f"{_painted(words, verdict, colour=colour)} {level}".rstrip()


def _objective(spec: Spec) -> str:
    """Return the objective with the margin that all runs keep."""
    margin = spec.guard.margin if spec.guard else None
    kept = "" if margin is None or margin < 0 else f", {format_percent(margin)} margin"
    return f"objective {','.join(spec.objective)}{kept}"


def _runs(spec: Spec) -> str:
    if spec.guard is None or len(spec.guard.runs) == 1:
        return f"seed {spec.seed}"
    return f"runs {', '.join(run.name for run in spec.guard.runs)}"


def _core(spec: Spec) -> str:
    """Return the counts of what decides; a suite may have nothing of the kind."""
    counts = spec.statistics.core
    if counts.passed + counts.failed + counts.inconclusive + counts.skipped:
        return f"core {_counts(counts)}"
    return f"suite {spec.suite.name} has no core checks, so it certifies nothing"


def _counts(counts: Counts) -> str:
    others = {
        "failed": counts.failed,
        "inconclusive": counts.inconclusive,
        "skipped": counts.skipped,
    }
    parts = [f"{number} {word}" for word, number in others.items() if number]
    return ", ".join([f"{counts.passed} passed", *parts])


def _capacities(capacities: tuple[Capacity, ...]) -> Iterator[str]:
    for one in capacities:
        scope = f" in {', '.join(one.scenarios)}" if len(capacities) > 1 else ""
        yield from wrapped(
            f"one replica carries {one.requests_per_second:.4g} requests/s"
            f" ({one.input_tokens_per_second:,.0f} input + {one.output_tokens_per_second:,.0f}"
            f" output tokens/s){_at_corners(one)}{scope}: {one.method}"
        )


def _at_corners(one: Capacity) -> str:
    low, high = one.lowest_requests_per_second, one.highest_requests_per_second
    if low is None or high is None or low == high:
        return ""
    return f", {low:.3g} to {high:.3g} within the profile's error"


def _efficiencies(spec: Spec) -> Iterator[str]:
    """Yield what a dollar served in each scenario, and the range of its runs."""
    by_currency: dict[str, list[str]] = {}
    for result in spec.scenarios:
        if result.efficiency is not None:
            shown = f"{result.id} {_in_millions(result.efficiency)}"
            by_currency.setdefault(result.efficiency.currency, []).append(shown)
    for currency, scenarios in by_currency.items():
        yield from wrapped(f"million tokens/{money_unit(currency)}: {', '.join(scenarios)}")


def _in_millions(one: Efficiency) -> str:
    figures = (one.tokens_per_currency_unit, one.lowest, one.highest)
    shown, low, high = (f"{figure / 1e6:.3g}" for figure in figures)
    return shown if low == high else f"{shown} ({low} to {high})"


def bill_line(bill: Bill) -> str:
    """Return what a run cost and served: `2.1 accelerator-hours, $1.47: 4.87 million tokens/$`."""
    paid = f"{bill.accelerator_hours:.3g} accelerator-hours"
    rate = bill.tokens_per_currency_unit
    if rate is None:
        return f"{paid}, at no cost"
    unit = money_unit(bill.currency)
    return (
        f"{paid}, {format_money(bill.cost, bill.currency)}: {rate / 1e6:.3g} million tokens/{unit}"
    )
