"""A profile against a server that was measured: how far its prefill and decode are off.

The measured requests are sent to the engine model at their own times, with their own sizes, and
both sides' latencies are compared. What comes out is the `errors` of a profile: what the guard
band is as wide as.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scalecert.engines.profiles import EngineProfile, RelativeError
from scalecert.engines.registry import engine_kind
from scalecert.engines.request_log import RequestLog, Status
from scalecert.errors import UsageError
from scalecert.recording.latencies import latency_seconds
from scalecert.recording.plan import LatencyMetric
from scalecert.recording.quantiles import Floats, quantile
from scalecert.request_limits import RequestLimits
from scalecert.workload.files import read_lines, split_cells
from scalecert.workload.model import MAX_TOKENS
from scalecert.workload.sizes import fits

LONGEST_SECONDS = 7 * 24 * 3600.0
"""Of the measurement and of any latency in it."""
_TOKENS = (1.0, float(MAX_TOKENS), f"a whole number from 1 to {MAX_TOKENS}")
_LATENCY = (0.0, LONGEST_SECONDS, "seconds, from 0 to a week")
_EXPECTED = {
    "sent_seconds": (0.0, sys.float_info.max, "seconds, 0 or more"),
    "input_tokens": _TOKENS,
    "output_tokens": _TOKENS,
    "ttft_seconds": _LATENCY,
    "tpot_seconds": _LATENCY,
}
"""Least, most and what to say, by column."""

COLUMNS = tuple(_EXPECTED)
"""Of the CSV: when a request was sent, counted from any start; its size; what the client saw."""

FEWEST = 200
"""Requests below which a median says little: its own standard error is then near 5 %."""
MOST = 1_000_000
"""Requests beyond which memory and time are wasted on a third digit."""
SHORTEST_SECONDS = 1e-6
"""Of a median latency: no server answers at once, so a column of zeros is one that was left out."""

_OWN_FLAGS = "give the measured server's own flags with --server-args"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one latency, seconds; `error` is (profile - measured) / measured."""

    name: str
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """The relative error of the profile."""
        return self.predicted / self.measured - 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a profile compares: `prefill` by TTFT, `decode` by TPOT; p50 and mean of each.

    `startup` is empty where nobody measured it.
    """

    requests: int
    prefill: tuple[Figure, ...]
    decode: tuple[Figure, ...]
    startup: tuple[Figure, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure, in the order of a report."""
        return (*self.prefill, *self.decode, *self.startup)


def errors_of(found: Comparison, source: str) -> dict[str, RelativeError]:
    """Return the errors to put into the profile, by part: the larger of its figures', rounded up.

    Args:
        found: the comparison.
        source: the name of what was measured, for the notes.
    """
    return {
        part: RelativeError(
            math.ceil(max(abs(figure.error) for figure in figures) * 100 - 1e-9) / 100,
            "measured",
            f"{', '.join(figure.name for figure in figures)} of {source}",
        )
        for part, figures in (
            ("prefill", found.prefill),
            ("decode", found.decode),
            ("startup", found.startup),
        )
        if figures
    }


def compare(
    profile: EngineProfile,
    words: Sequence[str],
    path: Path,
    *,
    ready_seconds: float | None = None,
) -> Comparison:
    """Return how far a profile is off from a measured server.

    Args:
        profile: the engine profile.
        words: of the measured server's command line; its flags override the profile's limits.
        path: CSV with `COLUMNS`, one request a line.
        ready_seconds: from the container's start to the server's first answer, as measured.

    Raises:
        UsageError: if the file can't be used, has too few requests, or a flag can't be used.
    """
    measured = _read(path)
    sent, inputs, outputs, ttft, tpot = (measured[name] for name in COLUMNS)
    kind = engine_kind(profile.spec.engine)
    limits = kind.limits(profile, words, {}, version=profile.spec.engine_version)
    _check_sizes(inputs, outputs, kind.request_limits(limits), path)
    log = RequestLog.of_size(sent.size)
    engine = kind.start(
        profile, limits, log, ordinal=0, model_name=profile.spec.model.name, now=0.0
    )
    engine.offer(
        range(sent.size), sent.tolist(), inputs.astype(int).tolist(), outputs.astype(int).tolist()
    )
    engine.advance(math.inf)
    served = np.array(log.status) == Status.OK
    _check_served(served, path)

    def predicted(metric: LatencyMetric) -> Floats:
        return latency_seconds(
            metric,
            arrival=sent,
            scheduled=np.array(log.scheduled_seconds),
            first_token=np.array(log.first_token_seconds),
            last_token=np.array(log.last_token_seconds),
            output_tokens=outputs,
            served=served,
        )

    several = outputs > 1
    return Comparison(
        requests=int(sent.size),
        prefill=_figures("TTFT", ttft, predicted("ttft"), path),
        decode=_figures("TPOT", tpot[several], predicted("tpot")[several], path),
        startup=_startup(profile, ready_seconds),
    )


def _startup(profile: EngineProfile, ready_seconds: float | None) -> tuple[Figure, ...]:
    if ready_seconds is None:
        return ()
    if not SHORTEST_SECONDS <= ready_seconds <= LONGEST_SECONDS:
        raise UsageError(
            f"found {ready_seconds:g}, expected seconds, more than 0 and up to a week",
            field="--ready",
        )
    return (Figure("start-up", ready_seconds, profile.spec.startup.model_load_seconds),)


def _figures(name: str, measured: Floats, predicted: Floats, path: Path) -> tuple[Figure, ...]:
    if measured.size < FEWEST:
        problem = f"found {measured.size} requests with a {name}, expected {FEWEST} or more"
        raise UsageError(problem, file=str(path), hint="measure longer")
    median = quantile(measured, 0.5)
    if median < SHORTEST_SECONDS:
        problem = f"found a {name} of {median:g} s at the median, expected {SHORTEST_SECONDS:g} s"
        raise UsageError(f"{problem} or more", file=str(path), hint="in seconds, as measured")
    return (
        Figure(f"{name} p50", median, quantile(predicted, 0.5)),
        Figure(f"{name} mean", float(measured.mean()), float(predicted.mean())),
    )


def _check_sizes(inputs: Floats, outputs: Floats, longest: RequestLimits, path: Path) -> None:
    taken = fits(inputs.astype(np.int32), outputs.astype(np.int32), longest)
    if not taken.all():
        row = int(np.argmin(taken))
        raise UsageError(
            f"found a request of {inputs[row]:.0f} tokens and {outputs[row]:.0f} of answer, but"
            f" the server takes {longest}",
            file=str(path),
            hint=_OWN_FLAGS,
        )


def _check_served(served: npt.NDArray[np.bool_], path: Path) -> None:
    refused = int(np.count_nonzero(~served))
    if refused:
        raise UsageError(
            f"found {refused} requests that a server with these flags refuses",
            file=str(path),
            hint=_OWN_FLAGS,
        )


def _read(path: Path) -> dict[str, Floats]:
    """Return the columns, sorted by the time of sending, which then starts at 0."""
    rows = list(_rows(path))
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))
    table = table[np.argsort(table[:, 0], kind="stable")]
    if rows:
        table[:, 0] -= table[0, 0]
        _check_span(float(table[-1, 0]), path)
    return {name: table[:, index].copy() for index, name in enumerate(COLUMNS)}


def _check_span(seconds: float, path: Path) -> None:
    if seconds > LONGEST_SECONDS:
        raise UsageError(
            f"found requests sent over {seconds:.3g} s, expected a week or less",
            file=str(path),
            field="sent_seconds",
            hint="in seconds, from any start",
        )


def _rows(path: Path) -> Iterator[list[float]]:
    lines = read_lines(path)
    line, header = next(lines, (1, ""))
    names = split_cells(header)
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        problem = f"lacks the columns {', '.join(missing)}, expected {','.join(COLUMNS)}"
        raise UsageError(problem, file=str(path), line=line)
    places = [names.index(name) for name in COLUMNS]
    for row, (line, text) in enumerate(lines):
        if row == MOST:
            raise UsageError(f"found more than {MOST} requests", file=str(path), line=line)
        cells = split_cells(text)
        yield [
            _number(cells, place, name, path, line)
            for name, place in zip(COLUMNS, places, strict=True)
        ]


def _number(cells: Sequence[str], place: int, name: str, path: Path, line: int) -> float:
    text = cells[place] if place < len(cells) else ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    least, most, expected = _EXPECTED[name]
    if not least <= value <= most or (least and value != int(value)):
        raise UsageError(
            f"found {text[:40]!r}, expected {expected}", file=str(path), line=line, field=name
        )
    return value
