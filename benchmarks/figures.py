"""What all benchmarks are called by: which measurements to make, and where the figures go."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

Measurement = Callable[[], dict[str, float]]
"""Returns figures by key."""


def write_figures(about: str, measurements: Sequence[Measurement]) -> None:
    """Measure what the command line names, all if none; print, and write JSON if asked to."""
    by_name = {each.__name__: each for each in measurements}
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--only", nargs="+", choices=by_name, default=list(by_name))
    given = parser.parse_args()
    figures: dict[str, float] = {}
    for name in given.only:
        for key, value in by_name[name]().items():
            figures[key] = round(value, 3)
            print(f"{key:42} {value:12.3f}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
