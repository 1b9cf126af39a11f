"""The report: docs/published.md, whose tables stand between markers, and docs/published.json."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from published_report.claims import Claim, Claims
from published_report.results import Results, plain
from published_report.runs import COMMON
from published_report.verdicts import CONFIDENCE, Interval, Outcome, interval

DOCS = Path(__file__).resolve().parents[2] / "docs"


@dataclass(frozen=True, slots=True)
class Judged:
    """One claim with its two sides, seed by seed."""

    claim: Claim
    of: tuple[float, ...]
    against: tuple[float, ...]

    @property
    def differences(self) -> tuple[float, ...]:
        """The claim's difference, seed by seed."""
        return tuple(one - other for one, other in zip(self.of, self.against, strict=True))

    @property
    def interval(self) -> Interval | None:
        """The interval of its mean."""
        return interval(self.differences)

    @property
    def outcome(self) -> Outcome:
        """What the seeds say."""
        return self.claim.expected.judge(self.interval)


def judge(claims: Claims, results: Results) -> list[Judged]:
    """Judge every claim whose arms were run."""
    return [
        Judged(claim, results.side(claim.of), results.side(claim.against))
        for claim in claims.claims
        if all(side.arm in results.figures for side in claim.sides)
    ]


def tables(claims: Claims, results: Results) -> dict[str, str]:
    """Return the tables by name, as Markdown."""
    judged = judge(claims, results)
    of_experiments = {
        name: _claims([one for one in judged if one.claim.experiment == name])
        for name in claims.experiments
    }
    return {
        "summary": _summary(judged, results),
        **of_experiments,
        "arms": _arms(claims, results),
        "loads": _loads(claims, results),
    }


def _summary(judged: Sequence[Judged], results: Results) -> str:
    counts = {said: sum(one.outcome is said for one in judged) for said in Outcome}
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    seeds = f"{len(results.seeds)} seeds, {results.seeds[0]} to {results.seeds[-1]}"
    return f"{len(judged)} claims, with {seeds}: {said}."


def _claims(judged: Sequence[Judged]) -> str:
    head = ["claim", "figure", "of", "against", "difference", "interval", "expected", "outcome"]
    return _markdown([head, *(_claim(one) for one in judged)])


def _claim(one: Judged) -> list[str]:
    claim, found = one.claim, one.interval
    return [
        f"`{claim.id}`: {claim.says}",
        claim.figure_text(),
        _number(fmean(one.of)),
        _number(fmean(one.against)),
        "-" if found is None else f"{found.mean:+.3g}",
        "-" if found is None else f"{found.low:.3g} to {found.high:.3g}",
        _expected(claim),
        f"**{one.outcome}**",
    ]


def _expected(claim: Claim) -> str:
    low, high = claim.above, claim.below
    if math.isfinite(low) and math.isfinite(high):
        return f"{low:g} to {high:g}"
    return f"above {low:g}" if math.isfinite(low) else f"below {high:g}"


def _arms(claims: Claims, results: Results) -> str:
    head = ["arm", "scenario", *(name.replace("-", " ") for name in COMMON)]
    rows = [
        [
            f"`{name}`",
            f"`{claims.arms[name].scenario}`",
            *(_number(fmean(figures[key, "run"])) for key in COMMON),
        ]
        for name, figures in results.figures.items()
    ]
    return _markdown([head, *rows])


def _loads(claims: Claims, results: Results) -> str:
    head = ["arm", "policy", "settings", "profile", "saturated replica", "highest rate", "settles"]
    rows = []
    for name, facts in results.facts.items():
        arm, settling = claims.arms[name], facts.settling_per_second
        settings = ", ".join(f"{key}={value}" for key, value in arm.settings.items())
        rows.append(
            [
                f"`{name}`",
                f"[{arm.path.stem}](../suites/published/{arm.policy})",
                f"`{settings}`" if settings else "",
                f"`{facts.profile}`",
                f"{facts.unit_per_second:.4g}/s",
                f"{facts.peak_per_second:.4g}/s",
                "" if settling is None else f"at {arm.settles_at} replicas with {settling:.4g}/s",
            ]
        )
    return _markdown([head, *rows])


def document(claims: Claims, results: Results) -> dict[str, Any]:
    """Return all figures and what is said of each claim, as data."""
    said = {one.claim.id: _entry(one) for one in judge(claims, results)}
    return {"confidence": CONFIDENCE, **results.document(), "claims": said}


def _entry(one: Judged) -> dict[str, Any]:
    found = one.interval
    return {
        "says": one.claim.says,
        "source": one.claim.source,
        "figure": one.claim.figure_text(),
        "expected": _expected(one.claim),
        "differences": [plain(value) for value in one.differences],
        "mean": None if found is None else plain(found.mean),
        "low": None if found is None else plain(found.low),
        "high": None if found is None else plain(found.high),
        "outcome": str(one.outcome),
    }


def write(claims: Claims, results: Results, folder: Path = DOCS) -> None:
    """Put the tables into the page, and all figures beside it; the tables are of what is stored.

    Raises:
        ValueError: if the page lacks a table's markers.
    """
    stored = Results.of_document(results.document())
    page = folder / "published.md"
    text = page.read_text(encoding="utf-8")
    for name, table in tables(claims, stored).items():
        text = with_table(text, name, table)
    page.write_text(text, encoding="utf-8")
    data = _as_json(document(claims, stored))
    (folder / "published.json").write_text(data, encoding="utf-8")


def _as_json(data: Mapping[str, Any]) -> str:
    """Return it with each list of figures on one line."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1)
    lists = re.compile(r"\[[^][{}\"]*\]")
    return lists.sub(lambda found: " ".join(found[0].split()), text) + "\n"


def with_table(text: str, name: str, table: str) -> str:
    """Return the page with the table between its markers.

    Raises:
        ValueError: if the page lacks them.
    """
    block = f"<!-- table {name} -->\n{table}\n<!-- end -->"
    pattern = rf"<!-- table {re.escape(name)} -->\n.*?<!-- end -->"
    text, found = re.subn(pattern, lambda _: block, text, flags=re.DOTALL)
    if found != 1:
        raise ValueError(f"found {found} tables {name!r}, expected one")
    return text


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *rest = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([head, "|" + "---|" * len(lines[0]), *rest])


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"
