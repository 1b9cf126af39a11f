"""The page: docs/worlds-compared.md, whose tables stand between markers, and its plot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from scalecert.recording.agreement import LIMITS, AgreementSpec, Pair, PairRun

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "worlds-compared.md"
PLOT = DOCS / "worlds-compared.svg"

_HEAD = (
    (
        "| policy: scenario | replicas apart | first scale-up, syncs | p50 | p95 | verdicts | steps"
        " sim / local | ready sim / local | |"
    ),
    "|---|---:|---:|---:|---:|---:|---:|---:|---|",
)
_LATENCY_HEAD = (
    "| policy: scenario | TTFT p50 | p95 | TPOT p50 | p95 | E2E p50 | p95 |",
    "|---|---:|---:|---:|---:|---:|---:|",
)


def tables(pairs: Sequence[Pair]) -> dict[str, str]:
    """Return the tables by name, as Markdown: those looked at, those unseen, latencies."""
    seen = [pair for pair in pairs if not pair.unseen]
    unseen = [pair for pair in pairs if pair.unseen]
    return {
        "seen": _table(_HEAD, map(_row, seen)),
        "unseen": _table(_HEAD, map(_row, unseen)),
        "latencies": _table(_LATENCY_HEAD, map(_latency_row, pairs)),
    }


def write(spec: AgreementSpec, plot: str) -> None:
    """Put the tables into the page, and the plot beside it."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables(spec.pairs).items():
        text = re.sub(
            rf"(<!-- table {name} -->\n).*?(?=<!-- end -->)",
            lambda found, table=table: f"{found[1]}{table}\n",
            text,
            flags=re.DOTALL,
        )
    PAGE.write_text(text, encoding="utf-8")
    PLOT.write_text(plot, encoding="utf-8")


def _table(head: Sequence[str], rows: Iterable[str]) -> str:
    return "\n".join([*head, *rows])


def _row(pair: Pair) -> str:
    figures = pair.figures
    differing = sum(len(run.verdicts_differing) for run in pair.runs)
    compared = sum(run.verdicts_compared for run in pair.runs)
    cells = [
        f"{pair.policy}: {pair.scenario}",
        f"{figures.replicas:.2f} {_spread(pair, lambda run: run.replica_difference)}",
        f"{figures.first_scale_up_syncs:.2f}",
        _share(figures.p50),
        _share(figures.p95),
        f"{compared - differing} of {compared}",
        (
            f"{_mean(pair, lambda run: run.sim.scale_steps):.1f}"
            f" / {_mean(pair, lambda run: run.local.scale_steps):.1f}"
        ),
        (
            f"{_mean(pair, lambda run: run.sim.ready_replicas_mean):.2f}"
            f" / {_mean(pair, lambda run: run.local.ready_replicas_mean):.2f}"
        ),
        "" if pair.within_limits else f"beyond: {', '.join(_beyond(pair))}",
    ]
    return f"| {' | '.join(cells)} |"


def _beyond(pair: Pair) -> list[str]:
    return [
        name.replace("_", " ")
        for name in LIMITS.__slots__
        if getattr(pair.figures, name) > getattr(LIMITS, name) + 1e-9
    ]


def _latency_row(pair: Pair) -> str:
    cells = [f"{pair.policy}: {pair.scenario}"]
    for metric in ("ttft", "tpot", "e2e"):
        for name in ("p50_seconds", "p95_seconds"):
            differences = [
                getattr(run.local.latencies[metric], name)
                / getattr(run.sim.latencies[metric], name)
                - 1
                for run in pair.runs
            ]
            low, high = min(differences), max(differences)
            cells.append(f"{100 * low:+.1f} to {100 * high:+.1f} %")
    return f"| {' | '.join(cells)} |"


def _mean(pair: Pair, figure: Callable[[PairRun], float]) -> float:
    return sum(map(figure, pair.runs)) / len(pair.runs)


def _spread(pair: Pair, figure: Callable[[PairRun], float]) -> str:
    low, high = pair.spread(figure)
    return f"({low:.2f} to {high:.2f})"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
