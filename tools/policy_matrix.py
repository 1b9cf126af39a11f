"""Run every shipped policy, known-bad ones and twins too, through suite core: who fails by what.

    python tools/policy_matrix.py [--seeds 5] [--write]

Prints the matrix of policies and checks, and fails unless each known-bad policy fails by its named
check, and its twin passes it, with every seed. `--write` puts the tables into docs/policies.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from policies.known_bad import KnownBad, known_bad  # noqa: E402 - they lie beside the tests
from policies.shipped import shipped  # noqa: E402
from policies.tables import Table, write_page  # noqa: E402
from policies.tried import Tried  # noqa: E402

from scalecert.suite import find_suite  # noqa: E402

SUITE = "core"
_LETTERS = {"pass": "P", "fail": "F", "inconclusive": "I", "skipped": "S"}


@dataclass(frozen=True, slots=True)
class Row:
    """One policy of the matrix; `case` is the one that it belongs to, as `bad` or as `twin`."""

    name: str
    tried: Tried
    role: str
    case: KnownBad | None = None

    def scenarios(self) -> tuple[str, ...]:
        """Return what it is run in; with a load of its own the scenarios' shapes mean nothing."""
        if self.case is not None and self.tried.workload is not None:
            return (self.case.scenario,)
        return tuple(case.id for case in find_suite(SUITE).cases)


@dataclass(frozen=True, slots=True)
class Job:
    """One run."""

    row: Row
    scenario: str
    seed: int

    def verdicts(self) -> list[tuple[str, str]]:
        """Run it; return each check's id and verdict."""
        found = self.row.tried.findings(self.scenario, self.seed, clairvoyant=self.seed == 1)
        return [(finding.id, str(finding.verdict)) for finding in found]


Verdicts = Mapping[Job, Sequence[tuple[str, str]]]


def rows() -> list[Row]:
    """Return the shipped policies, then each known-bad one with its twin."""
    found = [Row(name, tried, "shipped") for name, tried in shipped().items()]
    for case in known_bad().cases:
        found.append(Row(case.id, case.tried(case.bad), "bad", case))
        found.append(Row(f"{case.id} (twin)", case.tried(case.twin), "twin", case))
    return found


def run(chosen: Sequence[Row], seeds: int) -> Verdicts:
    """Run every row in its scenarios with seeds from 1 on, on all cores; policies run once."""
    jobs = [
        Job(row, scenario, seed)
        for row in chosen
        for scenario in row.scenarios()
        for seed in range(1, seeds + 1)
    ]
    distinct = {_run_of(job): job for job in jobs}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        results = dict(zip(distinct, pool.map(Job.verdicts, distinct.values()), strict=True))
    return {job: results[_run_of(job)] for job in jobs}


def _run_of(job: Job) -> tuple[Tried, str, int]:
    """Return what makes two jobs the same run: a shipped policy may be a twin, too."""
    return job.row.tried, job.scenario, job.seed


def broken(verdicts: Verdicts) -> Iterator[str]:
    """Yield what is not as cases.yaml says: a bad policy that passes, a twin that does not."""
    for job, found in verdicts.items():
        case, wanted = job.row.case, "fail" if job.row.role == "bad" else "pass"
        if case is not None and job.scenario == case.scenario:
            verdict = dict(found).get(case.check, "absent")
            if verdict != wanted:
                where = f"{job.scenario}, seed {job.seed}"
                yield f"{job.row.name}: {case.check} is {verdict}, expected {wanted} ({where})"


def matrix(verdicts: Verdicts) -> dict[Row, dict[str, Counter[str]]]:
    """Return per row and check how often it said what."""
    counts: dict[Row, dict[str, Counter[str]]] = {}
    for job, found in verdicts.items():
        of_row = counts.setdefault(job.row, {})
        for check, verdict in found:
            of_row.setdefault(check, Counter())[_LETTERS[verdict]] += 1
    return counts


def columns() -> list[str]:
    """Return the checks of the suite's scenarios, in order."""
    cases = find_suite(SUITE).cases
    return list(dict.fromkeys(one.id for case in cases for one in case.scenario.spec.checks))


def main() -> int:
    """Run all, print the matrix, and say what is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="seeds per scenario, from 1 on")
    parser.add_argument("--write", action="store_true", help="update docs/policies.md, too")
    options = parser.parse_args()
    chosen = rows()
    verdicts = run(chosen, options.seeds)
    table = Table.of(
        {row.name: counts for row, counts in matrix(verdicts).items()},
        {row.name: row.case.check for row in chosen if row.case is not None},
        columns(),
    )
    print(table.aligned())
    if options.write:
        write_page(table, options.seeds)
    faults = list(broken(verdicts))
    print(
        "\n".join(faults) or "every known-bad policy fails by its named check, every twin passes it"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
