"""The guard band end to end: what is decided on a measured profile is open on an estimated one."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalecert import pipeline
from scalecert.certificate.document import Certificate
from scalecert.checks.finding import Finding, Verdict
from scalecert.engines import roofline
from scalecert.engines.profiles import profile_text
from scalecert.suite import load_case

POLICY = Path(__file__).parents[1] / "fixtures/policies/vllm-h200-num-requests-running.yaml"
MEASURED = "vllm_llama-2-7b_h200"
OBJECTIVE = "ttft_p95=500ms,tpot_p95=6.1ms"
CAPACITY = 12.0
"""Pinned, because the search is what takes long; the rate of the scenario is absolute."""
SCENARIO = """\
apiVersion: scalecert.dev/v1
kind: Scenario
metadata: {name: calm}
spec:
  why: Does a light load keep a limit that is 5 % above what it takes?
  duration: 3m
  workload:
    rate: {shape: constant, rate: 12/s}
    sizes:
      input: {distribution: uniform, low: 128, high: 384}
      output: {distribution: uniform, low: 64, high: 192}
  checks: [{id: tpot-objective}, {id: ttft-objective}, {id: signal-present}]
"""


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    """Return the certificate of one policy on the measured profile and on its estimate."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "calm.yaml").write_text(SCENARIO)
    (folder / "test_calm.py").write_text("")
    policy = folder / "policy.yaml"
    policy.write_text(POLICY.read_text().replace("minReplicas: 1", "minReplicas: 2"))
    estimate = folder / "estimate.yaml"
    estimate.write_text(profile_text(roofline.estimate("vllm", "llama-2-7b", "h200")))
    return {
        "measured": certify(policy, folder / "calm.yaml", MEASURED),
        "estimated": certify(policy, folder / "calm.yaml", str(estimate)),
    }


def certify(policy: Path, scenario: Path, profile: str) -> Certificate:
    """Return the certificate of one case, as both doors make it."""
    inputs = pipeline.Inputs(
        (str(policy),), objective=OBJECTIVE, profile=profile, capacity_per_second=CAPACITY
    )
    (subject,) = pipeline.subjects(inputs)
    case = load_case(scenario)
    runs = pipeline.record(subject, case, scenario.parent / Path(profile).stem)
    runs = pipeline.narrow(subject, case, runs, pipeline.judge_runs(runs))
    findings = pipeline.judge_runs(runs)
    return pipeline.issue(subject.name, pipeline.recorded(runs), findings, "2026-01-01T00:00:00Z")


def tpot(certificate: Certificate) -> Finding:
    return next(one for one in certificate.findings if one.id == "tpot-objective")


def nominal_margin(finding: Finding) -> float:
    assert finding.band is not None
    seeds = [run for run in finding.band.runs if run.run.startswith("seed-")]
    return min(1 - run.measured / run.limit for run in seeds if run.measured and run.limit)


def test_the_margin_is_five_per_cent(certified: dict[str, Certificate]):
    """Both profiles have the same costs, so both see the same 5 %."""
    margins = [nominal_margin(tpot(certificate)) for certificate in certified.values()]
    assert margins[0] == margins[1] == pytest.approx(0.05, abs=0.01)


def test_an_estimated_profile_leaves_it_open(certified: dict[str, Certificate]):
    """5 % against an assumed 30 %: inconclusive, and the measurements that decide are named."""
    certificate = certified["estimated"]
    finding = tpot(certificate)
    assert certificate.spec.verdict is finding.verdict is Verdict.INCONCLUSIVE
    assert certificate.spec.assurance is not None
    assert certificate.spec.assurance.level == "S1"
    assert "fails with a slower engine" in finding.message
    assert "decode is known to ±30 % (assumed)" in finding.message
    assert "decode (TPOT) of vllm llama-2-7b on h200" in finding.next_step


def test_the_measured_profile_decides_it(certified: dict[str, Certificate]):
    """The same policy at the measured error passes in every run: certified, at S2."""
    certificate = certified["measured"]
    assert certificate.spec.verdict is Verdict.PASS
    assert certificate.spec.assurance is not None
    assert certificate.spec.assurance.level == "S2"
    assert certificate.spec.guard is not None
    assert certificate.spec.guard.complete
    assert 0 < (certificate.spec.guard.margin or 0) < 0.05


def test_more_runs_tell_which_part_decides(certified: dict[str, Certificate]):
    """Runs with one part off are made where the profile leaves a finding open, and only there."""
    names = {
        kind: {ref.run for ref in certificate.spec.recordings}
        for kind, certificate in certified.items()
    }
    band = {"seed-1", "seed-2", "seed-3", "slow", "fast"}
    assert names["measured"] == band
    assert names["estimated"] == band | {"slow-prefill", "slow-decode", "slow-startup"}
