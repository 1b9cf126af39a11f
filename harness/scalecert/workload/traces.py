"""Recorded requests: the public trace formats, read into arrays.

- azure: Azure LLM inference traces 2023 and 2024, CSV `TIMESTAMP,ContextTokens,GeneratedTokens`,
  ISO 8601 timestamps with or without a time zone (UTC where there is none)
- burstgpt: BurstGPT, CSV with at least `Timestamp,Request tokens,Response tokens`, seconds
- mooncake: Mooncake, one JSON object a line with `timestamp` (ms), `input_length`,
  `output_length`

Further columns and keys are ignored. Reading streams, and stops where the piece asked for ends.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from scalecert.documents.suggestions import did_you_mean
from scalecert.errors import UsageError
from scalecert.workload.files import (
    CellError,
    check_room,
    check_tokens,
    parse_tokens,
    read_lines,
    split_cells,
)
from scalecert.workload.model import Trace

MAX_SPAN_SECONDS = 150 * 86_400.0
"""Of the piece that is replayed; the longest public trace, BurstGPT, has 121 days."""


@dataclass(frozen=True, slots=True)
class TraceRows:
    """The piece of a trace that is replayed, n requests, at the trace's own rate.

    Attributes:
        arrival_seconds: f8[n], sorted, from the piece's beginning, after `speed`.
        input_tokens: i4[n], 1 at least.
        output_tokens: i4[n], 1 at least.
        span_seconds: length of the piece, after `speed`: as asked for, else to the last request.
        without_tokens: rows passed over as they have no input or no output tokens (BurstGPT
            notes failed requests so).
    """

    arrival_seconds: npt.NDArray[np.float64]
    input_tokens: npt.NDArray[np.int32]
    output_tokens: npt.NDArray[np.int32]
    span_seconds: float
    without_tokens: int = 0


class _Row(NamedTuple):
    """`seconds` counts from any origin."""

    line: int
    seconds: float
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class _Columns:
    """What a CSV format calls its columns, and how it writes time."""

    time: str
    input: str
    output: str
    seconds: Callable[[str], float]

    @property
    def names(self) -> tuple[str, str, str]:
        """The three columns, in this order."""
        return self.time, self.input, self.output


def _iso_seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_CSV = {
    "azure": _Columns("TIMESTAMP", "ContextTokens", "GeneratedTokens", _iso_seconds),
    "burstgpt": _Columns("Timestamp", "Request tokens", "Response tokens", float),
}


class _MooncakeLine(msgspec.Struct):
    timestamp: float
    input_length: int
    output_length: int


_MOONCAKE_KEYS = ", ".join(_MooncakeLine.__struct_fields__)


def read_trace(trace: Trace, path: Path) -> TraceRows:
    """Return the piece of the file at `path` that `trace` asks for.

    Raises:
        UsageError: with file and line: what `files.read_lines` refuses, wrong columns, cells that
            can't be read, rows out of order, no row in the piece, a piece of no length.
    """
    seconds, inputs, outputs = array("d"), array("i"), array("i")
    passed_over = 0
    for row, since in _piece(_in_order(_rows(path, trace), path), trace):
        check_room(len(seconds), path, row.line)
        if row.input_tokens and row.output_tokens:
            seconds.append(since)
            inputs.append(row.input_tokens)
            outputs.append(row.output_tokens)
        else:
            passed_over += 1
    span = trace.duration or (seconds[-1] if seconds else 0.0)
    if not span > 0:
        found = f"{len(seconds)} rows that span no time" if seconds else "no requests"
        raise UsageError(f"found {found}, expected a trace to replay", file=str(path))
    if span / trace.speed > MAX_SPAN_SECONDS:
        days = span / trace.speed / 86_400
        raise UsageError(
            f"found {days:.4g} days to replay, expected {MAX_SPAN_SECONDS / 86_400:g} or less",
            file=str(path),
            hint="cut a piece out with start and duration",
        )
    return TraceRows(
        np.array(seconds, dtype=np.float64) / trace.speed,
        np.array(inputs, dtype=np.int32),
        np.array(outputs, dtype=np.int32),
        span / trace.speed,
        passed_over,
    )


def _piece(rows: Iterator[_Row], trace: Trace) -> Iterator[tuple[_Row, float]]:
    """Yield the rows of the piece, with their time since its beginning."""
    origin: float | None = None
    end = trace.start + trace.duration if trace.duration is not None else math.inf
    for row in rows:
        origin = row.seconds if origin is None else origin
        elapsed = row.seconds - origin
        if elapsed >= end:
            return
        if elapsed >= trace.start:
            yield row, elapsed - trace.start


def _in_order(rows: Iterator[_Row], path: Path) -> Iterator[_Row]:
    last = -math.inf
    for row in rows:
        if row.seconds < last:
            raise UsageError(
                f"found a request {last - row.seconds:.6g} s before the one above, "
                "expected rows in order of time",
                file=str(path),
                line=row.line,
                hint="sort the trace by its timestamps",
            )
        last = row.seconds
        yield row


def _rows(path: Path, trace: Trace) -> Iterator[_Row]:
    lines = read_lines(path)
    first = next(lines, None)
    if first is None:
        raise UsageError("found an empty file, expected a trace", file=str(path))
    if trace.format == "mooncake" or (trace.format is None and first[1].startswith("{")):
        return _parsed(chain([first], lines), _mooncake_row, path)
    return _parsed(lines, _csv_parser(first, trace, path), path)


def _parsed(
    lines: Iterator[tuple[int, str]], parse: Callable[[int, str], _Row], path: Path
) -> Iterator[_Row]:
    for line, text in lines:
        try:
            row = parse(line, text)
        except CellError as error:
            raise UsageError(
                error.problem, file=str(path), line=line, field=error.column
            ) from error
        yield row


def _mooncake_row(line: int, text: str) -> _Row:
    try:
        entry = msgspec.json.decode(text, type=_MooncakeLine)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        problem = f"found {text[:40]!r}, expected a JSON object with {_MOONCAKE_KEYS}: {error}"
        raise CellError("", problem) from None
    return _Row(
        line,
        entry.timestamp / 1000,
        check_tokens("input_length", entry.input_length),
        check_tokens("output_length", entry.output_length),
    )


def _csv_parser(header: tuple[int, str], trace: Trace, path: Path) -> Callable[[int, str], _Row]:
    """Return the parser of the rows under a CSV header."""
    found = [cell.lower() for cell in split_cells(header[1])]
    for columns in [_CSV[trace.format]] if trace.format else _CSV.values():
        if all(name.lower() in found for name in columns.names):
            places = [found.index(name.lower()) for name in columns.names]
            return lambda line, text: _csv_row(line, split_cells(text), columns, places)
    raise _wrong_columns(header, trace, path)


def _csv_row(line: int, cells: list[str], columns: _Columns, places: Sequence[int]) -> _Row:
    if len(cells) <= max(places):
        raise CellError("", f"found {len(cells)} cells, expected at least {max(places) + 1}")
    time, inputs, outputs = (cells[place] for place in places)
    try:
        seconds = columns.seconds(time)
    except (ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise CellError(columns.time, f"found {time[:40]!r}, expected a timestamp")
    return _Row(
        line,
        seconds,
        parse_tokens(columns.input, inputs),
        parse_tokens(columns.output, outputs),
    )


def _wrong_columns(header: tuple[int, str], trace: Trace, path: Path) -> UsageError:
    formats = [trace.format] if trace.format else list(_CSV)
    expected = " or ".join(f"{','.join(_CSV[name].names)} ({name})" for name in formats)
    if not trace.format:
        expected += " or lines of JSON (mooncake)"
    known = {name for format_ in formats for name in _CSV[format_].names}
    cells = split_cells(header[1])
    strange = [cell for cell in cells if cell.lower() not in {name.lower() for name in known}]
    return UsageError(
        f"found the columns {header[1][:80]!r}, expected {expected}",
        file=str(path),
        line=header[0],
        hint=did_you_mean(strange[0], known) if strange else None,
    )
