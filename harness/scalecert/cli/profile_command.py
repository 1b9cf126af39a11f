"""`scalecert profile`: make an engine profile, or compare one with a measured server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scalecert.engines.registry import engine_names

if TYPE_CHECKING:
    from scalecert.engines.profiles import RelativeError


@click.group("profile", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Make an engine profile, or compare one with a measured server."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@command.command("estimate")
@click.option(
    "--engine", type=click.Choice(engine_names()), required=True, help="Inference server."
)
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

    text = profile_text(roofline.estimate(engine, model, accelerator, count=count))
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        write_atomic(out, text.encode())
    except OSError as error:
        raise UsageError(f"can't be written: {error.strerror}", file=str(out)) from error
    click.echo(f"made {out}; use it: --profile {out}", err=True)


@command.command("compare")
@click.argument("profile", metavar="PROFILE")
@click.argument("measured", metavar="CSV", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--server-args",
    default="",
    metavar="FLAGS",
    help='Flags of the measured server, such as "--max-num-seqs=256".',
)
@click.option(
    "--ready",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Measured time from the container's start to the server's first answer.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the profile with the errors found.",
)
def compare(
    profile: str, measured: Path, server_args: str, ready: float | None, out: Path | None
) -> None:
    """Measure how far a profile is off, which decides how wide the guard band is.

    PROFILE is a name or file. CSV has one request of a real server a line: sent_seconds,
    input_tokens, output_tokens, ttft_seconds, tpot_seconds.
    """
    from scalecert.documents import write_atomic
    from scalecert.engines.profiles import load_profile, profile_text, with_errors
    from scalecert.errors import UsageError
    from scalecert.planning import comparison
    from scalecert.units import format_seconds

    known = load_profile(profile)
    found = comparison.compare(known, _words_of(server_args), measured, ready_seconds=ready)
    for figure in found.figures:
        click.echo(
            f"{figure.name:9} measured {format_seconds(figure.measured):>8}, profile"
            f" {format_seconds(figure.predicted):>8}: {figure.error * 100:+.1f} %"
        )
    errors = comparison.errors_of(found, measured.name)
    shown = ", ".join(f"{part} {error.relative * 100:.0f} %" for part, error in errors.items())
    click.echo(f"error of {known.name} over {found.requests:,} requests: {shown}")
    if out is None:
        return
    _check_usable(errors, measured)
    try:
        write_atomic(out, profile_text(with_errors(known, errors)).encode())
    except OSError as error:
        raise UsageError(f"can't be written: {error.strerror}", file=str(out)) from error
    click.echo(f"made {out}; use it: --profile {out}", err=True)


def _words_of(flags: str) -> list[str]:
    import shlex

    from scalecert.errors import UsageError

    try:
        return shlex.split(flags)
    except ValueError as error:
        problem = f"can't be split into words: {error}"
        raise UsageError(problem, field="--server-args") from error


def _check_usable(errors: Mapping[str, RelativeError], measured: Path) -> None:
    """Refuse to write a profile that is off by its own size: no guard band is that wide."""
    from scalecert.errors import UsageError

    for part, error in errors.items():
        if error.relative >= 1:
            raise UsageError(
                f"found a {part} error of {error.relative * 100:.0f} %, expected less than 100 %"
                " of a profile to be used",
                file=str(measured),
                hint="take the profile of this server: scalecert profile estimate",
            )
