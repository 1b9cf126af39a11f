"""`scalecert certify`: a suite against a policy, to a certificate per HPA."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from scalecert.cli import child
from scalecert.cli.inputs import Words, input_options, inputs_of, pytest_arguments

if TYPE_CHECKING:
    from scalecert.pipeline import Subject
    from scalecert.suite import Suite


@click.command("certify")
@click.argument("policies", metavar="POLICY...", nargs=-1, required=True)
@input_options
@click.option(
    "--suite", default="core", show_default=True, help="Suite: a shipped one's name, or a folder."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out"),
    show_default=True,
    help="Folder for certificate.json, junit.xml and the recordings.",
)
@click.option(
    "--quick",
    is_flag=True,
    help="One run per scenario, neither more seeds nor corners: indicative, never certified.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Runs at once; default: one per core.")
@click.option(
    "--sign-with",
    metavar="COMMAND",
    help="Command that signs each certificate once it is written: {file} in it is the path.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the certificate itself.")
@click.option("-v", "--verbose", is_flag=True, help="Show pytest's log.")
def command(
    *,
    policies: tuple[str, ...],
    suite: str,
    out: Path,
    quick: bool,
    jobs: int | None,
    sign_with: str | None,
    as_json: bool,
    verbose: bool,
    **words: Unpack[Words],
) -> int:
    """Run a suite against a policy and issue its certificate.

    POLICY is a file, a folder or - for standard input: manifests as for kubectl apply. Each
    HorizontalPodAutoscaler in them is certified by name. A scenario is run with several seeds and
    at both corners of the engine profile's error; a finding holds where all of these agree.

    Exit codes: 0 certified, 1 not certified, 2 unusable input, 3 inconclusive, 130 interrupted.
    """
    from scalecert.certificate.artifacts import CERTIFICATE
    from scalecert.cli import rendering
    from scalecert.cli.signing import sign, words_of

    signer = words_of(sign_with, "--sign-with") if sign_with is not None else None
    folders = certify(
        policies, words, suite=suite, out=out, quick=quick, jobs=jobs, verbose=verbose
    )
    certificates = [rendering.read_certificate(folder) for folder in folders]
    if as_json:
        rendering.print_certificates_json(certificates)
    else:
        rendering.print_certificates(certificates)
    for folder in folders:
        click.echo(f"wrote {folder}/: certificate.json, junit.xml, recordings/", err=True)
        if signer is not None:
            sign(signer, folder / CERTIFICATE)
    return rendering.exit_code(certificates)


def certify(
    policies: tuple[str, ...],
    words: Words,
    *,
    suite: str,
    out: Path,
    quick: bool = False,
    jobs: int | None = None,
    verbose: bool = False,
) -> list[Path]:
    """Run a suite and return the folders of the certificates, one for each HPA.

    Raises:
        UsageError: if any input can't be used.
        EnvironmentFault: if the run broke.
    """
    from scalecert import pipeline
    from scalecert.certificate import artifacts
    from scalecert.policy import standard_input
    from scalecert.suite import find_suite

    with standard_input.kept(needed="-" in policies) as stdin:
        subjects = pipeline.subjects(inputs_of(policies, words, quick=quick))
        order = _Order(policies, words, find_suite(suite), subjects, out, stdin)
        with artifacts.claimed(out) as held:
            _run(order, jobs=jobs or _cores(), quick=quick, verbose=verbose, held=held)
    return order.folders


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be certified; `stdin` holds what came on standard input."""

    policies: tuple[str, ...]
    words: Words
    suite: Suite
    subjects: Sequence[Subject]
    out: Path
    stdin: Path | None

    @property
    def folders(self) -> list[Path]:
        """Where each HPA's certificate goes."""
        from scalecert.certificate.artifacts import certificate_folder

        several = len(self.subjects) > 1
        return [certificate_folder(self.out, one.name, several=several) for one in self.subjects]

    @property
    def total(self) -> int:
        """How many cases that is."""
        return len(self.subjects) * len(self.suite.cases)

    def command(self, *, jobs: int, quick: bool) -> list[str]:
        """Return the command line of pytest."""
        arguments = pytest_arguments(self.policies, self.words)
        arguments.append(f"--scalecert-out={self.out}")
        arguments.append("--scalecert-quick" if quick else f"--scalecert-jobs={jobs}")
        if self.stdin is not None:
            arguments.append(f"--scalecert-stdin={self.stdin}")
        tests = [case.test_file for case in self.suite.cases]
        # The runs of a case go side by side; a quick one has one, so there the cases do.
        return child.command(tests, arguments, at_once=min(jobs, self.total) if quick else 1)


def _run(order: _Order, *, jobs: int, quick: bool, verbose: bool, held: int) -> None:
    """Run pytest, showing progress; `held` keeps other runs out of `--out`.

    Raises:
        UsageError: if a scenario or test file can't be used.
        EnvironmentFault: if pytest did not come to its end.
    """
    from scalecert.certificate.artifacts import CERTIFICATE

    progress = _Progress(order)
    with tempfile.TemporaryDirectory(prefix="scalecert-") as scratch:
        log = Path(scratch, "pytest.log")
        status = child.run(order.command(jobs=jobs, quick=quick), log, progress.show, held=held)
        if verbose:
            click.echo(log.read_text(errors="replace"), err=True)
        whole = all((folder / CERTIFICATE).is_file() for folder in order.folders)
        if status not in (0, 1) or not whole:
            raise _broken(order.out, log, status, progress.problem)


def _broken(out: Path, log: Path, status: int, problem: str | None) -> Exception:
    """Return the error of a pytest that came to no result; its log is kept.

    Either a case broke (`problem`), or pytest could not make sense of the suite, or it crashed.
    """
    from scalecert.errors import EnvironmentFault, UsageError

    kept = out / "pytest.log"
    shutil.copyfile(log, kept)
    if problem is not None:
        return EnvironmentFault(f"nothing could be recorded: {problem} (log: {kept})")
    lines = log.read_text(errors="replace").splitlines()
    errors = [line for line in lines if line.startswith(("E  ", "ERROR: "))]
    cause = errors[-1].removeprefix("E").strip() if errors else f"pytest ended with {status}"
    if status in _ABOUT_THE_SUITE:
        return UsageError(f"the suite can't be run: {cause}", hint=f"log: {kept}")
    return EnvironmentFault(f"the run broke, nothing is certified: {cause} (log: {kept})")


_ABOUT_THE_SUITE = (1, 2, 4, 5)
"""pytest's exit statuses that come of test files: failed, not collected, misused, none found."""


class _Progress:
    """One line on stderr as each scenario ends."""

    def __init__(self, order: _Order) -> None:
        self._several = len(order.subjects) > 1
        self._total = order.total
        self._done = 0
        self.problem: str | None = None
        names = ", ".join(subject.name for subject in order.subjects)
        self._head = f"suite {order.suite.name} {order.suite.version}: {names}"
        if sys.stderr.isatty():
            self._say_head()

    def _say_head(self) -> None:
        """Say what runs: to people at once, to a log not before it is known that it can run."""
        if self._head:
            click.echo(self._head, err=True)
        self._head = ""

    def show(self, event: child.Event) -> None:
        """Print an event of the plugin.

        Raises:
            UsageError: if a scenario can't be used, which ends the run.
        """
        from scalecert.errors import UsageError

        self._done += 1
        if event["usage"]:
            raise UsageError(event["problem"])
        self._say_head()
        self.problem = self.problem or event["problem"]
        name = f"{event['subject']}: " if self._several else ""
        problem = f" ({event['problem']})" if event["problem"] else ""
        line = (
            f"[{self._done}/{self._total}] {name}{event['scenario']}: {event['verdict']}{problem}"
        )
        click.echo(line, err=True)


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
