"""What verification compares, and that no edit of a certificate escapes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from factories import make_certificate, make_engine, make_plan, make_policy
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scalecert.certificate import verification
from scalecert.certificate.completeness import (
    Problem,
    carried_over,
    finding_about,
)
from scalecert.certificate.document import Certificate
from scalecert.certificate.guard import RecordingRef
from scalecert.certificate.verification import Step, plain
from scalecert.checks.finding import Finding, Verdict
from scalecert.recording.plan import Given, Plan, SuiteRef
from scalecert.suite import find_suite

CERTIFICATE = make_certificate("ttft-objective", "tpot-objective")
KEYS = [(ref.scenario, ref.run) for ref in CERTIFICATE.spec.recordings]
THERE = dict.fromkeys(KEYS, "sha256:3")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in items:
            yield from leaves(part, (*path, key))
    else:
        yield path


LEAVES = [path for path in leaves(plain(CERTIFICATE)) if path != ("metadata", "date")]


def edited(path: tuple[Any, ...], change: Any) -> dict[str, Any]:
    document = plain(CERTIFICATE)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = change(place[path[-1]])
    return document


def named(path: tuple[Any, ...]) -> str:
    words = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return "".join(words).removeprefix(".")


def judged(document: dict[str, Any], recomputed: Certificate = CERTIFICATE) -> Step:
    return verification.verdict(document, CERTIFICATE, recomputed)


def test_a_certificate_that_is_recomputed_the_same_is_genuine():
    """No difference, and the verdict is said."""
    step = judged(plain(CERTIFICATE))
    assert (step.state, step.text) == ("ok", "pass, as recomputed from the recordings")


def test_what_is_edited_has_every_part_of_a_scenario():
    """Load, tokens per dollar and findings are there to be edited, down to their figures."""
    scenario = ("spec", "scenarios", 0)
    parts = {path[3] for path in LEAVES if path[:3] == scenario}
    assert parts == {"id", "level", "verdict", "title", "load", "efficiency", "findings"}
    assert (*scenario, "efficiency", "tokensPerCurrencyUnit") in LEAVES


@settings(max_examples=100, derandomize=True, deadline=None)
@given(path=st.sampled_from(LEAVES), removed=st.booleans())
def test_no_edit_escapes(path: tuple[Any, ...], removed: bool):
    """INV-13: whatever line is altered or left out, the step differs and names that field."""

    def change(value: Any) -> Any:
        if isinstance(value, bool) or value is None:
            return 1 if value is None else int(value)
        return f"{value}x" if isinstance(value, str) else value + 1

    document = edited(path, change)
    if removed and isinstance(path[-1], str):
        place = document
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]
    step = judged(document)
    assert step.state == "differs"
    assert step.text.startswith(f"{named(path)}: found ")


def test_the_first_difference_is_told_with_both_values():
    """`path: found, recomputed`, and how many more there are."""
    document = edited(("spec", "scenarios", 0, "findings", 1, "measured"), lambda _: 0.09)
    found = plain(CERTIFICATE)["spec"]["scenarios"][0]["findings"][1]["measured"]
    text = judged(document).text
    assert text == f"spec.scenarios[0].findings[1].measured: found 0.09, recomputed {found}"
    document["spec"]["world"] = "cluster"
    assert judged(document).text.endswith(" (and 1 more)")


def test_a_field_of_a_later_release_passes_and_one_put_into_ours_does_not():
    """Who says that this release issued it can't have a field that it doesn't know."""
    added = plain(CERTIFICATE)
    added["spec"]["approvedBy"] = "the boss"
    assert judged(added).text == 'spec.approvedBy: found "the boss", recomputed nothing'
    later = replace(CERTIFICATE, spec=replace(CERTIFICATE.spec, harness_version="99.0"))
    added["spec"]["harnessVersion"] = "99.0"
    assert verification.verdict(added, later, later).state == "ok"


def test_another_release_may_judge_otherwise():
    """A difference says so: its checks may have changed since."""
    later = replace(CERTIFICATE, spec=replace(CERTIFICATE.spec, harness_version="99.0"))
    other = replace(later, spec=replace(later.spec, verdict=Verdict.FAIL))
    step = verification.verdict(plain(later), later, other)
    assert step.state == "differs"
    assert "issued by scalecert 99.0, this is " in step.text


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (THERE, "all 3 are there, and no others"),
        ({}, "recordings/steady/seed-1: named, but not there"),
        ({**THERE, KEYS[2]: "sha256:4"}, "recordings/steady/seed-3: found sha256:4, named sha256:"),
        ({**THERE, KEYS[0]: "can't be read: gone"}, "recordings/steady/seed-1: found can't be"),
        ({**THERE, ("steady", "seed-9"): "x"}, "recordings/steady/seed-9: there, but not named"),
    ],
)
def test_recordings_are_those_that_are_named(there: dict[Any, str], expected: str):
    """Each with its digest, none missing, none added."""
    step = verification.recordings(CERTIFICATE, there)
    assert step.text.startswith(expected)
    assert step.state == ("ok" if there is THERE else "differs")


def test_a_certificate_without_recordings_is_refused():
    """There is nothing that its verdict could be recomputed from."""
    bare = replace(CERTIFICATE, spec=replace(CERTIFICATE.spec, recordings=()))
    assert verification.recordings(bare, {}).state == "differs"


def test_what_a_broken_case_left_is_in_nobodys_way():
    """The certificate says that the case was not completed, and names no recording of it."""
    case = find_suite("core").cases[0]
    (result,) = CERTIFICATE.spec.scenarios
    about = finding_about(case, Problem("crash", "the world broke"))
    broken = replace(result, id=case.id, findings=(about,))
    spec = replace(CERTIFICATE.spec, scenarios=(result, broken))
    certificate = replace(CERTIFICATE, spec=spec)
    left = {**THERE, (case.id, "seed-1"): "sha256:5"}
    assert verification.recordings(certificate, left).state == "ok"
    assert verification.recordings(CERTIFICATE, left).state == "differs"


def test_the_schema_step_refuses_what_reads_in_two_ways():
    """A field twice in one object, of which readers take either; a level that nobody knows."""
    assert verification.schema(CERTIFICATE, ()).state == "ok"
    assert "verdict twice" in verification.schema(CERTIFICATE, {"verdict"}).text
    assurance = replace(CERTIFICATE.spec.assurance, level="S9")
    forged = replace(CERTIFICATE, spec=replace(CERTIFICATE.spec, assurance=assurance))
    assert verification.schema(forged, ()).text.endswith(
        "found S9, expected S1, T1, L1, S2, T2, L2"
    )


@pytest.mark.parametrize(
    ("known", "state", "text"),
    [
        (SuiteRef("core", "1.1", "sha256:a"), "ok", "core 1.1 (sha256:a)"),
        (None, "not checked", "core 1.1 is not of this release (--suite FOLDER)"),
        (SuiteRef("core", "1.2", "sha256:b"), "differs",
         "this release has core 1.2, the certificate was issued with 1.1"),
        (SuiteRef("core", "1.1", "sha256:b"), "differs",
         "this release has another core 1.1: sha256:b, issued with sha256:a"),
        (SuiteRef("own", "1.1", "sha256:b"), "differs",
         "found own, the certificate was issued with core 1.1"),
    ],
)  # fmt: skip
def test_suites_are_told_by_version_then_digest(known: SuiteRef | None, state: str, text: str):
    """The version first, because that is what people can act on."""
    step = verification.suite(SuiteRef("core", "1.1", "sha256:a"), known, demanded=False)
    assert (step.state, step.text) == (state, text)


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": make_policy(digest="sha256:9")},
        {"engine": make_engine(profile="other")},
        {"harness_version": "0.0.1"},
        {"objective": ()},
        {"given": Given(("elsewhere.yaml",))},
        {"seed": 7},
    ],
)
def test_recordings_of_several_sessions_are_told_apart(changes: dict[str, Any]):
    """Nobody can pick, from honest recordings, those that show what he likes."""
    first, other = scenario_plan("steady"), scenario_plan("ramp", **changes)
    assert verification.of_one_session([first, scenario_plan("ramp")]) == ""
    assert verification.of_one_session([first, other]) != ""


def scenario_plan(name: str, **changes: Any) -> Plan:
    plan = make_plan(**changes)
    metadata = replace(plan.scenario.metadata, name=name)
    return replace(plan, scenario=replace(plan.scenario, metadata=metadata))


@pytest.mark.parametrize("kind", ["usage", "assertion", "crash", "skip", "unjudged"])
def test_what_is_carried_over_can_not_be_made_a_pass(kind: Any):
    """A finding about a case, edited, comes back as it can only have been: never a pass."""
    case = find_suite("core").cases[0]
    honest = finding_about(case, Problem(kind, "why"))
    plan = scenario_plan(case.id, suite=case.suite)
    assert carried_over([honest], [plan]) == [honest]
    for edit in (
        {"verdict": Verdict.PASS},
        {"level": "extended"},
        {"next_step": ""},
        {"measured": 1.0, "limit": 1.0},
    ):
        (restored,) = carried_over([replace(honest, **edit)], [plan])
        assert (restored.level, restored.message) == ("core", "why")
        assert restored.verdict is not Verdict.PASS
        assert restored != replace(honest, **edit)


def test_a_case_without_a_recording_keeps_its_level():
    """The suite says it, not the certificate: a core case can't be made one that only reports."""
    case, other = find_suite("core").cases[:2]
    edited_level: Finding = replace(finding_about(case, Problem("skip", "why")), level="extended")
    plans = [scenario_plan(other.id, suite=other.suite)]
    assert [one.level for one in carried_over([edited_level], plans)] == ["core"]


def test_a_rerun_is_compared_to_the_last_line_but_the_date():
    """And the words of a test that failed, and, for inputs from elsewhere, where that is."""
    later = replace(CERTIFICATE, metadata=replace(CERTIFICATE.metadata, date="2030-01-01"))
    assert verification.repeated(CERTIFICATE, later, [], moved=False).state == "ok"
    spec = CERTIFICATE.spec
    refs = tuple(RecordingRef(ref.scenario, ref.run, "sha256:8") for ref in spec.recordings)
    moved = replace(
        later,
        spec=replace(
            spec,
            policy=replace(spec.policy, file="elsewhere.yaml"),
            given=Given(("elsewhere.yaml",)),
            recordings=refs,
        ),
    )
    assert verification.repeated(CERTIFICATE, moved, [], moved=True).state == "ok"
    assert verification.repeated(CERTIFICATE, moved, [], moved=False).state == "differs"
    step = verification.repeated(CERTIFICATE, moved, ["a", "b"], moved=True)
    assert step.text == "a: not what the simulation gives (and 1 more)"
    about = finding_about(find_suite("core").cases[0], Problem("assertion", "in folder a"))
    told, other = (with_findings(later, replace(about, message=text)) for text in ("a", "b"))
    assert verification.repeated(told, other, [], moved=False).state == "ok"
    worse = replace(moved, spec=replace(moved.spec, verdict=Verdict.FAIL))
    assert "spec.verdict: found " in verification.repeated(
        CERTIFICATE, worse, [], moved=True
    ).text  # fmt: skip


def with_findings(certificate: Certificate, *findings: Finding) -> Certificate:
    results = tuple(replace(one, findings=findings) for one in certificate.spec.scenarios)
    return replace(certificate, spec=replace(certificate.spec, scenarios=results))


def test_differences_are_shortened():
    """A megabyte in a field does not reach the screen."""
    document = edited(("metadata", "name"), lambda _: "x" * 10_000)
    assert len(judged(document).text) < 200
