"""Run the same policies and scenarios in `sim` and in world `local`, and compare what came of it.

    python tools/fidelity.py [--pair SCENARIO/POLICY ...] [--runs 3] [--worlds 2] [--write]

Every pair of fixtures/fidelity is run with each seed. Recordings are kept under `--out`: what is
there is not run again, and `--compare` runs nothing at all. `--write` puts the figures of all pairs
into fixtures/fidelity.json, which certificates read, and the tables and the plot into docs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from world_agreement.figures import Recordings, pair_of
from world_agreement.page import tables, write
from world_agreement.pairs import Pair, all_pairs
from world_agreement.runs import Run, Runs
from world_agreement.timelines import plot

from scalecert import __version__
from scalecert.documents import API_VERSION, canonical_json, write_atomic
from scalecert.recording.agreement import FILE, KIND, AgreementFile, AgreementSpec
from scalecert.recording.sources import source_digest

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / FILE


def main() -> int:
    """Run or read all, and print the tables; 1 if a pair is beyond the limits."""
    options = _options()
    chosen = [pair for pair in all_pairs() if not options.pair or pair.name in options.pair]
    runs = {pair: [Run(pair, seed) for seed in range(1, options.runs + 1)] for pair in chosen}
    if not options.compare:
        order = [
            run for number in range(options.runs) for run in (one[number] for one in runs.values())
        ]
        for run in Runs(options.out, options.worlds).make(order):
            print(f"{run.pair.name} seed {run.seed}: recorded", file=sys.stderr, flush=True)
    recorded = {
        pair: [(run, run.recordings(options.out)) for run in of_pair]
        for pair, of_pair in runs.items()
    }
    spec = _spec(recorded)
    print("\n\n".join(tables(spec.pairs).values()))
    drawing = plot({pair: [both for _, both in found] for pair, found in recorded.items()})
    write_atomic(options.out / "timelines.svg", drawing.encode())
    if options.write:
        file = AgreementFile(api_version=API_VERSION, kind=KIND, spec=spec)
        write_atomic(FIXTURE, canonical_json(file))
        write(spec, drawing)
    return 0 if all(pair.within_limits for pair in spec.pairs) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [pair.name for pair in all_pairs()]
    parser.add_argument("--pair", action="append", default=[], choices=names, metavar="PAIR")
    parser.add_argument("--runs", type=int, default=3, help="runs of each pair: seeds from 1 on")
    parser.add_argument("--worlds", type=int, default=1, help="worlds at once")
    parser.add_argument("--out", type=Path, default=Path("out/fidelity"), help="for recordings")
    parser.add_argument("--compare", action="store_true", help="recordings that are there")
    parser.add_argument("--write", action="store_true", help="update fixtures and docs, too")
    options = parser.parse_args()
    if options.write and (options.pair or options.runs < 3):
        parser.error("--write needs all pairs and three runs of each")
    return options


def _spec(recorded: dict[Pair, list[tuple[Run, Recordings]]]) -> AgreementSpec:
    plan = next(iter(recorded.values()))[0][1][1].plan
    return AgreementSpec(
        source_digest=source_digest(),
        harness_version=__version__,
        components=plan.wall_clock.components if plan.wall_clock else {},
        pairs=tuple(pair_of(pair, runs) for pair, runs in recorded.items()),
    )


if __name__ == "__main__":
    sys.exit(main())
