"""What a workload reads from disk, read once: the only side effect of this package."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scalecert.errors import UsageError
from scalecert.workload.files import (
    CellError,
    check_room,
    find_file,
    parse_tokens,
    read_lines,
    split_cells,
)
from scalecert.workload.model import Empirical, Sizes, Workload
from scalecert.workload.traces import TraceRows, read_trace

_PAIR_COLUMNS = ["input_tokens", "output_tokens"]


@dataclass(frozen=True, slots=True)
class SizePairs:
    """n measured pairs of sizes: input and output tokens, i4[n], 1 at least."""

    input_tokens: npt.NDArray[np.int32]
    output_tokens: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Tables:
    """The contents of a workload's files.

    Attributes:
        trace: the rows of its trace, if it names one.
        pairs: the size pairs of its empirical distributions, by file as written.
        digests: `sha256:...` of every file read, by file as written, for the certificate.
    """

    trace: TraceRows | None = None
    pairs: Mapping[str, SizePairs] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


NO_TABLES = Tables()


def load_tables(workload: Workload, folder: Path | None) -> Tables:
    """Read the files that a workload names.

    Args:
        workload: the document.
        folder: of the manifest that names the files, which they may not leave; None if the
            names come from the command line.

    Raises:
        UsageError: for a file that can't be found or used, with file and line.
    """
    sizes = workload.sizes
    sides = (sizes.input, sizes.output) if isinstance(sizes, Sizes) else ()
    names = sorted({side.file for side in sides if isinstance(side, Empirical)})
    paths = {name: find_file(name, folder) for name in names}
    pairs = {name: read_pairs(path) for name, path in paths.items()}
    trace = None
    if workload.trace is not None:
        paths[workload.trace.file] = path = find_file(workload.trace.file, folder)
        trace = read_trace(workload.trace, path)
    return Tables(trace, pairs, {name: _digest(path) for name, path in paths.items()})


def read_pairs(path: Path) -> SizePairs:
    """Read the CSV of an empirical distribution: `input_tokens,output_tokens`, one pair a line.

    Raises:
        UsageError: what `files.read_lines` refuses, wrong columns, no rows, sizes below 1.
    """
    lines = read_lines(path)
    line, header = next(lines, (1, ""))
    if split_cells(header) != _PAIR_COLUMNS:
        expected = ",".join(_PAIR_COLUMNS)
        problem = f"found {header[:80]!r}, expected the columns {expected}"
        raise UsageError(problem, file=str(path), line=line)
    inputs, outputs = array("i"), array("i")
    for line, text in lines:
        check_room(len(inputs), path, line)
        try:
            pair = _pair(split_cells(text))
        except CellError as error:
            raise UsageError(
                error.problem, file=str(path), line=line, field=error.column
            ) from error
        inputs.append(pair[0])
        outputs.append(pair[1])
    if not inputs:
        raise UsageError("found no rows, expected sizes", file=str(path), line=line)
    return SizePairs(np.array(inputs, dtype=np.int32), np.array(outputs, dtype=np.int32))


def _pair(cells: list[str]) -> tuple[int, int]:
    if len(cells) != len(_PAIR_COLUMNS):
        raise CellError("", f"found {len(cells)} cells, expected {len(_PAIR_COLUMNS)}")
    pair = [parse_tokens(column, cell) for column, cell in zip(_PAIR_COLUMNS, cells, strict=True)]
    for column, tokens in zip(_PAIR_COLUMNS, pair, strict=True):
        if tokens < 1:
            raise CellError(column, "found 0, expected at least 1 token")
    return pair[0], pair[1]


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
