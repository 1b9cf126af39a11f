"""What commands print: certificates, tables, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from scalecert.certificate.document import Certificate


def print_json(value: object) -> None:
    """Print any of our values as JSON; a list of one prints as that one."""
    from scalecert.documents import canonical_json

    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 1:
        value = value[0]
    click.echo(canonical_json(value).decode(), nl=False)


def print_table(rows: Sequence[tuple[str, ...]], *, indent: str = "  ") -> None:
    """Print rows with aligned columns."""
    if not rows:
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo((indent + "  ".join(cells)).rstrip())
