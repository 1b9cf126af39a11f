"""Whatever a recording from elsewhere holds: findings, or one line."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fuzz.conftest import Tally
from fuzz.effort import effort
from fuzz.judging import judge_and_show
from fuzz.mutations import as_json, spoilt, spoilt_bytes
from hypothesis import given
from hypothesis import strategies as st

from scalecert.recording import store

Arrays = dict[str, np.ndarray]
Spoil = Callable[[bytes], bytes]
"""Makes another file of a sound one."""

NUMBERS = (np.nan, np.inf, -np.inf, -1.0, 0.0, 1e300, 1e9, -1e9, 5e-324, 127.0)
DTYPES = ("<f4", "<f8", "<f2", "<i1", "<i8", "<u8", ">f8", "<U3", "?", "<c16", "<M8[s]", "S4")
SHAPES = ("(10000000000,)", "(1000000000000000000000,)", "(-1,)", "()", "(3, 3)", "(0,)", "None",
          "(1.5,)", "(" * 200, "(1,)" * 3000)  # fmt: skip


def _at_place(place: int, kind: str, number: float) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        name = sorted(arrays)[place % len(arrays)]
        column = arrays[name]
        changed = column.astype("<f8") if column.dtype.kind in "iuf" else column
        with np.errstate(all="ignore"):
            arrays[name] = _changed(changed, kind, number, place)

    return change


def _changed(column: np.ndarray, kind: str, number: float, place: int) -> np.ndarray:
    column = np.atleast_1d(column)
    if kind == "all":
        return np.full(column.shape, number)
    if kind == "one" and column.size and column.dtype.kind == "f":
        column = column.copy()
        column.flat[place % column.size] = number
        return column
    if kind == "reversed":
        return column[::-1].copy()
    if kind == "negative" and column.dtype.kind == "f":
        return -column
    if kind == "empty":
        return column[:0]
    if kind == "longer":
        return np.concatenate([column, column])
    if kind == "flat":
        return column.reshape(-1, 1)
    return column


def of_arrays(data: bytes, edits: list[Callable[[Arrays], None]]) -> bytes:
    """Return an archive whose arrays are edited."""
    with np.load(io.BytesIO(data)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for edit in edits:
        edit(arrays)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def whole_columns(kind: str) -> Callable[[Arrays], None]:
    """Return an edit of all arrays alike: such a recording is of one length still."""

    def change(arrays: Arrays) -> None:
        for name, column in arrays.items():
            if column.ndim:
                arrays[name] = _changed(column, kind, 0.0, 0)

    return change


def in_other_type(dtype: str, place: int) -> Callable[[Arrays], None]:
    """Return an edit of one array's type."""

    def change(arrays: Arrays) -> None:
        name = sorted(arrays)[place % len(arrays)]
        arrays[name] = np.zeros(arrays[name].shape, dtype)

    return change


def with_shape(data: bytes, shape: str, place: int) -> bytes:
    """Return an archive in which one member declares a shape that it does not have."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        for name in names:
            content = old.read(name)
            if name == names[place % len(names)]:
                content = declaring(shape) + content[128:]
            new.writestr(name, content)
    return buffer.getvalue()


def declaring(shape: str) -> bytes:
    """Return the header of an array of f8 that declares any shape."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def bomb(data: bytes, size: int) -> bytes:
    """Return an archive with one member more, tiny on disk and large when read."""
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("pods.more.npy", declaring(f"({size // 8},)") + bytes(size))
    return buffer.getvalue()


def spoilt_archives() -> st.SearchStrategy[Spoil]:
    """Return a strategy of what spoils an archive of arrays."""
    place = st.integers(0, 40)
    kinds = st.sampled_from(
        ["all", "one", "one", "one", "reversed", "negative", "empty", "longer", "flat"]
    )
    edit = st.one_of(
        st.tuples(place, kinds, st.sampled_from(NUMBERS)).map(lambda some: _at_place(*some)),
        st.sampled_from(["reversed", "empty", "longer"]).map(whole_columns),
        st.tuples(st.sampled_from(DTYPES), place).map(lambda some: in_other_type(*some)),
    )
    edits = st.lists(edit, min_size=1, max_size=3)
    return st.one_of(
        edits.map(lambda chosen: lambda data: of_arrays(data, chosen)),
        edits.map(lambda chosen: lambda data: of_arrays(data, chosen)),
        st.tuples(st.sampled_from(SHAPES), place).map(
            lambda some: lambda data: with_shape(data, *some)
        ),
        st.sampled_from([1 << 20, 1 << 28]).map(lambda size: lambda data: bomb(data, size)),
        in_bytes(),
    )


def in_bytes() -> st.SearchStrategy[Spoil]:
    """Return a strategy of what spoils the bytes of any file."""
    # Places beyond the end do nothing: the sound file is not at hand when strategies are made.
    return st.tuples(st.integers(0, 60_000), st.binary(max_size=8), st.integers(0, 64)).map(
        lambda some: (
            lambda data: (
                data[: some[0] % (len(data) + 1)]
                + some[1]
                + data[some[0] % (len(data) + 1) + some[2] :]
            )
        )
    )


def in_lines() -> st.SearchStrategy[Spoil]:
    """Return a strategy of what spoils the events."""
    odd = st.sampled_from([
        b"", b"{}", b"[]", b"null", b'{"time": null, "kind": 3}', b'{"kind": "scale"}',
        b'{"time": -1e300, "kind": "scale"}', b'{"time": 1e999}', b"[" * 5000,
        b'{"time": "x", "kind": "pod-ready", "pod": []}', b'{"time": 5, "kind": "scale"}',
    ])  # fmt: skip
    return st.tuples(st.integers(0, 200), odd, st.booleans()).map(
        lambda some: lambda data: _with_line(data, *some)
    )


def _with_line(data: bytes, place: int, line: bytes, more: bool) -> bytes:
    lines = data.split(b"\n")
    place %= len(lines)
    return b"\n".join([*lines[:place], line, *lines[place + (not more) :]])


FILES = {
    store.PLAN_FILE: None,
    store.SERIES_FILE: spoilt_archives(),
    store.REQUESTS_FILE: spoilt_archives(),
    store.EVENTS_FILE: st.one_of(in_bytes(), in_lines()),
}


@effort("recordings")
@given(data=st.data())
def test_a_spoilt_recording_is_judged_or_refused(
    tally: Tally, folder: Path, recorded: Path, data: st.DataObject
):
    """Judging again takes or refuses any recording."""
    name = data.draw(st.sampled_from([*FILES, store.PLAN_FILE, store.PLAN_FILE]))
    spoil = FILES[name]
    sound = (recorded / name).read_bytes()
    spoilt_file = data.draw(spoilt_plans(sound)) if spoil is None else data.draw(spoil)(sound)

    def work() -> Any:
        shutil.copytree(recorded, folder, dirs_exist_ok=True)
        (folder / name).write_bytes(spoilt_file)
        return judge_and_show(store.load(folder))

    tally.answer(work)


def spoilt_plans(plan: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of plans with spoilt fields or bytes."""
    tree = spoilt(json.loads(plan)).map(lambda value: as_json([value]))
    return st.one_of(tree, tree, tree, spoilt_bytes(plan))
