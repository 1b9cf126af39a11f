"""How well step costs that were fitted to some phases predict the others.

    python tools/cross_validate.py [--data fixtures/golden/vllm-h200]

Fits the formula of `tools/fit_profile.py` with groups of phases left out and prints how far the
summed time of the steps of every phase under load is off.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
from fit_profile import DATA, Phase, Rows, fit, predict, read_phases, rows_of, weights_of

SHOWN = re.compile(r"p\d+|s\d+|d\d+|cap_closed\d+")
GROUPS = {
    "nothing": r"",
    "loads at saturation": r"p100|cap_closed256",
    "Poisson loads": r"p\d+",
    "server with 13,600 KV tokens": r"s050|cap_closed64",
    "server with 1,024 sequences": r"d060|cap_closed512",
    "bursts": r"dec_.*",
    "all but light loads, bursts": r"p070|p100|s\d+|d\d+|cap_closed\d+",
}
"""What is left out, by a regular expression for names of phases."""


def table(data: Path = DATA) -> str:
    """Return a Markdown table: errors of every phase, in bold where it was left out."""
    phases = read_phases(data)
    rows = rows_of(data, phases)
    shown = [number for number, phase in enumerate(phases) if SHOWN.fullmatch(phase.name)]
    names = [phases[number].name for number in shown]
    lines = [f"| fitted without | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for group, pattern in GROUPS.items():
        out = [bool(re.fullmatch(pattern, phase.name)) for phase in phases]
        errors = _errors(rows, phases, np.array(out))
        cells = [f"**{errors[i]:+.1f} %**" if out[i] else f"{errors[i]:+.1f} %" for i in shown]
        lines.append(f"| {group} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _errors(rows: Rows, phases: list[Phase], out: np.ndarray) -> list[float]:
    """Return the error of each phase's summed step time, percent, by a fit without those `out`."""
    weights = np.where(out[rows.phase], 0.0, weights_of(rows, phases))
    predicted = predict(rows, fit(rows, weights))
    count = len(phases)
    sums = np.bincount(rows.phase, predicted, count), np.bincount(rows.phase, rows.seconds, count)
    return [float(100 * (a / b - 1)) if b else float("nan") for a, b in zip(*sums, strict=True)]


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description="Cross-validate the fit of the step costs.")
    parser.add_argument("--data", type=Path, default=DATA)
    print(table(parser.parse_args().data))


if __name__ == "__main__":
    main()
