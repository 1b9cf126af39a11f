"""A policy with a metric of each kind, and a suite of one short case, for worlds on the clock."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
FIDELITY = ROOT / "fixtures" / "fidelity" / "policies"
SCENARIO = """\
apiVersion: scalecert.dev/v1
kind: Scenario
metadata: {{name: climb}}
spec:
  why: Does a policy follow its load?
  duration: {duration}
  workload:
    arrivals: {{process: poisson}}
    rate: {{shape: ramp, from: 0.06 max, to: {to}, start: 10s, duration: 30s}}
    sizes:
      input: {{distribution: uniform, low: 384, high: 640}}
      output: {{distribution: uniform, low: 64, high: 192}}
  cluster:
    startup: {{imagePull: 5s, modelLoad: 10s}}
    metrics: {{targetDiscovery: 12500ms}}
  checks:
    - id: generator-on-time
    - id: no-request-lost
    - id: ttft-objective
    - id: replicas-ready
"""
TEST = """\
def test_climb(case):
    case.judge(case.record())
"""

EVERY_KIND = "every-kind"
METRICS = """\
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: prometheus-adapter
data:
  config.yaml: |
    rules:
    - seriesQuery: 'vllm:num_requests_running{namespace!="",pod!=""}'
      resources:
        template: <<.Resource>>
      name:
        as: running
      metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    externalRules:
    - seriesQuery: 'vllm:num_requests_waiting{namespace!=""}'
      resources:
        template: <<.Resource>>
      name:
        as: waiting
      metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>})
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: every-kind
  annotations:
    scalecert.dev/objective: ttft_p95=3s,tpot_p95=200ms
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: vllm
  minReplicas: 1
  maxReplicas: 6
  metrics:
  - type: Pods
    pods:
      metric:
        name: running
      target:
        type: AverageValue
        averageValue: "6"
  - type: External
    external:
      metric:
        name: waiting
      target:
        type: Value
        value: "20"
  - type: Resource
    resource:
      name: memory
      target:
        type: AverageValue
        averageValue: 100Gi
  - type: ContainerResource
    containerResource:
      container: vllm
      name: cpu
      target:
        type: AverageValue
        averageValue: "100"
"""


def write_suite(folder: Path, *, duration: str = "100s", to: str = "0.4 max") -> Path:
    """Write a suite whose load climbs from a third of a replica's to a share of the fleet's."""
    folder.mkdir()
    (folder / "climb.yaml").write_text(SCENARIO.format(duration=duration, to=to))
    (folder / "test_climb.py").write_text(TEST)
    return folder


def write_engine(folder: Path, name: str) -> Path:
    """Write a policy of fixtures/fidelity that can run five times faster, whichever it is."""
    text = (FIDELITY / f"{name}.yaml").read_text()
    file = folder / f"{name}.yaml"
    file.write_text(
        text.replace("periodSeconds: 6\n", "periodSeconds: 5\n").replace(": 18\n", ": 20\n")
    )
    return file


def write_every_kind(folder: Path) -> Path:
    """Write the policy of vLLM with an HPA that reads all metrics APIs, by rules of an adapter."""
    server, monitor, _ = (FIDELITY / "vllm-running.yaml").read_text().split("---\n")
    monitor = monitor.replace("monitoring.googleapis.com/v1", "monitoring.coreos.com/v1")
    monitor = monitor.replace("kind: PodMonitoring", "kind: PodMonitor")
    monitor = monitor.replace("  endpoints:", "  podMetricsEndpoints:")
    file = folder / f"{EVERY_KIND}.yaml"
    file.write_text("---\n".join([server, monitor]) + METRICS)
    return file
