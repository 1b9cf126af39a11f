"""Whether a certificate is what it says: what it names, held against what is there.

After the flow, on the files that it left: `scalecert verify` reads them and judges once more; here
is what is compared, and how a difference is told. Pure: values in, `Step`s out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from msgspec.structs import replace

from scalecert import __version__
from scalecert.certificate.artifacts import RunKey, folder_of
from scalecert.certificate.assurance import LEVELS
from scalecert.certificate.completeness import COMPLETED, OF_CASES
from scalecert.certificate.document import Certificate
from scalecert.certificate.guard import RecordingRef
from scalecert.documents import canonical_json
from scalecert.recording.plan import Plan, SuiteRef

State = Literal["ok", "differs", "not checked"]
_LONGEST_VALUE = 60
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at, in one line; `demanded` if the user asked for it by name."""

    name: str
    state: State
    text: str
    demanded: bool = False


def refused(name: str, text: str) -> Step:
    """Return a step that found a difference."""
    return Step(name, "differs", text)


def schema(certificate: Certificate, repeated: Collection[str]) -> Step:
    """Return whether the document is one that can be read in one way only.

    Args:
        certificate: the document; that it could be decoded is most of it.
        repeated: names of fields that one object has twice, of which readers take either.
    """
    level = certificate.spec.assurance
    if repeated:
        return refused("schema", f"found the field {min(repeated)} twice in one object")
    if level is not None and level.level not in LEVELS:
        known = ", ".join(LEVELS)
        return refused("schema", f"spec.assurance.level: found {level.level}, expected {known}")
    shown = f"level {level.level}" if level else "without a level"
    return Step("schema", "ok", f"{certificate.api_version} Certificate, {shown}")


def recordings(certificate: Certificate, there: Mapping[RunKey, str]) -> Step:
    """Return whether the recordings are those that the certificate names, and no others.

    What a case left that broke while it was recorded is in nobody's way: the certificate says of
    it that it was not completed.

    Args:
        certificate: the certificate.
        there: the digest of each recording beside it, or why it has none.
    """
    listed = {(ref.scenario, ref.run): ref.digest for ref in certificate.spec.recordings}
    if not listed:
        return refused("recordings", "the certificate names none, so nothing supports it")
    for run, digest in listed.items():
        if run not in there:
            return refused("recordings", f"{folder_of(run)}: named, but not there")
        if there[run] != digest:
            found = f"found {_short(there[run])}, named {_short(digest)}"
            return refused("recordings", f"{folder_of(run)}: {found}")
    named = {scenario for scenario, _ in listed}
    broken = {one.scenario for one in certificate.findings if one.id == COMPLETED} - named
    strangers = sorted(run for run in there.keys() - listed.keys() if run[0] not in broken)
    if strangers:
        return refused("recordings", f"{folder_of(strangers[0])}: there, but not named")
    return Step("recordings", "ok", f"all {len(listed)} are there, and no others")


def suite(issued: SuiteRef, known: SuiteRef | None, *, demanded: bool) -> Step:
    """Return whether a suite is still what the recordings are of; None: there is none to compare.

    Args:
        issued: as the plans of the recordings have it.
        known: the suite of that name.
        demanded: whether the user named `known`.
    """
    name = f"{issued.name} {issued.version}"
    if known is None:
        return Step("suite", "not checked", f"{name} is not of this release (--suite FOLDER)")
    if known.name != issued.name:
        text = f"found {known.name}, the certificate was issued with {name}"
        return Step("suite", "differs", text, demanded)
    if known.digest == issued.digest:
        return Step("suite", "ok", f"{name} ({_short(issued.digest)})", demanded)
    whose = "there is" if demanded else "this release has"
    if known.version != issued.version:
        text = f"{whose} {known.name} {known.version}, the certificate was issued with"
        return Step("suite", "differs", f"{text} {issued.version}", demanded)
    found = f"{whose} another {name}: {_short(known.digest)}, issued with {_short(issued.digest)}"
    return Step("suite", "differs", found, demanded)


def digest(name: str, what: str, found: str, issued: str, *, demanded: bool, hint: str) -> Step:
    """Return whether `what` has the digest that the certificate was issued with."""
    if found == issued:
        return Step(name, "ok", f"{what} ({_short(found)})", demanded)
    text = f"{what}: found {_short(found)}, issued with {_short(issued)} ({hint})"
    return Step(name, "differs", text, demanded)


_OF_A_SESSION = ("harness_version", "world", "time_lapse", "policy", "engine", "objective", "given")


def of_one_session(plans: Sequence[Plan]) -> str:
    """Return what the first plan and another have not in common though one session made both.

    Empty if there is nothing: recordings of several sessions could be picked for what they show.
    """
    first = plans[0]
    for plan in plans[1:]:
        for field in _OF_A_SESSION:
            if getattr(plan, field) != getattr(first, field):
                return f"{folder_of(_key(plan))}: {field} is not that of {folder_of(_key(first))}"
    seeds = {plan.scenario.metadata.name: plan.seed for plan in reversed(plans)}
    if len(set(seeds.values())) > 1:
        return f"scenarios begin with different seeds: {sorted(set(seeds.values()))}"
    return ""


def verdict(document: Mapping[str, Any], issued: Certificate, recomputed: Certificate) -> Step:
    """Return whether a certificate is what its recordings say, to the last field but its date.

    Args:
        document: the certificate's file as plain JSON.
        issued: the same, as far as this release knows its fields.
        recomputed: from the recordings, with the certificate's own date.
    """
    ours = issued.spec.harness_version == __version__
    found = document if ours else plain(issued)
    differences = list(_differences(found, plain(recomputed), "recomputed"))
    if not differences:
        words = f"{issued.spec.verdict}, as recomputed from the recordings"
        return Step("verdict", "ok", words)
    return refused("verdict", f"{_first(differences)}{_of_release(issued)}")


def repeated(
    issued: Certificate, again: Certificate, altered: Sequence[str], *, moved: bool
) -> Step:
    """Return whether a repeated simulation came to the same.

    Args:
        issued: the certificate.
        again: the one of the repetition.
        altered: files of recordings that came out otherwise, in order.
        moved: whether inputs were read from elsewhere, so that the names of places may differ.
    """
    if altered:
        text = f"{altered[0]}: not what the simulation gives"
        text += f" (and {len(altered) - 1} more)" if len(altered) > 1 else ""
        return Step("rerun", "differs", f"{text}{_of_release(issued)}", demanded=True)
    pair = (_without_places(issued), _without_places(again)) if moved else (issued, again)
    found, expected = (plain(_repeatable(one)) for one in pair)
    differences = list(_differences(found, expected, "rerun"))
    if differences:
        text = f"{_first(differences)}{_of_release(issued)}"
        return Step("rerun", "differs", text, demanded=True)
    count = len(issued.spec.recordings)
    text = f"{count} recordings and the certificate come out the same"
    return Step("rerun", "ok", text, demanded=True)


def plan_without_places(plan: Plan) -> Plan:
    """Return a plan without where its inputs were read from."""
    policy = replace(plan.policy, file="")
    return replace(plan, policy=policy, given=None, provenance=())


def plain(value: object) -> Any:  # noqa: ANN401 - plain JSON
    """Return a document as plain JSON has it."""
    return json.loads(canonical_json(value))


def _repeatable(certificate: Certificate) -> Certificate:
    """Return a certificate without what differs between equal runs in two folders.

    That is its date, and the words of an author's assertion that failed or of a test that broke:
    they may tell of paths.
    """
    results = tuple(
        replace(
            result,
            findings=tuple(
                replace(one, message="") if one.id in OF_CASES else one for one in result.findings
            ),
        )
        for result in certificate.spec.scenarios
    )
    metadata = replace(certificate.metadata, date="")
    spec = replace(certificate.spec, scenarios=results)
    return replace(certificate, metadata=metadata, spec=spec)


def _without_places(certificate: Certificate) -> Certificate:
    spec = certificate.spec
    refs = tuple(RecordingRef(ref.scenario, ref.run, "") for ref in spec.recordings)
    policy = replace(spec.policy, file="")
    spec = replace(spec, policy=policy, given=None, provenance=(), recordings=refs)
    return replace(certificate, spec=spec)


def _key(plan: Plan) -> RunKey:
    return plan.scenario.metadata.name, plan.variation.name


def _of_release(issued: Certificate) -> str:
    """Return the remark that another release may say something else, and rightly so."""
    theirs = issued.spec.harness_version
    if theirs == __version__:
        return ""
    return f"; issued by scalecert {theirs}, this is {__version__}: verify with that release"


def _first(differences: Sequence[str]) -> str:
    more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
    return f"{differences[0]}{more}"


def _differences(found: object, expected: object, word: str, path: str = "") -> Iterator[str]:
    """Yield each field that differs, `spec.seed: found 2, recomputed 1`, in order of the names."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in sorted(found.keys() | expected.keys()):
            parts = found.get(name, _ABSENT), expected.get(name, _ABSENT)
            yield from _differences(*parts, word, f"{path}.{name}" if path else name)
    elif isinstance(found, list) and isinstance(expected, list):
        pairs = zip_longest(found, expected, fillvalue=_ABSENT)
        for index, parts in enumerate(pairs):
            yield from _differences(*parts, word, f"{path}[{index}]")
    elif found != expected or isinstance(found, bool) != isinstance(expected, bool):
        yield f"{path}: found {_shown(found)}, {word} {_shown(expected)}"


def _shown(value: object) -> str:
    if value is _ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _short(digest_or_reason: str) -> str:
    """Return enough of a digest to tell it; a reason as it is."""
    is_digest = digest_or_reason.startswith("sha256:")
    return digest_or_reason[:19] if is_digest else digest_or_reason
