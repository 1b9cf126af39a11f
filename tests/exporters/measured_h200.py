"""What a vLLM server did on an H200 and what the card showed meanwhile, by phase of load.

Read from fixtures/golden/vllm-h200: one row an engine step, NVML and its GPM counters each second.
"""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from scalecert.engines.base import Activity

FOLDER = Path(__file__).parents[2] / "fixtures" / "golden" / "vllm-h200"
_RUNS = (("A", "d1_micro"), ("A", "d2_sweep"), ("B", "d4_small"), ("D", "d7_dflt"))
_COLUMNS = (
    "util_gpu", "util_mem", "gpm_sm_util", "gpm_any_tensor_util", "gpm_dram_bw_util", "power_w",
)  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """A phase's window: seconds, what the server did, means of what the card showed."""

    name: str
    seconds: float
    done: Activity
    shown: tuple[float, ...]


def phases() -> tuple[Phase, ...]:
    """Return every phase of lasting load, in the order of the measurement."""
    return tuple(
        phase
        for server, folder in _RUNS
        for row in _plain(FOLDER / folder / "phases.csv")
        if (phase := _phase(server, folder, row)) is not None
    )


def _phase(server: str, folder: str, row: dict[str, str]) -> Phase | None:
    spec = json.loads(row["spec"])
    if "dur" not in spec:
        return None
    start, duration = float(row["t0_mono"]), float(spec["dur"])
    # As in the measurement's README: the last 60 % of a closed loop, else after the first 10 s.
    skipped = 0.4 * duration if row["kind"] == "closed" else min(10.0, 0.25 * duration)
    since, until = start + skipped, start + duration
    seen = [
        one
        for one in _zipped(FOLDER / folder / "gpu.csv.gz")
        if since <= float(one["t_mono"]) < until
    ]
    shown = tuple(sum(float(one[name]) for one in seen) / len(seen) for name in _COLUMNS)
    return Phase(f"{server} {row['phase']}", until - since, _done(server, since, until), shown)


def _done(server: str, since: float, until: float) -> Activity:
    """Return the server's activity in a window; of two steps in flight each has its own time."""
    busy = before = 0.0
    steps = tokens = context = 0
    for step in _zipped(FOLDER / f"steps_{server}.csv.gz"):
        end = float(step["t_res"])
        if since <= end < until:
            busy += end - max(before, float(step["t_sched"]), since)
            steps += 1
            tokens += int(step["pf_toks"]) + int(step["dec_reqs"])
            context += int(step["ctx_dec"])
        before = end
    return Activity(busy, steps, tokens, context, 0)


def _plain(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _zipped(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))
