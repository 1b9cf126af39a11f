"""Strategies that spoil tables: in a cell, in their lines, in their bytes, in a gzip file."""

from __future__ import annotations

import gzip
import re

from fuzz.mutations import spoilt_bytes, spoilt_lines
from hypothesis import strategies as st

ODD_CELLS = (
    b"", b"-1", b"0", b"1e9", b"nan", b"inf", b"9" * 30, b"9" * 5000, b"1_000", b"\xd9\xa1",
    b"2023-13-99", b"0001-01-01T00:00:00+23:59", b"9999-12-31 23:59:59.999999", b'"', b'"a"b',
    b"1e308", b"-1e308", b"{}", b"[" * 2000, b"10000001", b"20230101T000000Z", b"2023-W01-1",
    b'"a"\rb', b'"' + b"x" * 200_000, b"5e-324", b"1700000000000",
)  # fmt: skip
LIKELY_NUMBERS = (
    b"0", b"1", b"2", b"3", b"7", b"10", b"16", b"31", b"59", b"100", b"1000", b"4095", b"5000",
    b"0.5", b"100000",
)  # fmt: skip


def spoilt_table(data: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of spoilt tables; of most only a number or some lines are others."""
    harmless = st.one_of(other_numbers(data), fewer_lines(data))
    spoilt = st.one_of(harmless, spoilt_lines(data), spoilt_bytes(data), odd_cells(data))
    return st.one_of(
        harmless,
        harmless,
        spoilt,
        spoilt,
        harmless.map(lambda text: gzip.compress(text, mtime=0)),
        spoilt.map(lambda text: gzip.compress(text, mtime=0)),
        spoilt_bytes(gzip.compress(data, mtime=0)),
    )


def other_numbers(data: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of the data with up to three numbers replaced by likely ones.

    Those of the first column are times in order, and stay.
    """
    behind_a_comma = re.compile(rb"(?<=[, ])[\d.]+(?=[,}\n])")
    spans = [match.span() for match in behind_a_comma.finditer(data)]
    edit = st.tuples(st.integers(0, len(spans) - 1), st.sampled_from(LIKELY_NUMBERS))

    def put(edits: list[tuple[int, bytes]]) -> bytes:
        new = data
        for place, number in sorted(dict(edits).items(), reverse=True):
            begin, end = spans[place]
            new = new[:begin] + number + new[end:]
        return new

    return st.lists(edit, min_size=1, max_size=3).map(put)


def fewer_lines(data: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of tables with a run of lines left out, or each of it doubled."""
    header, *rows = data.splitlines(keepends=True)
    place = st.integers(0, len(rows))

    def put(ends: tuple[int, int], kept: bool) -> bytes:
        begin, end = sorted(ends)
        run = [row * 2 for row in rows[begin:end]] if kept else []
        return b"".join([header, *rows[:begin], *run, *rows[end:]])

    return st.tuples(st.tuples(place, place), st.booleans()).map(lambda some: put(*some))


def odd_cells(data: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of the data with some of its numbers replaced."""
    cells = data.split(b",")
    edit = st.tuples(st.integers(0, len(cells) - 1), st.sampled_from(ODD_CELLS))

    def put(edits: list[tuple[int, bytes]]) -> bytes:
        new = list(cells)
        for place, cell in edits:
            new[place] = cell
        return b",".join(new)

    return st.lists(edit, min_size=1, max_size=3).map(put)
