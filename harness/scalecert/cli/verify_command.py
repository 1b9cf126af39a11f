"""`scalecert verify`: whether a certificate is what its recordings and inputs say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from scalecert.certificate.verification import Step
    from scalecert.cli.verifying import Choice, Opened

_WIDTHS = (11, 10)


@click.command("verify")
@click.argument("file", metavar="CERTIFICATE", type=click.Path(path_type=Path))
@click.option("--rerun", is_flag=True, help="Repeat the simulation too, and compare bytes.")
@click.option(
    "--policy",
    "policies",
    metavar="PATH",
    multiple=True,
    help="Manifests, or - for standard input; default: where they were then. Repeatable.",
)
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Value of a placeholder, which no certificate keeps; repeatable.",
)
@click.option("--suite", metavar="FOLDER", help="Suite of your own; its test files are imported.")
@click.option("--profile", metavar="NAME", help="Engine profile, name or file.")
@click.option("--workload", metavar="FILE", help="Where the workload file is now (--rerun).")
@click.option("--jobs", type=click.IntRange(min=1), help="Runs at once; default: one per core.")
@click.option(
    "--signature",
    metavar="COMMAND",
    help="Command that checks the signature: {file} in it is the certificate, 0 means good.",
)
def command(
    *,
    file: Path,
    rerun: bool,
    policies: tuple[str, ...],
    settings: tuple[str, ...],
    suite: str | None,
    profile: str | None,
    workload: str | None,
    jobs: int | None,
    signature: str | None,
) -> int:
    """Check a certificate against its recordings and inputs.

    CERTIFICATE is certificate.json, with the recordings beside it. Each step is a line: ok,
    differs, or not checked where an input is not here. A verified certificate is genuine; whether
    the policy was certified is another question, which the last line answers too.

    Exit codes: 0 verified, 1 something differs, 2 unusable input or what was asked for by name
    could not be checked, 3 the repetition broke.
    """
    from scalecert.cli.signing import words_of
    from scalecert.cli.verifying import Choice, open_certificate

    checker = words_of(signature, "--signature") if signature is not None else None
    opened = open_certificate(_certificate_in(file))
    choice = Choice(policies, settings, suite, profile, workload)
    found: list[Step] = []
    for step in _steps(opened, choice, rerun=rerun, jobs=jobs, checker=checker):
        found.append(step)
        _print(step)
    return _conclude(opened, found)


def _certificate_in(file: Path) -> Path:
    from scalecert.certificate.artifacts import CERTIFICATE

    return file / CERTIFICATE if file.is_dir() else file


def _steps(
    opened: Opened,
    choice: Choice,
    *,
    rerun: bool,
    jobs: int | None,
    checker: tuple[str, ...] | None,
) -> Iterator[Step]:
    from scalecert.cli import rerun as repetition
    from scalecert.cli.verifying import steps
    from scalecert.policy import standard_input

    if checker is not None:
        yield _signature(opened, checker)
    with standard_input.kept(needed="-" in choice.policies) as stdin:
        with standard_input.read_from(stdin):
            yield from steps(opened, choice)
        if rerun:
            with standard_input.read_from(stdin):
                yield repetition.rerun(opened, choice, jobs)


def _signature(opened: Opened, checker: tuple[str, ...]) -> Step:
    from scalecert.certificate.verification import Step
    from scalecert.cli.signing import accepts

    if accepts(checker, opened.path):
        return Step("signature", "ok", f"{checker[0]} accepts it", demanded=True)
    return Step("signature", "differs", f"{checker[0]} does not accept it", demanded=True)


def _print(step: Step) -> None:
    from scalecert.lines import one_line

    state, name = step.state.ljust(_WIDTHS[0]), step.name.ljust(_WIDTHS[1])
    click.echo(f"{state}  {name}  {one_line(step.text)}")


def _conclude(opened: Opened, steps: list[Step]) -> int:
    """Print what it comes to and return the exit code.

    Raises:
        UsageError: if something could not be checked that was asked for by name.
    """
    from scalecert.certificate import text
    from scalecert.errors import UsageError
    from scalecert.lines import one_line

    differ, unchecked = _names(steps, "differs"), _names(steps, "not checked")
    if differ or opened.certificate is None:
        click.echo(f"\nREFUSED {one_line(str(opened.path))}: {', '.join(differ)}")
        return 1
    for step in steps:
        if step.demanded and step.state == "not checked":
            raise UsageError(f"{step.name} can't be checked: {step.text}", file=str(opened.path))
    rest = f" (not checked: {', '.join(unchecked)})" if unchecked else ""
    says = text.summary(opened.certificate).splitlines()[0]
    click.echo(f"\nVERIFIED {one_line(str(opened.path))}{rest}")
    click.echo(says)
    return 0


def _names(steps: list[Step], state: str) -> list[str]:
    return list(dict.fromkeys(step.name for step in steps if step.state == state))
