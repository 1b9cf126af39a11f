"""`scalecert statement`: a certificate as an in-toto Statement, to be signed by other tools."""

from __future__ import annotations

from pathlib import Path

import click

from scalecert.cli import rendering


@click.command("statement")
@click.argument("file", metavar="CERTIFICATE", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Print a certificate as an in-toto Statement.

    CERTIFICATE is certificate.json. The subjects are the file and the recordings that it names;
    the predicate has verdict, assurance level, objective, policy, engine and suite. Nothing is
    checked: scalecert verify does that.
    """
    from scalecert.certificate.document import decoded
    from scalecert.certificate.statement import statement
    from scalecert.documents import read_stored

    data = read_stored(file)
    rendering.print_json(statement(decoded(data, file), data, file.name))
