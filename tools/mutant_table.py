"""Print what every check says of every mutant; `--write` puts the tables into docs/mutants.md.

    python tools/mutant_table.py [--write]

The mutants are in tests/checks/mutants.py, and tests/checks/test_mutants.py holds the checks to
them. Exits with 1 if a check says other than the table has it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from checks.mutant_table import (  # noqa: E402 - they lie beside the tests
    BASES,
    bases,
    check_ids,
    expected,
    killed_by,
    mutated,
    verdicts,
)
from checks.mutants import MUTANTS, Mutant  # noqa: E402

from scalecert.checks.finding import Verdict  # noqa: E402

PAGE = ROOT / "docs" / "mutants.md"
SIGNS = {Verdict.FAIL: "F", Verdict.INCONCLUSIVE: "?", Verdict.PASS: ".", None: " "}
Said = dict[str, dict[str, Verdict]]
"""Verdicts by recording (a base or a mutant) and check."""


def judged() -> Said:
    """Return what is said of the sound recordings and of every mutant."""
    sound = {name: verdicts(bases()[name]) for name in BASES}
    return {**sound, **{mutant.name: verdicts(mutated(mutant)) for mutant in MUTANTS}}


def matrix(said: Said) -> str:
    """Return the table of checks x recordings: F fail, ? inconclusive, . pass."""
    ids, width = check_ids(), max(map(len, said))
    rule = "-" * (width + 1 + 3 * len(ids))
    legend = [f"{number:2} {check}" for number, check in enumerate(ids, start=1)]
    head = " " * (width + 1) + "".join(f"{number:3}" for number in range(1, len(ids) + 1))
    rows = [
        f"{name:{width}} " + "".join(f"{SIGNS[found.get(check)]:>3}" for check in ids)
        for name, found in said.items()
    ]
    sound, mutants = rows[: len(BASES)], rows[len(BASES) :]
    return "\n".join([*legend, "", head, rule, *sound, rule, *mutants])


def stories() -> str:
    """Return the mutants as a Markdown table."""
    head = "| mutant | of | what went wrong | fail | inconclusive |\n|---|---|---|---|---|"
    return "\n".join([head, *map(_story, MUTANTS)])


def _story(mutant: Mutant) -> str:
    fails = ", ".join(mutant.fails) or ("none, it is harmless" if mutant.harmless else "")
    doubts = ", ".join(mutant.inconclusive)
    return f"| `{mutant.name}` | {mutant.base} | {mutant.story} | {fails} | {doubts} |"


def kills() -> str:
    """Return by check the mutants that it alone has to notice, as a Markdown table."""
    rows = [
        f"| `{check}` | {', '.join(mutant.name for mutant in killed_by(check))} |"
        for check in check_ids()
    ]
    return "\n".join(["| check | mutants |", "|---|---|", *rows])


def updated(page: str) -> str:
    """Return the page with its tables replaced; each is between `<!-- table NAME -->` and end.

    Raises:
        ValueError: if the page lacks a table's markers.
    """
    parts = {"matrix": f"```text\n{matrix(judged())}\n```", "mutants": stories(), "kills": kills()}
    for name, text in parts.items():
        begin, end = f"<!-- table {name} -->", "<!-- end -->"
        before, marker, rest = page.partition(begin)
        _, closing, after = rest.partition(end)
        if not marker or not closing:
            raise ValueError(f"found no {begin} ... {end}")
        page = f"{before}{begin}\n{text}\n{end}{after}"
    return page


def deviating(said: Said) -> Iterator[str]:
    """Yield each cell that is not as the table of mutants has it."""
    for mutant in MUTANTS:
        for check in check_ids():
            found, wanted = said[mutant.name].get(check), expected(mutant, check)
            if found is not wanted:
                yield f"{mutant.name}: {check} is {found or 'silent'}, not {wanted or 'silent'}"


def main() -> int:
    """Print the table, and write it if asked to."""
    said = judged()
    print(matrix(said))
    harmless = sum(mutant.harmless for mutant in MUTANTS)
    wrong = list(deviating(said))
    print(
        f"\n{len(MUTANTS)} mutants, {len(MUTANTS) - harmless} to be noticed and {harmless}"
        f" harmless; {len(check_ids())} checks, {len(wrong)} cells other than expected"
    )
    print("\n".join(wrong))
    if "--write" in sys.argv[1:]:
        PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
