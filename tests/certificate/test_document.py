"""The certificate: reproducible, readable by later tools, and never a pass by accident."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest
from factories import (
    make_capacity,
    make_certificate,
    make_plan,
    make_policy,
    make_recording,
    make_requests,
    make_runs,
    make_scenario,
)

from scalecert.certificate import document
from scalecert.checks.finding import Finding, Verdict
from scalecert.checks.judge import judge
from scalecert.checks.shipped import shipped
from scalecert.cli import schemas
from scalecert.documents import canonical_json
from scalecert.errors import HarnessBug, UsageError
from scalecert.recording.plan import Plan

DATE = "2026-01-01T00:00:00Z"


def failed() -> dict[str, np.ndarray]:
    """Return requests of which the first was killed."""
    requests = make_requests()
    requests["status"][0] = 3
    return requests


def test_what_it_says_is_what_the_plan_said() -> None:
    """Objective, policy, engine, suite, world, seed and provenance are copied, not retold."""
    spec = make_certificate().spec
    plan = make_plan()
    assert spec.objective == ("ttft_p95=2s", "tpot_p95=100ms")
    assert (spec.policy.digest, spec.engine.profile) == (plan.policy.digest, plan.engine.profile)
    assert (spec.world, spec.seed, spec.harness_version) == ("sim", 1, "0.1.0")
    assert spec.provenance[0].source == "image"
    assert spec.scenarios[0].load.requests == plan.load.requests


def test_capacity_is_said_in_tokens_too() -> None:
    """3 requests/s of 256 and 128 tokens are 768 in and 384 out a second."""
    (capacity,) = make_certificate().spec.capacity
    assert capacity.requests_per_second == 3.0
    assert (capacity.input_tokens_per_second, capacity.output_tokens_per_second) == (768.0, 384.0)
    assert capacity.scenarios == ("steady",)


def test_each_distinct_capacity_is_said_once() -> None:
    """Scenarios of the same request sizes share it."""
    plans = [
        make_plan(scenario=make_scenario(name=name), capacity=make_capacity(rate, "m"))
        for name, rate in (("a", 3.0), ("b", 3.0), ("c", 5.0))
    ]
    found = document.issue("vllm", make_runs(*plans), (), DATE).spec.capacity
    assert [(one.requests_per_second, one.scenarios) for one in found] == [
        (3.0, ("a", "b")),
        (5.0, ("c",)),
    ]


def test_equal_inputs_give_equal_bytes_but_for_the_date() -> None:
    """The date is the only thing that two runs may differ in."""
    first, again = make_certificate(), make_certificate()
    later = make_certificate(date="2027-01-01T00:00:00Z")
    assert canonical_json(first) == canonical_json(again)
    undated = msgspec.structs.replace(later, metadata=first.metadata)
    assert canonical_json(undated) == canonical_json(first)
    assert canonical_json(later) != canonical_json(first)


@pytest.mark.parametrize("requests", [make_requests(), failed()], ids=["passed", "failed"])
def test_a_real_certificate_keeps_its_published_schema(requests: dict[str, np.ndarray]) -> None:
    """Findings of every check that ships, as consumers of the schema will see them."""
    ids = [check.id for check in shipped()]
    certificate = make_certificate(*ids, requests=requests)
    value = json.loads(canonical_json(certificate))
    jsonschema.Draft202012Validator(schemas.schema("certificate")).validate(value)
    assert value["kind"] == "Certificate"


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    """What a report reads is what was issued."""
    certificate = make_certificate()
    document.save(certificate, tmp_path / "certificate.json")
    assert document.load(tmp_path / "certificate.json") == certificate


def test_fields_of_later_releases_are_let_pass(tmp_path: Path) -> None:
    """Releases only add, so an older reader must not stumble over a newer certificate."""
    value = json.loads(canonical_json(make_certificate()))
    value["spec"]["fidelity"] = {"replicas": 0.99}
    value["spec"]["scenarios"][0]["findings"][0]["severity"] = "high"
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(value))
    assert document.load(path).metadata.name == "vllm"
    jsonschema.Draft202012Validator(schemas.schema("certificate")).validate(value)


@pytest.mark.parametrize("text", [None, "", "{}", '{"kind": "Plan"}', "\x00"])
def test_what_is_no_certificate_is_refused_in_one_line(tmp_path: Path, text: str | None) -> None:
    """Missing, empty or another document."""
    path = tmp_path / "certificate.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError) as caught:
        document.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def finding(scenario: str, verdict: Verdict, level: str = "core") -> Finding:
    return Finding("id", scenario, level, verdict, 1.0, 1.0, "s", "<=", "message")


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([finding("steady", Verdict.PASS)], Verdict.PASS),
        (
            [finding("steady", Verdict.PASS), finding("spike", Verdict.SKIPPED)],
            Verdict.INCONCLUSIVE,
        ),
        ([finding("steady", Verdict.PASS, "extended")], Verdict.INCONCLUSIVE),
        ([finding("spike", Verdict.PASS)], Verdict.INCONCLUSIVE),
        ([], Verdict.INCONCLUSIVE),
        ([finding("steady", Verdict.FAIL), finding("spike", Verdict.SKIPPED)], Verdict.FAIL),
    ],
    ids=["passed", "skipped", "extended only", "silent core scenario", "nothing", "failed"],
)
def test_the_verdict_of_a_certificate(findings: list[Finding], verdict: Verdict) -> None:
    """Every core scenario must have shown a pass; a scenario that ran but says nothing did not."""
    issued = document.issue("vllm", make_runs(make_plan()), findings, DATE)
    assert issued.spec.verdict is verdict


def test_scenarios_that_never_ran_are_listed() -> None:
    """A skipped case can't be hidden."""
    findings = [finding("steady", Verdict.PASS), finding("spike", Verdict.SKIPPED)]
    spec = document.issue("vllm", make_runs(make_plan()), findings, DATE).spec
    assert [(one.id, one.load is None) for one in spec.scenarios] == [
        ("steady", False),
        ("spike", True),
    ]
    assert spec.statistics.core == document.Counts(1, 0, 0, 1)


def test_an_extended_scenarios_verdict_is_its_own() -> None:
    """It can pass or fail by itself without deciding the certificate."""
    recording = make_recording(
        plan=make_plan(scenario=make_scenario(checks=["no-request-lost"], level="extended"))
    )
    spec = document.issue("vllm", make_runs(recording.plan), judge(recording), DATE).spec
    assert (spec.scenarios[0].verdict, spec.verdict) == (Verdict.PASS, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    "plans", [[], [make_plan(), make_plan(policy=make_policy(name="other"))]], ids=["none", "two"]
)
def test_one_certificate_is_of_one_policy(plans: list[Plan]) -> None:
    """Mixing policies is a bug of ours."""
    with pytest.raises(HarnessBug, match="do not make one certificate"):
        document.issue("vllm", make_runs(*plans), (), DATE)
