"""`scalecert schema`: JSON Schemas, for editors and validators."""

from __future__ import annotations

import click


@click.command("schema")
@click.argument("name", metavar="[NAME]", default="scenario")
def command(name: str) -> None:
    """Print the JSON Schema of a document, for editors.

    NAME is scenario (the default), suite, workload, profile, accelerators, models, plan or
    certificate.
    """
    from scalecert.cli.schemas import schema_text

    click.echo(schema_text(name), nl=False)
