"""The shipped policies: usable as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalecert.bundled import bundled
from scalecert.cli.linting import lint
from scalecert.policy.loading import load_policies
from scalecert.policy.resolve import resolve

FOLDER = bundled("fixtures", "policies")
GOOD = sorted(FOLDER.glob("*.yaml"))


def faults(path: Path):
    (policy,) = load_policies([str(path)])
    return [one for one in lint(policy, resolve(policy)) if one.verdict != "pass"]


def test_there_are_policies():
    """The three signals that vLLM's users scale on are shipped, one for a measured server too."""
    assert [path.stem for path in GOOD] == [
        "vllm-h200-num-requests-running",
        "vllm-kv-cache-usage",
        "vllm-num-requests-running",
        "vllm-num-requests-waiting",
    ]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_shipped_policy_has_no_static_fault(path):
    """Lint has nothing to say about a shipped policy."""
    assert faults(path) == []


def test_they_can_be_certified_together():
    """Several files in one command share their Deployment and PodMonitoring."""
    alike = [str(path) for path in GOOD if "h200" not in path.stem]
    assert len(load_policies(alike)) == len(alike)
