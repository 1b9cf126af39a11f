"""Standard input, for work that several processes do: read once, kept in a file, read from there.

A policy may come on standard input (`-`), but the command line, pytest and each worker of xdist
read the policy themselves.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def kept(*, needed: bool) -> Iterator[Path | None]:
    """Keep standard input in a file, which is what `sys.stdin` reads meanwhile.

    Yields the file; None, and nothing is read, unless it is needed.
    """
    if not needed:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="scalecert-") as folder:
        file = Path(folder, "stdin")
        file.write_bytes(sys.stdin.buffer.read())
        with read_from(file):
            yield file


@contextlib.contextmanager
def read_from(file: Path | None) -> Iterator[None]:
    """Let `sys.stdin` read a file meanwhile; None leaves it alone."""
    if file is None:
        yield
        return
    before = sys.stdin
    with file.open(encoding="utf-8") as replacement:
        sys.stdin = replacement
        try:
            yield
        finally:
            sys.stdin = before
