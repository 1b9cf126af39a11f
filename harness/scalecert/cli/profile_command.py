"""`scalecert profile`: make an engine profile."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("profile", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Make an engine profile."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@command.command("estimate")
@click.option("--engine", type=click.Choice(["vllm"]), required=True, help="Inference server.")
@click.option(
    "--model",
    required=True,
    metavar="SHAPE",
    help="Shape of a model: a known name, a catalogue file, or the model's config.json.",
)
@click.option(
    "--accelerator", required=True, metavar="NAME", help="Accelerator: a known name, or a file."
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Accelerators per replica (tensor parallel).",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File; default: stdout."
)
def estimate(engine: str, model: str, accelerator: str, count: int, out: Path | None) -> None:
    """Estimate a profile from a model's shape and an accelerator's data.

    A roofline with the efficiencies of the measured profile. The result is a file for --profile.
    Own models and accelerators are YAML files of the form of the shipped ones; a model's
    config.json will do too.
    """
    from scalecert.documents import write_atomic
    from scalecert.engines import roofline
    from scalecert.engines.profiles import profile_text
    from scalecert.errors import UsageError

    del engine  # one choice so far
    text = profile_text(roofline.estimate(model, accelerator, count=count))
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        write_atomic(out, text.encode())
    except OSError as error:
        raise UsageError(f"can't be written: {error.strerror}", file=str(out)) from error
    click.echo(f"made {out}; use it: --profile {out}", err=True)
