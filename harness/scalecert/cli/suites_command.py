"""`scalecert suites`: what there is to be certified against."""

from __future__ import annotations

import click

from scalecert.cli import rendering


@click.command("suites")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List the suites and their cases."""
    from scalecert.suite import suites

    found = suites()
    if as_json:
        rendering.print_json(
            [
                {
                    "name": suite.name,
                    "version": suite.version,
                    "level": suite.level,
                    "digest": suite.digest,
                    "why": suite.why,
                    "cases": [
                        {"id": case.id, "why": case.scenario.spec.why} for case in suite.cases
                    ],
                }
                for suite in found
            ]
        )
        return
    for suite in found:
        click.echo(f"{suite.name} {suite.version} ({suite.level}), {suite.digest}")
        click.echo(f"  {suite.why}")
        rendering.print_table([(case.id, case.scenario.spec.why) for case in suite.cases])
