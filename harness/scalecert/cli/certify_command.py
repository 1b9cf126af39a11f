"""`scalecert certify`: a suite against a policy, to a certificate per HPA."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from scalecert.cli import child
from scalecert.cli.inputs import Words, input_options, inputs_of, pytest_arguments
from scalecert.cli.progress import Progress

if TYPE_CHECKING:
    from scalecert.pipeline import Inputs, Subject
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
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Runs at once; default: one per core. Not for --world local, which has one at a time.",
)
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

    inputs = inputs_of(policies, words, quick=quick)
    at_once = _at_once(inputs, jobs)
    with standard_input.kept(needed="-" in policies) as stdin:
        subjects = pipeline.subjects(inputs)
        order = _Order(inputs, words, find_suite(suite), subjects, out, stdin)
        pipeline.check_cases(inputs, order.suite.cases)
        pipeline.prepare_world(inputs.world)
        with artifacts.claimed(out) as held:
            _run(order, jobs=at_once, verbose=verbose, held=held)
    return order.folders


def _at_once(inputs: Inputs, jobs: int | None) -> int:
    """Return how many runs go side by side: on the clock one, for it has the machine to itself.

    Raises:
        UsageError: if `--jobs` asks for several there.
    """
    from scalecert import pipeline
    from scalecert.errors import UsageError

    if not pipeline.on_the_clock(inputs.world):
        return jobs or _cores()
    if jobs is not None:
        raise UsageError(
            f"found {jobs} with --world {inputs.world}, expected none",
            field="--jobs",
            hint="its runs go one after the other",
        )
    return 1


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be certified; `stdin` holds what came on standard input."""

    inputs: Inputs
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

    def command(self, *, jobs: int) -> list[str]:
        """Return the command line of pytest."""
        quick = self.inputs.quick
        arguments = pytest_arguments(self.inputs.policies, self.words)
        arguments.append(f"--scalecert-out={self.out}")
        arguments.append("--scalecert-quick" if quick else f"--scalecert-jobs={jobs}")
        if self.stdin is not None:
            arguments.append(f"--scalecert-stdin={self.stdin}")
        tests = [case.test_file for case in self.suite.cases]
        # The runs of a case go side by side; a quick one has one, so there the cases do.
        return child.command(tests, arguments, at_once=min(jobs, self.total) if quick else 1)


def _run(order: _Order, *, jobs: int, verbose: bool, held: int) -> None:
    """Run pytest, showing progress; `held` keeps other runs out of `--out`.

    Raises:
        UsageError: if a scenario or test file can't be used.
        EnvironmentFault: if pytest did not come to its end.
    """
    from scalecert import pipeline
    from scalecert.certificate.artifacts import CERTIFICATE

    progress = Progress(order.inputs, order.suite, order.subjects)
    grace = _GRACE_SECONDS if pipeline.on_the_clock(order.inputs.world) else 0.0
    with tempfile.TemporaryFile() as log:  # has no name that a killed run could leave behind
        status = child.run(
            order.command(jobs=jobs), log, progress.show, held=held, grace_seconds=grace
        )
        log.seek(0)
        said = log.read()
    if verbose:
        click.echo(said.decode(errors="replace"), err=True)
    whole = all((folder / CERTIFICATE).is_file() for folder in order.folders)
    if status not in (0, 1) or not whole:
        raise _broken(order.out, said, status, progress.problem)


def _broken(out: Path, log: bytes, status: int, problem: str | None) -> Exception:
    """Return the error of a pytest that came to no result; its log is kept.

    Either a case broke (`problem`), or pytest could not make sense of the suite, or it crashed.
    """
    from scalecert.errors import EnvironmentFault, UsageError

    kept = out / "pytest.log"
    kept.write_bytes(log)
    if problem is not None:
        return EnvironmentFault(f"nothing could be recorded: {problem} (log: {kept})")
    lines = log.decode(errors="replace").splitlines()
    errors = [line for line in lines if line.startswith(("E  ", "ERROR: "))]
    cause = errors[-1].removeprefix("E").strip() if errors else f"pytest ended with {status}"
    if status in _ABOUT_THE_SUITE:
        return UsageError(f"the suite can't be run: {cause}", hint=f"log: {kept}")
    return EnvironmentFault(f"the run broke, nothing is certified: {cause} (log: {kept})")


_GRACE_SECONDS = 10.0
"""For a world of processes to end when the run is interrupted, which takes a second or two."""

_ABOUT_THE_SUITE = (1, 2, 4, 5)
"""pytest's exit statuses that come of test files: failed, not collected, misused, none found."""


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
