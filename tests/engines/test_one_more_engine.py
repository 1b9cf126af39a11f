"""Rule 5 of the architecture: one more engine is a module and a line in the registry, no more."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest
from engines import toy

from scalecert import pipeline
from scalecert.checks.finding import Verdict
from scalecert.engines import registry
from scalecert.engines.profiles import profile_text
from scalecert.engines.roofline import estimate
from scalecert.suite import Case, find_case
from scalecert.units import Duration

MINUTES = 6
POLICY = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: toy}
spec:
  selector: {matchLabels: {app: toy}}
  template:
    metadata: {labels: {app: toy}}
    spec:
      nodeSelector: {cloud.google.com/gke-accelerator: nvidia-l4}
      terminationGracePeriodSeconds: 120
      containers:
      - name: server
        image: registry.example/toy-server:1.0
        args: [--model=llama-2-7b, --seats=24]
        ports: [{name: http, containerPort: 7000}]
        readinessProbe: {httpGet: {path: /alive, port: http}, periodSeconds: 5}
        lifecycle: {preStop: {sleep: {seconds: 60}}}
        resources: {limits: {nvidia.com/gpu: "1"}}
---
apiVersion: monitoring.googleapis.com/v1
kind: PodMonitoring
metadata: {name: toy}
spec:
  selector: {matchLabels: {app: toy}}
  endpoints: [{port: http, path: /metrics, interval: 15s}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: toy-seats-taken}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: toy}
  minReplicas: 1
  maxReplicas: 4
  metrics:
  - type: Pods
    pods:
      metric: {name: prometheus.googleapis.com|toy_seats_taken|gauge}
      target: {type: AverageValue, averageValue: "4"}
"""
"""Nothing in it says `toy` to the harness but the image and the metric."""


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the toy to the registry, as a contributor's line does."""
    monkeypatch.setitem(registry._MODULES, toy.ToyKind.name, toy.__name__)


@pytest.fixture
def case() -> Case:
    """Return `steady`, shortened, with the checks that a few minutes are enough for."""
    steady = find_case("steady")
    spec = steady.scenario.spec
    checks = [
        check
        for check in spec.checks
        if check.id
        in {
            "signal-present",
            "signal-reachable",
            "ttft-objective",
            "tpot-objective",
            "slo-attainment",
            "no-request-lost",
        }
    ]
    spec = msgspec.structs.replace(spec, duration=Duration(60.0 * MINUTES), checks=tuple(checks))
    return dataclasses.replace(steady, scenario=msgspec.structs.replace(steady.scenario, spec=spec))


@pytest.mark.usefixtures("registered")
def test_a_policy_of_it_certifies(case: Case, tmp_path: Path) -> None:
    """By its image alone: recognised, planned, run at all corners, judged and certified."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "profile.yaml").write_text(profile_text(estimate("toy", "llama-2-7b", "l4")))
    inputs = pipeline.Inputs(
        policies=(str(tmp_path / "policy.yaml"),),
        objective="ttft_p95=10s,tpot_p95=1s",
        profile=str(tmp_path / "profile.yaml"),
    )
    (subject,) = pipeline.subjects(inputs)
    assert subject.resolved.kind.name == "toy"
    assert subject.resolved.limits.values["seats"] == 24
    assert subject.resolved.client().port == toy.ToyKind.default_port
    runs = pipeline.record(subject, case, tmp_path / "recordings")
    findings = pipeline.judge_runs(runs)
    issued = pipeline.issue(
        subject.policy.name, pipeline.recorded(runs), findings, "2026-01-01T00:00:00Z"
    )
    assert issued.spec.verdict == Verdict.PASS, [f for f in findings if f.verdict != Verdict.PASS]
    assert issued.spec.engine.name == "toy"
    assert runs.nominal.series["pods.ready"].max() > 1
