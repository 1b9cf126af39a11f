"""A recorded folder: `phases.csv`, `requests.csv.gz` and, if there, `metrics.csv.gz`.

Columns and units are those of fixtures/golden/vllm-h200/README.md. Phases of any kind are taken:
closed ones by their concurrency, all others by the times at which their requests were sent.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

NEVER_SENT = "-1"
"""Status of a request that failed at the client before the server had it."""
STEADY_KINDS = ("poisson", "constant", "uniform", "gamma", "open")
CLOSED_WINDOW = 0.6
"""Share of a closed phase, at its end, that counts."""
RAMP_SECONDS, RAMP_SHARE = 10.0, 0.25
"""A steady phase counts after this time or share of it, whichever is shorter."""


@dataclass(frozen=True)
class Requests:
    """Requests of a phase in the order of sending; seconds since the phase's start, NaN: never."""

    sent_seconds: np.ndarray
    first_seconds: np.ndarray
    last_seconds: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray


@dataclass(frozen=True)
class Gauges:
    """What `/metrics` showed, sample by sample."""

    time_seconds: np.ndarray
    running: np.ndarray
    waiting: np.ndarray
    preemptions: np.ndarray
    """Counter since the server's start."""


@dataclass(frozen=True)
class Phase:
    """One phase; `window` is the span that is compared, by the time a request was sent."""

    name: str
    kind: str
    spec: dict[str, Any]
    window: tuple[float, float]
    requests: Requests
    gauges: Gauges

    @property
    def concurrency(self) -> int:
        """Return the number of closed-loop clients, 0 for an open phase."""
        return int(self.spec.get("conc", 0)) if self.kind == "closed" else 0

    @property
    def planned_seconds(self) -> float:
        """Return when the phase stops sending; its last request's sending if it has no end."""
        sent = self.requests.sent_seconds
        return float(self.spec.get("dur", sent[-1] if len(sent) else 0.0))


def read_folder(folder: Path) -> Iterator[Phase]:
    """Yield the phases of a folder that have requests, in order."""
    requests = _by_phase(folder / "requests.csv.gz")
    metrics = _by_phase(folder / "metrics.csv.gz")
    for row in _rows(folder / "phases.csv"):
        name = row["phase"]
        if name not in requests:
            continue
        spec = json.loads(row.get("spec") or "{}")
        kind = row.get("kind") or str(spec.get("kind", "open"))
        phase_requests = _requests(requests[name])
        if len(phase_requests.sent_seconds) == 0:
            continue
        gauges = _gauges(metrics.get(name, []), float(row["t0_mono"]))
        yield Phase(name, kind, spec, _window(kind, spec), phase_requests, gauges)


def _window(kind: str, spec: dict[str, Any]) -> tuple[float, float]:
    """Return the span of a phase that counts: all of it but for steady and closed ones."""
    duration = float(spec.get("dur", 0.0))
    if duration and kind == "closed":
        return duration * (1 - CLOSED_WINDOW), duration
    if duration and kind in STEADY_KINDS:
        return min(RAMP_SECONDS, RAMP_SHARE * duration), duration
    return 0.0, float("inf")


def _requests(rows: list[dict[str, str]]) -> Requests:
    kept = [row for row in rows if row.get("t_send") and row.get("status") != NEVER_SENT]
    kept.sort(key=lambda row: (float(row["t_send"]), int(row["idx"])))

    def column(name: str) -> np.ndarray:
        return np.array([float(row[name] or "nan") for row in kept])

    served = column("out_tok")
    asked = column("out_tok_req")
    done = served == asked
    return Requests(
        sent_seconds=column("t_send"),
        first_seconds=column("t_first"),
        last_seconds=np.where(done, column("t_last"), np.nan),
        input_tokens=column("in_tok").astype(int),
        output_tokens=asked.astype(int),
    )


def _gauges(rows: list[dict[str, str]], start: float) -> Gauges:
    def column(name: str) -> np.ndarray:
        return np.array([float(row.get(name) or "nan") for row in rows])

    return Gauges(
        time_seconds=column("t_mono") - start,
        running=column("num_requests_running"),
        waiting=column("num_requests_waiting"),
        preemptions=column("num_preemptions_total"),
    )


def _by_phase(path: Path) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    if path.exists() or path.with_suffix("").exists():
        for row in _rows(path):
            found.setdefault(row["phase"], []).append(row)
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, gzipped or not."""
    if not path.exists():
        path = path.with_suffix("")
    data = path.read_bytes()
    text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return list(csv.DictReader(io.StringIO(text.decode())))
