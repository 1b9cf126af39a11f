"""Hold the engine models to what Google's guides for TGI and JetStream claim of their signals.

    python tools/published.py [--seeds 20] [--experiment ID ...] [--write]

Runs every arm of suites/published/claims.yaml with each seed, judges each claim by the interval of
its paired differences, and prints both. `--write` puts all of it into docs/published.md and
docs/published.json. A claim that is not reproduced is a finding, so the tool succeeds all the same.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from published_report.claims import Claims, load_claims
from published_report.page import tables, write
from published_report.runs import run_all


def arms_of(claims: Claims, experiments: Sequence[str]) -> list[str]:
    """Return the arms that the claims of these experiments need; of all without a choice."""
    wanted = {
        side.arm
        for claim in claims.claims
        if not experiments or claim.experiment in experiments
        for side in claim.sides
    }
    return [name for name in claims.arms if name in wanted]


def main() -> int:
    """Run all, and print the tables."""
    claims = load_claims()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="seeds per arm, from 1 on")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at once")
    parser.add_argument("--experiment", action="append", default=[], choices=claims.experiments)
    parser.add_argument("--write", action="store_true", help="update the report in docs, too")
    options = parser.parse_args()
    if options.write and options.experiment:
        parser.error("--write needs all experiments")
    arms, seeds = arms_of(claims, options.experiment), range(1, options.seeds + 1)
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        results = run_all(claims, arms, seeds, pool)
    print("\n\n".join(table for table in tables(claims, results).values()))
    if options.write:
        write(claims, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
