"""Stored JSON comes back typed, or is refused in one line that names its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scalecert.documents import decode_stored
from scalecert.errors import UsageError

FILE = Path("events.jsonl")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "truncated"),
        (b'{"a": "\xff"}', "found the byte 0xff, expected UTF-8"),
        (b'{"a": "\\ud800"}', "truncated"),
        (b"[" * 100_000, r"Expected `object`|too deep"),
        (b'{"a": ' + b"[" * 100_000, "too deep"),
        (b'{"a": 1e999}', "range"),
        (b'{"a": {"b": [' + b"9" * 400 + b"]}}", "integer beyond 64 bits"),
        (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "too deep"),
        (b"[]", "Expected `object`"),
    ],
)
def test_damage_is_one_line(data: bytes, problem: str):
    """Whatever stands in the file, the reader gets place, problem and next step."""
    with pytest.raises(UsageError, match=problem) as caught:
        decode_stored(data, dict[str, Any], FILE, line=3, hint="record again")
    assert str(caught.value).startswith("events.jsonl:3: ")
    assert str(caught.value).endswith("(record again)")


def test_what_fits_is_decoded():
    """Scalars of ours are read as what they stand for."""
    assert decode_stored(b'{"a": [1]}', dict[str, list[int]], FILE) == {"a": [1]}
