"""The shipped policies: usable as they are, and each known bad one differs by its one fault."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from scalecert.bundled import bundled
from scalecert.cli.linting import lint
from scalecert.policy.loading import load_policies
from scalecert.policy.resolve import resolve

FOLDER = bundled("fixtures", "policies")
GOOD = sorted(FOLDER.glob("*.yaml"))
KNOWN_BAD = [
    ("vllm-unreachable-target", "vllm-num-requests-running", "signal-reachable", "can't exceed 64"),
    ("vllm-unit-mismatch", "vllm-kv-cache-usage", "signal-reachable", "unit mismatch"),
    ("vllm-renamed-metric", "vllm-kv-cache-usage", "signal-present", "does not exist"),
]


def faults(path: Path):
    (policy,) = load_policies([str(path)])
    return [one for one in lint(policy, resolve(policy)) if one.verdict != "pass"]


def test_there_are_policies():
    """The three signals that vLLM's users scale on are shipped."""
    assert [path.stem for path in GOOD] == [
        "vllm-kv-cache-usage",
        "vllm-num-requests-running",
        "vllm-num-requests-waiting",
    ]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_shipped_policy_has_no_static_fault(path):
    """Lint has nothing to say about a shipped policy."""
    assert faults(path) == []


@pytest.mark.parametrize(("bad", "twin", "id_", "words"), KNOWN_BAD)
def test_a_known_bad_policy_has_its_one_fault(bad, twin, id_, words):
    """It differs from its good twin in one field, and the finding names the cause."""
    path = FOLDER / "known_bad" / f"{bad}.yaml"
    (fault,) = faults(path)
    assert (fault.id, fault.verdict) == (id_, "fail")
    assert words in fault.message
    assert fault.hint
    before, after = (
        [line for line in one.read_text().splitlines() if not line.startswith("#")]
        for one in (FOLDER / f"{twin}.yaml", path)
    )
    changes = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert len(changes) == 2


def test_the_known_bad_policies_are_all_here():
    """A policy added to the folder needs its row."""
    stems = {path.stem for path in (FOLDER / "known_bad").glob("*.yaml")}
    assert stems == {row[0] for row in KNOWN_BAD}


def test_they_can_be_certified_together():
    """Several files in one command share their Deployment and PodMonitoring."""
    assert len(load_policies([str(path) for path in GOOD])) == len(GOOD)
