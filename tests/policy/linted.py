"""What the tests of lint rules lint: metrics, monitors of exporters, and one rule at a time."""

from __future__ import annotations

from scalecert.policy.lint import RULES, facts_of
from scalecert.policy.resolve import resolve

from .conftest import HPA

RUNNING = "prometheus.googleapis.com|vllm:num_requests_running|gauge"
WAITING = RUNNING.replace("running", "waiting")
GPU_UTIL = "prometheus.googleapis.com|dcgm_fi_dev_gpu_util|unknown"
DUTY_CYCLE = "kubernetes.io|container|accelerator|duty_cycle"
FB_USED = "prometheus.googleapis.com|dcgm_fi_dev_fb_used|unknown"
OWN = ("resource.labels.namespace", "metric.labels.container")
EXPORTED = ("metric.labels.exported_namespace", "metric.labels.exported_container")
EXPORTER = """\
apiVersion: monitoring.googleapis.com/v1
kind: PodMonitoring
metadata: {name: dcgm, namespace: gmp-public}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: nvidia-dcgm-exporter}
  endpoints:
  - port: metrics
    metricRelabeling:
    - {sourceLabels: [__name__], regex: DCGM_FI_DEV_GPU_UTIL, targetLabel: __name__,
       replacement: dcgm_fi_dev_gpu_util}
    - {sourceLabels: [__name__], regex: DCGM_FI_DEV_FB_USED, targetLabel: __name__,
       replacement: dcgm_fi_dev_fb_used}
"""
IN_CAPITALS = EXPORTER[: EXPORTER.index("    metricRelabeling")]


def metric(name, target="85", labels=(), type_="AverageValue"):
    """Return an External metric of an HPA as text."""
    selector = "".join(f"            {label}: x\n" for label in labels)
    chosen = f"        selector:\n          matchLabels:\n{selector}" if labels else ""
    field = {"AverageValue": "averageValue", "Value": "value"}[type_]
    return (
        f"  - type: External\n    external:\n      metric:\n        name: {name}\n{chosen}"
        f'      target: {{type: {type_}, {field}: "{target}"}}\n'
    )


def hpa(*metrics):
    """Return the sound policy's HPA with other metrics."""
    return HPA[: HPA.index("  - type: Pods")] + "".join(metrics)


def apply(rule_id, policy, resolved=None):
    """Return what one rule finds."""
    (rule,) = (rule for rule in RULES if rule.id == rule_id)
    return list(rule.function(facts_of(policy, resolved or resolve(policy))))


def verdicts(findings):
    return [one.verdict for one in findings]


def with_gpus(text, count):
    return text.replace("nvidia.com/gpu: 1", f"nvidia.com/gpu: {count}")
