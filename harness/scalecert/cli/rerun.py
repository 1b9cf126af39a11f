"""`verify --rerun`: the whole suite once more, in a folder of its own, and what came out otherwise.

Unlike judging again it needs the inputs that the certificate was issued with, and finds what no
digest tells: recordings made up, or an assertion of the author's left out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scalecert.cli.inputs import Words
from scalecert.cli.verifying import Choice, Opened

if TYPE_CHECKING:
    from scalecert.certificate.document import Certificate
    from scalecert.certificate.verification import Step
    from scalecert.recording.plan import Given


def rerun(opened: Opened, choice: Choice, jobs: int | None) -> Step:
    """Repeat the simulation and compare.

    Raises:
        EnvironmentFault: if the repetition broke.
    """
    from scalecert.certificate.verification import Step
    from scalecert.errors import UsageError
    from scalecert.pipeline import on_the_clock

    issued = opened.certificate
    given = issued.spec.given if issued else None
    if issued is None or given is None:
        text = "the certificate does not say what it was made from"
        return Step("rerun", "not checked", text, demanded=True)
    if on_the_clock(issued.spec.world):
        text = f"runs of world {issued.spec.world} take their course on the clock, each time anew"
        return Step("rerun", "not checked", text, demanded=True)
    lacking = _lacking(issued, given, choice)
    if lacking:
        return Step("rerun", "not checked", f"needs {lacking}", demanded=True)
    try:
        return _compared(opened, issued, given, choice, jobs)
    except UsageError as error:
        return Step("rerun", "not checked", str(error), demanded=True)


def _lacking(issued: Certificate, given: Given, choice: Choice) -> str:
    """Return what the user has to name before it can be done."""
    from scalecert.policy.sources import STDIN
    from scalecert.suite import suites

    unset = choice.unset(given)
    if unset:
        return f"--set of {', '.join(unset)}"
    if STDIN in given.policies and not choice.policies:
        return "--policy PATH, or - for standard input, where the policy came from"
    suite = issued.spec.suite.name
    if choice.suite is None and suite not in {shipped.name for shipped in suites()}:
        return f"--suite FOLDER of {suite}"
    return ""


def _compared(
    opened: Opened, issued: Certificate, given: Given, choice: Choice, jobs: int | None
) -> Step:
    from scalecert.certificate import verification
    from scalecert.cli import rendering
    from scalecert.cli.certify_command import certify
    from scalecert.errors import UsageError

    with tempfile.TemporaryDirectory(prefix="scalecert-") as scratch:
        folders = certify(
            choice.policies or given.policies,
            _words(issued, given, choice),
            suite=choice.suite or issued.spec.suite.name,
            out=Path(scratch, "out"),
            quick=given.quick,
            jobs=jobs,
        )
        certificates = {folder: rendering.read_certificate(folder) for folder in folders}
        for folder, again in certificates.items():
            if again.metadata.name == issued.metadata.name:
                altered = list(_altered(opened, issued, folder, moved=choice.moved))
                return verification.repeated(issued, again, altered, moved=choice.moved)
    raise UsageError(f"found no HPA {issued.metadata.name} in the policy")


def _words(issued: Certificate, given: Given, choice: Choice) -> Words:
    from scalecert.worlds.opening import DEFAULT_INSTANCE

    return Words(
        objective=given.objective,
        profile=choice.profile or given.profile,
        workload=choice.workload or given.workload,
        settings=choice.settings,
        seed=issued.spec.seed,
        price=given.price_per_hour,
        capacity=given.capacity_per_second,
        world=issued.spec.world,
        time_lapse=given.time_lapse,
        name=DEFAULT_INSTANCE,
    )


def _altered(opened: Opened, issued: Certificate, again: Path, *, moved: bool) -> Iterator[str]:
    """Yield each file of a recording whose bytes the repetition does not give."""
    from scalecert.certificate.artifacts import folder_of
    from scalecert.recording.store import FILES, PLAN_FILE

    for ref in issued.spec.recordings:
        run = (ref.scenario, ref.run)
        folder = opened.folders.get(run)
        if folder is None:
            continue
        repeated = again / folder_of(run)
        for name in FILES:
            if not _same(folder / name, repeated / name, moved=moved and name == PLAN_FILE):
                yield f"{folder_of(run)}/{name}"


def _same(one: Path, other: Path, *, moved: bool) -> bool:
    from scalecert.certificate.verification import plan_without_places
    from scalecert.errors import UsageError
    from scalecert.recording.store import load_plan

    if not (one.is_file() and other.is_file()):
        return False
    if not moved:
        return one.read_bytes() == other.read_bytes()
    try:
        plans = [plan_without_places(load_plan(path.parent)) for path in (one, other)]
    except UsageError:
        return False
    return plans[0] == plans[1]
