"""Columns of numbers as `.npz` files, read back without trusting what the file declares.

An archive from elsewhere may declare arrays larger than any memory, or unpack to them: here
nothing is compressed and no array is larger than the bytes that are there, so that reading takes
no more memory than the file has bytes. `numpy.load` promises neither.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Iterator

import numpy as np

from scalecert.recording.model import Column

_MAGIC = b"\x93NUMPY\x01\x00"  # numpy.lib.format, version 1.0: a header of up to 64 KiB
_HEADER = re.compile(
    rb"\{'descr': '([<>|]?[biufU]\d{1,3})', 'fortran_order': (?:False|True), "
    rb"'shape': \((?:(\d{1,15}),)?\), \}\s*"
)
_DAMAGE = (
    ValueError,
    EOFError,
    OSError,
    KeyError,
    RuntimeError,  # encrypted; NotImplementedError: of a later zip than zipfile knows
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
)


class DamagedArchiveError(ValueError):
    """The file is no archive of columns; the text says why."""


def read_columns(data: bytes) -> dict[str, Column]:
    """Return the arrays of a `.npz` file by name: of one dimension, or of none.

    Raises:
        DamagedArchiveError: if it is no such file, or declares more than it holds.
    """
    try:
        return dict(_columns(data))
    except DamagedArchiveError:
        raise
    except _DAMAGE as error:
        raise DamagedArchiveError(str(error)) from error


def _columns(data: bytes) -> Iterator[tuple[str, Column]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise DamagedArchiveError("found compressed data, expected it as it is")
        if sum(member.file_size for member in members) > len(data):
            raise DamagedArchiveError("found members larger than the file")
        for member in members:
            yield member.filename.removesuffix(".npy"), _column(member.filename, archive)


def _column(name: str, archive: zipfile.ZipFile) -> Column:
    content = archive.read(name)
    if not content.startswith(_MAGIC):
        raise DamagedArchiveError(f"found no array in {name}")
    start = len(_MAGIC) + 2
    length = int.from_bytes(content[len(_MAGIC) : start], "little")
    header = _HEADER.fullmatch(content, start, start + length)
    if header is None:
        raise DamagedArchiveError(f"found no column of numbers in {name}")
    type_ = np.dtype(header[1].decode())
    count = 1 if header[2] is None else int(header[2])
    values = content[start + length :]
    if len(values) != count * type_.itemsize:
        expected = f"expected {count} of type {type_}"
        raise DamagedArchiveError(f"found {len(values)} bytes in {name}, {expected}")
    column = np.frombuffer(values, type_)
    return column.reshape(()) if header[2] is None else column
