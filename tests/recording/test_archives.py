"""Archives of columns are read within the memory that their bytes take."""

from __future__ import annotations

import contextlib
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalecert.recording.archives import DamagedArchiveError, read_columns


def archive(compression: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as out:
        for name, content in members.items():
            out.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def array(declared: str, values: bytes, descr: str = "<f8") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {declared}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + values


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<i8", "<i4", "|i1", "<u4"])
def test_what_numpy_writes_comes_back(dtype: str):
    """Any columns of numbers, and a text beside them."""
    written = {"a": np.arange(7).astype(dtype), "b": np.zeros(0), "version": np.array("v1")}
    buffer = io.BytesIO()
    np.savez(buffer, **written)
    read = read_columns(buffer.getvalue())
    assert read.keys() == written.keys()
    for name, column in written.items():
        assert read[name].dtype == column.dtype
        assert np.array_equal(read[name], column)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a zip file"),
        (archive(a=array("(100000000000,)", bytes(8))), "found 8 bytes in a.npy"),
        (archive(a=array("(2,)", bytes(8))), "expected 2 of type float64"),
        (archive(a=array("(3, 3)", bytes(72))), "no column of numbers"),
        (archive(a=array("(" * 3000, b"")), "no column of numbers"),
        (archive(a=array("(1,)", bytes(8), "|O")), "no column of numbers"),
        (archive(a=b"text"), "no array in a.npy"),
        (archive(zipfile.ZIP_DEFLATED, a=array("(9,)", bytes(72))), "found compressed data"),
    ],
)
def test_what_a_file_declares_is_not_believed(data: bytes, problem: str):
    """Nothing is allocated for what is not there, and no object is ever unpickled."""
    with pytest.raises(DamagedArchiveError, match=problem):
        read_columns(data)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(place=st.integers(0, 500), byte=st.integers(0, 255))
def test_any_damage_has_the_one_error(place: int, byte: int):
    """A byte that differs is read or refused, and no other exception gets out."""
    data = bytearray(archive(a=array("(3,)", bytes(24)), b=array("()", bytes(8))))
    data[place % len(data)] = byte
    with contextlib.suppress(DamagedArchiveError):
        read_columns(bytes(data))
