"""Lines of the data files that a workload names: found, bounded, and refused with their place.

Files named by a manifest stay inside its folder, so that a scenario from elsewhere can't read
the user's other files; a path given as a flag is the user's own and may lie anywhere.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from scalecert.documents.suggestions import did_you_mean
from scalecert.errors import UsageError
from scalecert.workload.model import MAX_TOKENS

MAX_ROWS = 5_000_000  # 16 bytes each: keeps the largest process under 500 MB
MAX_LINES = 50_000_000  # bounds the time that a crafted .gz can take
MAX_LINE_BYTES = 1 << 20


class CellError(ValueError):
    """One cell of a row can't be used; the reader of the file adds where."""

    def __init__(self, column: str, problem: str) -> None:
        self.column, self.problem = column, problem
        super().__init__(f"{column}: {problem}")


def find_file(name: str, folder: Path | None) -> Path:
    """Return the path of the file `name`.

    Args:
        name: as the manifest or the flag says it.
        folder: the manifest's folder; None for a flag, which may name any path.

    Raises:
        UsageError: if there is no such file, or it lies outside the folder (absolute, `..`, or
            through a symbolic link).
    """
    path = Path(name) if folder is None else _inside(name, folder)
    try:
        if path.is_file():
            return path
        problem = "is not a regular file" if path.exists() else "no such file"
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError as error:
        raise UsageError(f"can't be read: {error.strerror}", file=str(path)) from error
    hint = did_you_mean(path.name, siblings) if problem == "no such file" else None
    raise UsageError(problem, file=str(path), hint=hint)


def _inside(name: str, folder: Path) -> Path:
    path = folder / name
    try:
        contained = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL in the name
        contained = False
    if not contained or Path(name).is_absolute() or ".." in Path(name).parts:
        raise UsageError(
            f"found {name!r}, expected a file inside the manifest's folder",
            field="file",
            hint="copy it there, or name it on the command line",
        )
    return path


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (1-based line number, text) of every line that is not blank.

    Gzipped files are known by their first bytes, not by their name.

    Raises:
        UsageError: unreadable, not UTF-8, truncated or damaged gzip, beyond the limits.
    """
    line = 0
    try:
        with _open(path) as stream:
            for line, raw in enumerate(_bounded(stream, path), start=1):
                text = raw.decode("utf-8-sig" if line == 1 else "utf-8").strip()
                if text:
                    yield line, text
    except UnicodeDecodeError as error:
        raise UsageError(
            f"found byte 0x{error.object[error.start]:02x}, expected UTF-8",
            file=str(path),
            line=line,
        ) from error
    except EOFError as error:
        raise UsageError(
            "found the end inside the gzip data, expected a whole file",
            file=str(path),
            line=line + 1,
            hint="was the download cut short?",
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(
            f"found damaged gzip data: {error}", file=str(path), line=line + 1
        ) from error
    except OSError as error:
        raise UsageError(f"can't be read: {error.strerror}", file=str(path)) from error


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


def _bounded(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    lines = 0
    while raw := stream.readline(MAX_LINE_BYTES):
        lines += 1
        if len(raw) == MAX_LINE_BYTES:
            raise UsageError("found a line longer than 1 MiB", file=str(path), line=lines)
        if lines > MAX_LINES:
            raise UsageError(f"found more than {MAX_LINES} lines", file=str(path), line=lines)
        yield raw


def split_cells(text: str) -> list[str]:
    """Return the cells of one line of CSV, quoted or not.

    What the csv module takes for no line of CSV is split at commas: whoever reads the cells says
    then what is wrong with them.
    """
    cells = text.split(",")
    if '"' in text:
        with contextlib.suppress(csv.Error):
            cells = next(csv.reader([text]))
    return [cell.strip() for cell in cells]


def parse_tokens(column: str, text: str) -> int:
    """Return a number of tokens; CellError unless it is whole and 0 to MAX_TOKENS."""
    try:
        tokens = int(text)
    except ValueError:
        raise CellError(column, f"found {text[:40]!r}, expected a whole number") from None
    return check_tokens(column, tokens)


def check_tokens(column: str, tokens: int) -> int:
    """Return `tokens`; CellError unless it is 0 to MAX_TOKENS."""
    if not 0 <= tokens <= MAX_TOKENS:
        raise CellError(column, f"found {tokens}, expected 0 to {MAX_TOKENS} tokens")
    return tokens


def check_room(rows: int, path: Path, line: int) -> None:
    """Raise UsageError if a file already has as many rows as fit."""
    if rows >= MAX_ROWS:
        raise UsageError(
            f"found more than {MAX_ROWS} rows",
            file=str(path),
            line=line,
            hint="cut a piece out with start and duration",
        )
