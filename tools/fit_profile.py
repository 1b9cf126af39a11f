"""Fit the step costs of a measured engine profile to a server's step log.

    python tools/fit_profile.py [--data fixtures/golden/vllm-h200] [--write PROFILE.yaml]

Reads `steps_*.csv.gz` and the phases' `requests.csv.gz` (columns in the data's README), fits the
formula of `scalecert.engines.costs` and prints parameters and errors; `--write` puts the
parameters into the profile's `costs`. Deterministic: no random numbers.

How a step is timed. Two steps are in flight, so a step's duration is the time between two
results. The server reads a result only after it has launched the next step, and launching a step
with prefill takes longer than a light decode step runs: the decode step before then looks longer
and the prefill shorter than they are. Steps with prefill are therefore fitted as the sum over
their run and the decode step before it, in which that error cancels.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import frontend_delays as delays
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "fixtures" / "golden" / "vllm-h200"
SERVERS = {"d1_micro": "A", "d2_sweep": "A", "d4_small": "B", "d7_dflt": "D"}
BURST_WEIGHT = 0.1
"""Weight of a burst phase; phases under a lasting load have 1, as that is what is predicted."""
LOADED_PHASES = {"p070", "p100"}
LOADED_WEIGHT = 12.0
"""Under an open load near saturation an error of the step time comes back several times larger in
every latency; closed loops regulate themselves."""
HUBER = 0.08
"""Relative error beyond which a row counts linearly: hiccups of the machine."""
OPEN_PHASE = re.compile(r"[a-z]0[1-7]0|s050")
"""Phases below saturation."""
BURST_PHASE = re.compile(r"dec_32_(32|64|128|256)")
"""Bursts of which neither seats nor the step's budget hold up any request for long."""
LONG_CHUNK_TOKENS = 1500
"""Such a step runs longer than the next takes to launch, so it can be timed alone."""
START = {
    "weights_seconds": 4e-3,
    "token_seconds": 2e-5,
    "decode_request_seconds": 2e-5,
    "context_seconds": 1.2e-7,
    "attention_seconds": 1.5e-9,
    "blend": 3.0,
    "beside_request_seconds": 2e-5,
}
"""Where the fit begins; it ends at the same place from factors of two away."""
OVERHEAD_SECONDS = 1e-3
"""Kernel gaps of a step, not fitted: any value up to 1.3 ms fits as well with a shorter
`weights_seconds`. This one, 31 us a layer, leaves weights streaming at 77 % of the bandwidth."""

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Phase:
    """One phase of the measurement: its server, name and span in the machine's seconds."""

    folder: str
    server: str
    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Rows:
    """Rows to fit: sums of steps. `step` indexes `features`, `row` says whose sum it is in."""

    features: Columns
    step: np.ndarray
    row: np.ndarray
    seconds: np.ndarray
    mixed: np.ndarray
    phase: np.ndarray


def read_csv(path: Path) -> Columns:
    """Return the numeric columns of a (gzipped) CSV file."""
    with gzip.open(path, "rt") as lines:
        table = np.genfromtxt(lines, delimiter=",", names=True)
    return {name: table[name] for name in table.dtype.names}


def read_phases(data: Path) -> list[Phase]:
    """Return all phases but the warm-ups."""
    found = []
    for folder, server in SERVERS.items():
        with (data / folder / "phases.csv").open() as lines:
            for row in csv.DictReader(lines):
                span = float(row["t0_mono"]), float(row["t_last_mono"])
                found.append(Phase(folder, server, row["phase"], *span))
    return [phase for phase in found if "warm" not in phase.name]


def attention_pairs(steps: Columns, phases: list[Phase]) -> np.ndarray:
    """Return each step's sum over chunks of n * (computed before + n / 2).

    Exact where a step has one chunk or the phase's prompts all have one size; elsewhere chunks
    are taken as equal, which is 8 % low for uniform sizes, of a term of a few percent.
    """
    chunks = np.maximum(steps["pf_reqs"], 1)
    tokens = steps["pf_toks"]
    pairs = tokens * (steps["ctx_pf"] / chunks + tokens / (2 * chunks))
    for phase in phases:
        size = re.fullmatch(r"(?:pf_|dec_)(\d+)(?:_\d+)?", phase.name)
        inside = (steps["t_sched"] >= phase.start - 0.01) & (steps["t_res"] <= phase.end + 0.05)
        if size:
            index = np.flatnonzero(inside & (tokens > 0))
            pairs[index] = list(_chunked_pairs(tokens[index], int(size[1])))
    return pairs


def _chunked_pairs(step_tokens: np.ndarray, prompt: int) -> Iterator[float]:
    done = 0
    for tokens in step_tokens.astype(int):
        left, pairs = tokens, 0.0
        while left > 0:
            chunk = min(left, prompt - done)
            pairs += chunk * (done + chunk / 2)
            left, done = left - chunk, (done + chunk) % prompt
        yield pairs


def groups(steps: Columns) -> Iterator[list[int]]:
    """Yield the steps of each row: a decode step alone, or with the prefills that follow it."""
    count = len(steps["t_res"])
    busy = np.r_[False, steps["t_sched"][1:] < steps["t_res"][:-1]]
    timed = busy & np.r_[False, busy[:-1]]
    mixed = steps["pf_reqs"] > 0
    first = 2
    while first < count:
        last = first
        while last + 1 < count and mixed[last + 1]:
            last += 1
        if timed[first : last + 1].all():
            yield list(range(first, last + 1))
        else:
            long = timed & mixed & (steps["pf_toks"] >= LONG_CHUNK_TOKENS)
            after = np.r_[False, steps["pf_toks"][:-1] >= LONG_CHUNK_TOKENS]
            yield from ([i] for i in range(first, last + 1) if long[i] and after[i])
        first = last + 1


def rows_of(data: Path, phases: list[Phase]) -> Rows:
    """Return the rows of all servers."""
    parts: list[tuple[Columns, list[list[int]], np.ndarray, np.ndarray]] = []
    for server in sorted(set(SERVERS.values())):
        steps = read_csv(data / f"steps_{server}.csv.gz")
        mine = [phase if phase.server == server else None for phase in phases]
        steps["pairs"] = attention_pairs(steps, [phase for phase in mine if phase])
        kept, number = [], []
        for group in groups(steps):
            end = steps["t_res"][group[-1]]
            inside = [k for k, p in enumerate(mine) if p and p.start <= end <= p.end + 0.01]
            if inside:
                kept.append(group)
                number.append(inside[0])
        duration = np.r_[np.nan, np.diff(steps["t_res"])]
        seconds = np.array([duration[group].sum() for group in kept])
        parts.append((steps, kept, seconds, np.array(number)))
    return _joined(parts)


def _joined(parts: list[tuple[Columns, list[list[int]], np.ndarray, np.ndarray]]) -> Rows:
    names = ("pf_toks", "dec_reqs", "ctx_dec", "pf_reqs", "pairs")
    features = {name: np.concatenate([steps[name] for steps, *_ in parts]) for name in names}
    offset, rows = 0, []
    for steps, kept, *_ in parts:
        rows += [[step + offset for step in group] for group in kept]
        offset += len(steps["t_res"])
    return Rows(
        features=features,
        step=np.concatenate([np.array(group) for group in rows]),
        row=np.repeat(np.arange(len(rows)), [len(group) for group in rows]),
        seconds=np.concatenate([seconds for _, _, seconds, _ in parts]),
        mixed=np.array([features["pf_reqs"][group].max() > 0 for group in rows]),
        phase=np.concatenate([number for *_, number in parts]),
    )


def predict(rows: Rows, costs: dict[str, float]) -> np.ndarray:
    """Return the seconds of every row by the formula of `StepCosts`, vectorised."""
    at = {name: column[rows.step] for name, column in rows.features.items()}
    tokens = at["pf_toks"] + at["dec_reqs"]
    blend = costs["blend"]
    bounds = costs["weights_seconds"] ** blend + (costs["token_seconds"] * tokens) ** blend
    request = costs["decode_request_seconds"] + costs["beside_request_seconds"] * (
        at["pf_reqs"] > 0
    )
    seconds = (
        bounds ** (1 / blend)
        + OVERHEAD_SECONDS
        + request * at["dec_reqs"]
        + costs["context_seconds"] * at["ctx_dec"]
        + costs["attention_seconds"] * at["pairs"]
    )
    return np.bincount(rows.row, seconds, minlength=len(rows.seconds))


def weights_of(rows: Rows, phases: list[Phase]) -> np.ndarray:
    """Return each row's weight: by phase, within it by its seconds."""
    weights = np.zeros(len(rows.seconds))
    for number, phase in enumerate(phases):
        share = BURST_WEIGHT if phase.name.startswith(("dec_", "pf_")) else 1.0
        share *= LOADED_WEIGHT if phase.name in LOADED_PHASES else 1.0
        mine = rows.phase == number
        weights[mine] = share * rows.seconds[mine] / max(rows.seconds[mine].sum(), 1e-9)
    return weights


def fit(rows: Rows, weights: np.ndarray, rounds: int = 60) -> dict[str, float]:
    """Return the parameters with the least Huber loss of relative errors (Levenberg-Marquardt).

    Parameters are fitted as logarithms, so that none turns negative.
    """
    names, start = list(START), np.log(list(START.values()))

    def errors(at: np.ndarray) -> np.ndarray:
        return predict(rows, dict(zip(names, np.exp(at), strict=True))) / rows.seconds - 1

    def loss(error: np.ndarray) -> float:
        size = np.abs(error)
        return float(weights @ np.where(size < HUBER, size**2, HUBER * (2 * size - HUBER)))

    at, error, damping = start, errors(start), 1e-2
    for _ in range(rounds):
        slope = np.stack([(errors(at + step) - error) / 1e-4 for step in 1e-4 * np.eye(len(at))], 1)
        scale = weights / np.maximum(1, np.abs(error) / HUBER)
        normal = slope.T @ (scale[:, None] * slope)
        downhill = slope.T @ (scale * error)
        damped = normal + np.diag(damping * np.diag(normal) + 1e-12)
        step = np.clip(-np.linalg.solve(damped, downhill), -1, 1)
        tried = errors(at + step)
        if loss(tried) < loss(error):
            at, error, damping = at + step, tried, damping / 3
            if np.abs(step).max() < 1e-5:
                break
        else:
            damping *= 4
    return dict(zip(names, np.exp(at).tolist(), strict=True))


def main() -> None:
    """Fit, print, write."""
    parser = argparse.ArgumentParser(description="Fit a profile's step costs to a step log.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--write", type=Path, metavar="PROFILE.yaml")
    arguments = parser.parse_args()
    phases = read_phases(arguments.data)
    rows = rows_of(arguments.data, phases)
    costs = fit(rows, weights_of(rows, phases))
    report(rows, phases, costs)
    costs |= frontend_costs(arguments.data, phases, costs)
    costs["overhead_seconds"] = OVERHEAD_SECONDS
    for name, value in costs.items():
        print(f"{name:28s} {value:.4g}")
    if arguments.write:
        write(arguments.write, costs)


def frontend_costs(data: Path, phases: list[Phase], costs: dict[str, float]) -> dict[str, float]:
    """Return the delays around the steps, from phases under load, lone requests and bursts."""
    steps = {server: read_csv(data / f"steps_{server}.csv.gz") for server in set(SERVERS.values())}
    matches = []
    for phase in phases:
        if OPEN_PHASE.fullmatch(phase.name):
            requests = _requests(data / phase.folder / "requests.csv.gz", phase.name)
            log = steps[phase.server]
            inside = (log["t_sched"] >= phase.start) & (log["t_sched"] <= phase.end)
            mine = {name: column[inside] for name, column in log.items()}
            matches.append(delays.match(mine, requests, phase.start))
    matched = np.concatenate(matches)
    log = steps["A"]
    log["pairs"] = attention_pairs(log, [phase for phase in phases if phase.server == "A"])
    each = np.arange(len(log["t_res"]))
    alone = Rows(log, each, each, log["t_res"], log["pf_reqs"] > 0, each)
    base, per_request = delays.delivery_seconds(matched)
    beyond, floor = delays.start_seconds(log, predict(alone, costs))
    bursts = [
        delays.arrival_request_seconds(
            log,
            _requests(data / phase.folder / "requests.csv.gz", phase.name),
            phase.start,
            per_request,
        )
        for phase in phases
        if BURST_PHASE.fullmatch(phase.name)
    ]
    return {
        "floor_request_seconds": delays.cpu_request_seconds(log),
        "start_seconds": beyond,
        "start_floor_seconds": floor,
        "arrival_seconds": delays.arrival_seconds(matched, delays.schedule_lag_seconds(log)),
        "arrival_request_seconds": float(np.mean(bursts)),
        "delivery_seconds": base,
        "delivery_request_seconds": per_request,
    }


def _requests(path: Path, phase: str) -> Columns:
    with gzip.open(path, "rt", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["phase"] == phase]
    names = ("t_send", "t_first", "t_last", "in_tok")
    return {name: np.array([float(row[name]) for row in rows]) for name in names}


def report(rows: Rows, phases: list[Phase], costs: dict[str, float]) -> None:
    """Print how far the summed time of each phase's steps is off."""
    predicted = predict(rows, costs)
    print(f"{'phase':16s} {'decode':>8s} {'prefill':>8s} {'all':>8s}   error of the steps' time, %")
    for number, phase in enumerate(phases):
        mine = rows.phase == number
        cells = [
            _off(predicted, rows, mine & ~rows.mixed),
            _off(predicted, rows, mine & rows.mixed),
        ]
        print(f"{phase.name:16s} {cells[0]:>8s} {cells[1]:>8s} {_off(predicted, rows, mine):>8s}")


def _off(predicted: np.ndarray, rows: Rows, which: np.ndarray) -> str:
    if not which.any():
        return "-"
    return f"{100 * (predicted[which].sum() / rows.seconds[which].sum() - 1):+.1f}"


def write(path: Path, costs: dict[str, float]) -> None:
    """Put the parameters into the profile's text, leaving everything else as it is."""
    text = path.read_text()
    for name, value in costs.items():
        head, *tail = name.split("_")
        key = head + "".join(word.capitalize() for word in tail)
        text, found = re.subn(rf"(?m)^(    {key}: ).*$", rf"\g<1>{value:.3e}", text)
        if found != 1:
            raise SystemExit(f"{path}: found {found} lines '    {key}: ...', expected one")
    path.write_text(text)


if __name__ == "__main__":
    main()
