"""What commands print: certificates, tables, JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scalecert.lines import one_line

if TYPE_CHECKING:
    from scalecert.certificate.document import Certificate
    from scalecert.checks.finding import Finding


def read_certificate(folder: Path) -> Certificate:
    """Return the certificate that a run left in a folder."""
    from scalecert.certificate.artifacts import CERTIFICATE
    from scalecert.certificate.document import load

    return load(folder / CERTIFICATE)


def exit_code(certificates: Iterable[Certificate]) -> int:
    """Return the exit code of several certificates: a failure first, then anything open."""
    from scalecert.checks.verdict import exit_code as code_of

    codes = {code_of(certificate.spec.verdict) for certificate in certificates}
    return next(code for code in (1, 3, 0) if code in codes)


def print_certificates(certificates: Iterable[Certificate]) -> None:
    """Print a row per scenario and check, then the summary, of each certificate."""
    from scalecert.certificate import text

    colour = _colour()
    for certificate in certificates:
        print_rows(certificate.findings)
        click.echo(f"\n{text.summary(certificate, colour=colour)}", color=colour)


def print_rows(findings: Iterable[Finding]) -> None:
    """Print a row per finding, under a header."""
    from scalecert.certificate import text

    colour = _colour()
    click.echo(text.header())
    for finding in findings:
        click.echo(text.row(finding, colour=colour), color=colour)


def _colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def print_certificates_json(certificates: Sequence[Certificate]) -> None:
    """Print the certificate; several as a list."""
    print_json(certificates[0] if len(certificates) == 1 else certificates)


def print_json(value: object) -> None:
    """Print any of our values as JSON."""
    from scalecert.documents import canonical_json

    click.echo(canonical_json(value).decode(), nl=False)


def print_facts(facts: Mapping[str, str]) -> None:
    """Print names with what is to be said of each, which may take several lines."""
    from scalecert.certificate.wrapping import wrapped

    width = max(len(name) for name in facts)
    for name, text in facts.items():
        for line in wrapped(one_line(text), first=f"  {name:{width}}  "):
            click.echo(line)


def print_table(rows: Sequence[tuple[str, ...]], *, indent: str = "  ") -> None:
    """Print rows with aligned columns; cells may come from users' files."""
    if not rows:
        return
    rows = [tuple(one_line(cell) for cell in row) for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo((indent + "  ".join(cells)).rstrip())
