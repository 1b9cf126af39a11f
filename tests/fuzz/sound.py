"""The sound documents that fuzzing starts from: what ships, and one small run of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from scalecert import pipeline
from scalecert.planning.prepare import prepare
from scalecert.planning.subject import Subject
from scalecert.planning.trial import Trial
from scalecert.recording.plan import SuiteRef
from scalecert.scalars import decode_hook
from scalecert.scenario.model import Scenario

ROOT = Path(__file__).parents[2]
OBJECTIVE = "ttft_p95=2s,tpot_p95=200ms"
CAPACITY_PER_SECOND = 2.0
"""Pinned, so that only tests of the search pay for it."""
SUITE = SuiteRef("core", "1", "sha256:0")

POLICIES = sorted(
    path
    for path in (ROOT / "fixtures/policies").rglob("*.yaml")
    if "kind: HorizontalPodAutoscaler" in path.read_text()
)
SCENARIOS = sorted(path for path in (ROOT / "suites/core").glob("*.yaml") if path.stem != "suite")
PROFILES = sorted((ROOT / "fixtures/profiles").glob("*_*_*.yaml"))
POLICY_OF_ENGINE = {
    "vllm": ROOT / "fixtures/policies/vllm-kv-cache-usage.yaml",
    "tgi": ROOT / "fixtures/policies/tgi-batch-current-size-with-headroom.yaml",
    "jetstream": ROOT / "fixtures/policies/jetstream-slots-used-with-headroom.yaml",
}
"""A policy that profiles of the engine are tried under, by the first part of their names."""
PLACEHOLDER, TARGET = "$HPA_AVERAGEVALUE_TARGET", '"20"'
"""Of the documented policies, and what it stands for here: unset, it would be all that is said."""
SUITE_FILE = ROOT / "suites/core/suite.yaml"


@cache
def documents(path: Path) -> list[Any]:
    """Return the documents of a shipped file as plain data; not to be changed."""
    return list(yaml.safe_load_all(path.read_text().replace(PLACEHOLDER, TARGET)))


def tiny_scenario(*, checks: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return two minutes with a spike beyond one replica and every check, as plain data."""
    listed = checks or tuple(
        {entry["id"]: None for path in SCENARIOS for entry in documents(path)[0]["spec"]["checks"]}
    )
    return {
        "apiVersion": "scalecert.dev/v1",
        "kind": "Scenario",
        "metadata": {"name": "tiny", "title": "Two minutes"},
        "spec": {
            "why": "Is anything wrong?",
            "level": "core",
            "duration": "2m",
            "workload": {
                "arrivals": {"process": "poisson"},
                "rate": {
                    "shape": "spike",
                    "base": "1/s",
                    "peak": "16/s",
                    "start": "30s",
                    "duration": "30s",
                },
                "sizes": {
                    "input": {"distribution": "uniform", "low": 16, "high": 64},
                    "output": {"distribution": "fixed", "tokens": 60},
                },
            },
            "cluster": {
                "nodes": {"replicasPerNode": 1, "warm": 3, "maximum": 4, "provisioning": "30s"},
                "startup": {"imagePull": "1s", "modelLoad": "5s"},
                "controllers": {"syncPeriod": "15s", "tolerance": 0.1},
                "metrics": {"scrapeInterval": "15s", "targetDiscovery": "5s"},
                "routing": "random",
            },
            "checks": [{"id": check} for check in listed],
        },
    }


@cache
def scenario() -> Scenario:
    """Return the tiny scenario, typed."""
    return msgspec.convert(tiny_scenario(), Scenario, dec_hook=decode_hook)


@cache
def subject() -> Subject:
    """Return a shipped policy, ready to be run."""
    return subject_of(ROOT / "fixtures/policies/vllm-num-requests-waiting.yaml")


def subject_of(path: Path, profile: str | None = None) -> Subject:
    """Return the first subject of a policy's file."""
    inputs = pipeline.Inputs(
        policies=(str(path),),
        objective=OBJECTIVE,
        profile=profile,
        capacity_per_second=CAPACITY_PER_SECOND,
    )
    return pipeline.subjects(inputs)[0]


def trial(one: Subject, of: Scenario, folder: Path) -> Trial:
    """Return the trial of a scenario for a subject."""
    return prepare(one, of, folder, SUITE)
