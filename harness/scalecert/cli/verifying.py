"""What `verify` looks at, one step after the other; `certificate.verification` compares.

Nothing that a certificate names is believed: folders are those that are there, suites and profiles
are found by name among those that ship, and what may run code, a suite of one's own, is taken from
the command line alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scalecert.certificate.artifacts import RunKey
    from scalecert.certificate.document import Certificate
    from scalecert.certificate.verification import Step
    from scalecert.recording.plan import Given, Plan
    from scalecert.suite import Suite


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user named in place of what the certificate was issued with."""

    policies: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    suite: str | None = None
    profile: str | None = None
    workload: str | None = None

    @property
    def moved(self) -> bool:
        """Whether inputs are read from elsewhere than then."""
        return bool(self.policies or self.profile or self.workload)

    def unset(self, given: Given | None) -> list[str]:
        """Return the names of `--set` that were given then and are not now.

        Raises:
            UsageError: if a `--set` is no NAME=VALUE.
        """
        from scalecert.documents.placeholders import parse_settings

        known = parse_settings(self.settings)
        return [name for name in given.settings if name not in known] if given else []


@dataclass(frozen=True, slots=True)
class Opened:
    """A certificate's file; `certificate` is None, and `problem` says why, if it can't be decoded.

    `folders` are the recordings beside it, `repeated` the fields that one object has twice.
    """

    path: Path
    document: Mapping[str, Any]
    repeated: frozenset[str]
    certificate: Certificate | None
    problem: str
    folders: Mapping[RunKey, Path]


def open_certificate(path: Path) -> Opened:
    """Read what is to be verified.

    Raises:
        UsageError: if it can't be read, or is no certificate at all.
    """
    from scalecert.certificate import document
    from scalecert.documents import decode_stored, read_stored
    from scalecert.errors import UsageError

    data = read_stored(path)
    fields = decode_stored(data, dict[str, Any], path, problem="is no certificate: ")
    if fields.get("kind") != "Certificate":
        raise UsageError("is no certificate: found another kind of document", file=str(path))
    certificate, problem = None, ""
    try:
        certificate = document.decoded(data, path)
    except UsageError as error:
        problem = error.problem
    return Opened(path, fields, _repeated(data), certificate, problem, _folders(path.parent))


def _repeated(data: bytes) -> frozenset[str]:
    twice: set[str] = set()

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in found]
        twice.update(name for name in names if names.count(name) > 1)
        return dict(found)

    json.loads(data, object_pairs_hook=pairs)
    return frozenset(twice)


def _folders(place: Path) -> dict[RunKey, Path]:
    """Return the recordings beside a certificate, by scenario and run."""
    from scalecert.certificate.artifacts import recording_folders

    return {(folder.parent.name, folder.name): folder for folder in recording_folders(place)}


def steps(opened: Opened, choice: Choice) -> Iterator[Step]:
    """Look at one thing after the other.

    Raises:
        UsageError: if something that the user named can't be used.
    """
    from scalecert.certificate import verification
    from scalecert.cli.own_suite import load_own_suite

    own = (load_own_suite(choice.suite),) if choice.suite is not None else ()
    issued = opened.certificate
    if issued is None:
        yield verification.refused("schema", opened.problem)
        return
    yield verification.schema(issued, opened.repeated)
    digests = {key: _digest(folder) for key, folder in opened.folders.items()}
    yield verification.recordings(issued, digests)
    plans, problem = _plans(issued, opened.folders)
    yield from _suites(issued, plans, own)
    yield _policy(issued, choice)
    yield _profile(issued, choice)
    if problem:
        yield verification.refused("verdict", f"can't be recomputed: {problem}")
    else:
        yield _verdict(opened, issued, plans, own)


def _digest(folder: Path) -> str:
    from scalecert.errors import UsageError
    from scalecert.recording import store

    try:
        return store.digest(folder)
    except UsageError as error:
        return error.problem


def _plans(issued: Certificate, folders: Mapping[RunKey, Path]) -> tuple[list[Plan], str]:
    """Return the plans of what the certificate names, as far as they can be read, and why not."""
    from scalecert.errors import UsageError
    from scalecert.recording import store

    plans: list[Plan] = []
    for ref in issued.spec.recordings:
        folder = folders.get((ref.scenario, ref.run))
        if folder is None:
            return plans, "a recording is missing"
        try:
            plans.append(store.load_plan(folder))
        except UsageError as error:
            return plans, str(error)
    return plans, "" if plans else "there is no recording"


def _suites(issued: Certificate, plans: Sequence[Plan], own: Sequence[Suite]) -> Iterator[Step]:
    """Compare each suite that the recordings are of; one certificate may cover several."""
    from scalecert.certificate import verification
    from scalecert.recording.plan import SuiteRef
    from scalecert.suite import suites

    said = issued.spec.suite
    named = dict.fromkeys(plan.suite for plan in plans)
    known = {suite.name: suite for suite in (*suites(), *own)}
    own_names = {suite.name for suite in own}
    for ref in named or (SuiteRef(said.name, said.version, said.digest),):
        suite = known.get(ref.name) or (own[0] if own else None)
        found = SuiteRef(suite.name, suite.version, suite.digest) if suite else None
        demanded = suite is not None and suite.name in own_names
        yield verification.suite(ref, found, demanded=demanded)


def _policy(issued: Certificate, choice: Choice) -> Step:
    from scalecert.certificate import verification
    from scalecert.certificate.verification import Step
    from scalecert.documents.placeholders import parse_settings
    from scalecert.errors import UsageError
    from scalecert.policy.loading import load_policies

    spec, demanded = issued.spec, bool(choice.policies)
    unset = choice.unset(spec.given)
    if unset:
        return Step("policy", "not checked", f"needs --set of {', '.join(unset)}", demanded)
    before = spec.given.policies if spec.given else (spec.policy.file,)
    absent = "" if demanded else _absent(before)
    if absent:
        return Step("policy", "not checked", absent)
    try:
        found = load_policies(choice.policies or before, parse_settings(choice.settings))
    except UsageError as error:
        if demanded or choice.settings:
            raise
        return Step("policy", "not checked", f"{error}; --policy PATH names another")
    named = [policy for policy in found if policy.name == issued.metadata.name]
    if not named:
        return verification.refused("policy", f"found no HPA {issued.metadata.name}")
    return verification.digest(
        "policy",
        named[0].file,
        named[0].digest,
        spec.policy.digest,
        demanded=demanded,
        hint="other manifests, or other values of --set",
    )


def _absent(paths: Sequence[str]) -> str:
    for path in paths:
        if path in ("-", "stdin"):
            return "came on standard input (--policy PATH, or - for standard input)"
        if not (Path(path).is_file() or Path(path).is_dir()):
            return f"{path} is not here (--policy PATH)"
    return ""


def _profile(issued: Certificate, choice: Choice) -> Step:
    from scalecert.certificate import verification
    from scalecert.certificate.verification import Step
    from scalecert.documents import sha256_digest
    from scalecert.engines.profiles import load_profile
    from scalecert.errors import UsageError

    given, engine = issued.spec.given, issued.spec.engine
    name = choice.profile or (given.profile if given else None) or engine.profile
    try:
        profile = load_profile(name)
    except UsageError as error:
        if choice.profile:
            raise
        return Step("profile", "not checked", f"{error}; --profile NAME names another")
    return verification.digest(
        "profile",
        profile.name,
        sha256_digest(profile),
        engine.profile_digest,
        demanded=bool(choice.profile),
        hint="another profile, or another release's",
    )


def _verdict(
    opened: Opened, issued: Certificate, plans: Sequence[Plan], own: Sequence[Suite]
) -> Step:
    from scalecert.certificate import verification
    from scalecert.cli import reissue
    from scalecert.errors import HarnessBug, UsageError
    from scalecert.recording.runs import runs_in

    mixed = verification.of_one_session(plans)
    if mixed:
        return verification.refused("verdict", mixed)
    cases: dict[str, list[Path]] = {}
    for ref in issued.spec.recordings:
        cases.setdefault(ref.scenario, []).append(opened.folders[ref.scenario, ref.run])
    try:
        runs = [runs_in(folders) for folders in cases.values()]
        recomputed = reissue.recomputed(issued, runs, own)
        return verification.verdict(opened.document, issued, recomputed)
    except (UsageError, HarnessBug) as error:
        return verification.refused("verdict", f"can't be recomputed: {error}")
    except Exception as error:  # noqa: BLE001 - a recording made up may hold what none of ours does
        broken = f"{type(error).__name__}: {error}"
        return verification.refused("verdict", f"can't be recomputed: {broken}")
