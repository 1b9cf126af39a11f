"""The shipped policies: usable as they are, or as GKE's documentation has them."""

from __future__ import annotations

import pytest
from policies.shipped import DOCUMENTED, TARGETS, shipped

from scalecert.errors import UsageError
from scalecert.pipeline import Inputs, subjects
from scalecert.policy.loading import load_policies

POLICIES = shipped()
OWN = sorted(set(POLICIES) - set(DOCUMENTED))
SAID = {
    "jetstream-hbm": {"readiness-probe"},
    "jetstream-prefill-backlog": {"readiness-probe", "low-threshold"},
    "jetstream-slots-and-backlog": {"readiness-probe", "low-threshold"},
    "jetstream-slots-used": {"readiness-probe"},
    "tgi-batch-current-size": {"readiness-probe"},
    "tgi-dcgm-gpu-util": {"readiness-probe", "summed-accelerators", "busy-not-load"},
    "tgi-duty-cycle": {"readiness-probe", "summed-accelerators", "busy-not-load"},
    "tgi-queue-size": {"readiness-probe"},
}


def test_there_are_policies():
    """Every signal that an engine's users scale on, and one policy for each engine that holds."""
    assert sorted(SAID) == sorted(DOCUMENTED)
    assert OWN == [
        "jetstream-slots-used-with-headroom",
        "tgi-batch-current-size-with-headroom",
        "vllm-h200-num-requests-running",
        "vllm-kv-cache-usage",
        "vllm-num-requests-running",
        "vllm-num-requests-waiting",
    ]


@pytest.mark.parametrize("name", OWN)
def test_a_policy_of_ours_has_no_static_fault(name):
    """Lint has nothing to say about it."""
    assert [one for one in POLICIES[name].lint() if one.verdict != "pass"] == []


@pytest.mark.parametrize("name", DOCUMENTED)
def test_what_lint_says_of_a_documented_policy(name):
    """Its metric is there and can be reached; what the documentation leaves out is a warning."""
    found = [one for one in POLICIES[name].lint() if one.verdict != "pass"]
    assert {one.id for one in found} == SAID[name]
    assert {one.verdict for one in found} == {"warning"}


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_target_that_the_documentation_leaves_open_has_to_be_set(name):
    """The placeholder is refused by its name."""
    with pytest.raises(UsageError, match="--set HPA_AVERAGEVALUE_TARGET=VALUE"):
        subjects(Inputs(policies=(str(POLICIES[name].policy),), objective="ttft_p95=2s"))


def test_they_can_be_certified_together():
    """Several files in one command share their Deployment and PodMonitoring."""
    alike = [
        str(tried.policy)
        for name, tried in POLICIES.items()
        if name.startswith("vllm") and "h200" not in name
    ]
    assert len(load_policies(alike)) == len(alike) == 3
