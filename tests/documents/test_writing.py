"""Writing: canonical bytes, whole files."""

from __future__ import annotations

import msgspec
import pytest

from scalecert.documents import canonical_json, sha256_digest, write_atomic


class Pair(msgspec.Struct, frozen=True, rename="camel"):
    """Two fields, out of order."""

    b_c: int
    a: str


def test_canonical_json_does_not_depend_on_order() -> None:
    """Equal values give equal bytes: sorted keys, two blanks, UTF-8, one newline at the end."""
    assert canonical_json(Pair(1, "é")) == '{\n  "a": "é",\n  "bC": 1\n}\n'.encode()
    assert canonical_json({"x": 1, "y": (2.0,)}) == canonical_json({"y": [2.0], "x": 1})
    assert sha256_digest({}) == sha256_digest({})
    assert sha256_digest({"a": 1}) != sha256_digest({"a": 1.5})


def test_what_json_lacks_is_refused() -> None:
    """NaN never gets into a file."""
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


def test_a_file_is_replaced_and_nothing_is_left(tmp_path) -> None:
    """The folder is made, the old content replaced, no temporary file stays."""
    path = tmp_path / "deep" / "x.json"
    write_atomic(path, b"1")
    write_atomic(path, b"2")
    assert path.read_bytes() == b"2"
    assert [entry.name for entry in path.parent.iterdir()] == ["x.json"]


def test_a_failed_write_leaves_nothing(tmp_path) -> None:
    """Where the name is taken by a folder, no temporary file is left beside it."""
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="x"):
        write_atomic(tmp_path / "x", b"1")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]
