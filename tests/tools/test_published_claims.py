"""The claims that ship: whole, of arms that are there, and none that anything would fulfil."""

from __future__ import annotations

from pathlib import Path

import pytest
from published_report.claims import Arm, Claim, Claims, Side, load_claims
from published_report.figures import FIGURES
from published_report.loads import case_of

from scalecert.policy.loading import load_policies

CLAIMS = load_claims()
EACH_ARM = pytest.mark.parametrize("name", CLAIMS.arms)


def test_every_claim_is_of_what_is_there():
    """Experiment, source, arms and figures are known; ids are unique."""
    assert len({claim.id for claim in CLAIMS.claims}) == len(CLAIMS.claims)
    for claim in CLAIMS.claims:
        assert claim.experiment in CLAIMS.experiments
        assert claim.source in CLAIMS.sources
        for side in claim.sides:
            assert side.arm in CLAIMS.arms
            assert side.figure in FIGURES


def test_nothing_is_run_for_no_claim():
    """Each arm, experiment and source is one that a claim needs."""
    claims = CLAIMS.claims
    assert {side.arm for claim in claims for side in claim.sides} == set(CLAIMS.arms)
    assert {claim.experiment for claim in claims} == set(CLAIMS.experiments)
    assert {claim.source for claim in claims} == set(CLAIMS.sources)


@EACH_ARM
def test_an_arm_is_a_policy_in_a_scenario_of_the_suite(name: str):
    """Its manifests can be read with its settings, and leave no placeholder."""
    arm = CLAIMS.arms[name]
    assert case_of(arm).id == arm.scenario
    (policy,) = load_policies([str(arm.path)], arm.settings)
    assert policy.target is not None


def test_the_arms_of_one_experiment_share_their_load():
    """What is compared differs by policy alone, unless each load is searched."""
    for experiment in CLAIMS.experiments:
        arms = {side.arm for one in of(experiment) for side in one.sides}
        assert len({CLAIMS.arms[arm].scenario for arm in arms}) == 1
        assert len({CLAIMS.arms[arm].settles_at for arm in arms}) == 1
        ranges = {replica_range(CLAIMS.arms[arm]) for arm in arms}
        assert len(ranges) == 1, experiment


def of(experiment: str) -> list[Claim]:
    return [claim for claim in CLAIMS.claims if claim.experiment == experiment]


def replica_range(arm: Arm) -> tuple[int | None, int]:
    (policy,) = load_policies([str(arm.path)], arm.settings)
    return policy.hpa.min_replicas, policy.hpa.max_replicas


@pytest.mark.parametrize("limits", [{}, {"above": 1.0, "below": 1.0}, {"above": 2.0, "below": 1.0}])
def test_a_claim_needs_a_range(limits: dict[str, float]):
    """One that anything fulfils, or nothing, is a slip."""
    with pytest.raises(ValueError, match="expected above or below"):
        Claim("a", "e", "s", "says", Side("arm", "replicas"), **limits)


def test_a_claim_says_its_figures():
    """What both sides share is said once."""
    one = Side("a", "e2e-p95", "peak")
    other = Side("b", "e2e-p95", "peak", 0.8)
    said = Claim("c", "e", "s", "says", one, other, below=0.0).figure_text()
    assert said == "e2e-p95 (peak) of `a` less 0.8 x that of `b`"
    assert Claim("c", "e", "s", "says", one, 0.4, below=0.0).figure_text().endswith("less 0.4")


def test_claims_are_read_from_any_file(tmp_path: Path):
    """An own comparison is a file of the same form."""
    text = """\
apiVersion: scalecert.dev/v1
kind: PublishedClaims
metadata: {name: own}
spec:
  objective: e2e_p95=60s
  sources: {s: {title: t, what: w}}
  experiments: {e: One}
  arms: {a: {policy: a.yaml, scenario: surge, settlesAt: 4, set: {TARGET: "1"}}}
  claims: [{id: c, experiment: e, source: s, says: x, of: {arm: a, figure: replicas}, above: 1}]
"""
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    claims = load_claims(path)
    assert isinstance(claims, Claims)
    assert claims.arms["a"] == Arm("a.yaml", "surge", {"TARGET": "1"}, None, 4)
