"""The terminal's view: a row per scenario and check while they come in, a summary at the end.

Lines fit 100 columns. Colour is the caller's choice, and never the only carrier of a verdict.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from scalecert.certificate.document import Capacity, Certificate, Counts
from scalecert.checks.finding import Finding, Verdict, format_measure

COLUMNS = 100
_WIDTHS = (26, 22, 17, 19, 12)
_TITLES = ("SCENARIO", "CHECK", "MEASURED", "LIMIT", "VERDICT")
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
    verdict = str(finding.verdict)
    if finding.level == "extended" and finding.verdict is not Verdict.PASS:
        verdict = f"({verdict})"
    cells = (
        finding.scenario,
        finding.id,
        _measured(finding),
        "-" if finding.limit is None else _limit(finding),
    )
    return _line(cells) + _painted(verdict, finding.verdict, colour=colour)


def _measured(finding: Finding) -> str:
    """Return the figure; a failure without a finite one was infinitely late."""
    if finding.measured is None:
        return "never" if finding.verdict is Verdict.FAIL and finding.limit is not None else "-"
    return format_measure(finding.measured, finding.unit)


def _limit(finding: Finding) -> str:
    return f"{finding.comparison} {format_measure(finding.limit, finding.unit)}"


def _line(cells: tuple[str, ...]) -> str:
    fitted = (_fit(cell, width) for cell, width in zip(cells, _WIDTHS, strict=False))
    return " ".join(fitted).rstrip() if len(cells) == len(_WIDTHS) else " ".join(fitted) + " "


def _fit(cell: str, width: int) -> str:
    return f"{cell:{width}}" if len(cell) <= width else f"{cell[: width - 1]}…"


def _painted(text: str, verdict: Verdict, *, colour: bool) -> str:
    return f"\x1b[{_COLOURS[verdict]}m{text}\x1b[0m" if colour else text


def summary(certificate: Certificate, *, colour: bool = False) -> str:
    """Return the summary; its first line has the overall verdict and the objective."""
    return "\n".join(_summary(certificate, colour=colour))


def _summary(certificate: Certificate, *, colour: bool) -> Iterator[str]:
    spec = certificate.spec
    headline = _painted(_HEADLINES[spec.verdict], spec.verdict, colour=colour)
    yield f"{headline} {certificate.metadata.name}: objective {','.join(spec.objective)}"
    yield f"core: {_counts(spec.statistics.core)}; extended: {_counts(spec.statistics.extended)}"
    suite = f"suite {spec.suite.name} {spec.suite.version} ({spec.suite.digest[:19]})"
    yield f"{suite}, world {spec.world}, seed {spec.seed}, scalecert {spec.harness_version}"
    yield from _capacities(spec.capacity)
    width = max((len(entry.what) for entry in spec.provenance), default=0)
    for entry in spec.provenance:
        yield from _wrapped(f"{entry.value}  [{entry.source}]", first=f"  {entry.what:{width}}  ")
    left_out = sum(result.load.left_out for result in spec.scenarios if result.load)
    if left_out:
        yield f"{left_out:,} requests longer than the model's context were left out"
    yield from _problems(certificate.findings, colour=colour)


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
        yield from _wrapped(
            f"one replica carries {one.requests_per_second:.4g} requests/s"
            f" ({one.input_tokens_per_second:,.0f} input + {one.output_tokens_per_second:,.0f}"
            f" output tokens/s){scope}: {one.method}"
        )


def _problems(findings: tuple[Finding, ...], *, colour: bool) -> Iterator[str]:
    """Return each problem once, with every scenario that shows it; consequences in one line."""
    problems: dict[tuple[str, ...], list[Finding]] = {}
    consequences: dict[str, dict[str, None]] = {}
    for finding in findings:
        if finding.cause:
            consequences.setdefault(finding.cause, {})[finding.id] = None
        elif finding.verdict is not Verdict.PASS:
            key = (finding.id, finding.verdict, finding.message, finding.next_step)
            problems.setdefault(key, []).append(finding)
    for same in problems.values():
        yield from _problem(same, colour=colour)
    for cause, names in consequences.items():
        yield ""
        yield from _wrapped(f"failed because of {cause}: {', '.join(names)}")


def _problem(same: list[Finding], *, colour: bool) -> Iterator[str]:
    finding = same[0]
    verdict = _painted(str(finding.verdict), finding.verdict, colour=colour)
    level = "" if finding.level == "core" else " (extended: does not decide)"
    yield ""
    yield f"{verdict} {finding.id} in {', '.join(one.scenario for one in same)}{level}"
    yield from _wrapped(finding.message, first="  ")
    if finding.next_step:
        yield from _wrapped(finding.next_step, first="  next: ")


def _wrapped(text: str, first: str = "") -> Iterator[str]:
    indent = " " * len(first)
    yield from textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]
