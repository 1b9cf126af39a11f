"""What a mock server prints: a line at a time, and nobody has to read it."""

from __future__ import annotations

import os
import sys
from typing import TextIO

import click

from scalecert.lines import one_line


def say(text: str) -> None:
    """Print a line on stdout; a reader that has left is no reason to end."""
    _print(text, sys.stdout)


def complain(text: str) -> None:
    """Print a line of diagnosis on stderr."""
    _print(f"scalecert: {one_line(text)}", sys.stderr)


def _print(text: str, stream: TextIO | None) -> None:
    if stream is None:
        return
    try:
        click.echo(text, file=stream)
        stream.flush()
    except OSError:
        _let_go(stream)


def _let_go(stream: TextIO) -> None:
    """Send what is printed from now on nowhere, the unwritten rest included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
