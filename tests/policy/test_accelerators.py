"""Signals of accelerators: what is known of them before anything runs."""

from __future__ import annotations

import pytest

from scalecert.engines.profiles import profile_text
from scalecert.engines.roofline import estimate
from scalecert.policy.resolve import resolve
from scalecert.policy.signals import as_scraped, signals

from .conftest import DEPLOYMENT, HPA, MONITORING, joined

DCGM_MONITOR = """\
apiVersion: monitoring.googleapis.com/v1
kind: PodMonitoring
metadata: {name: dcgm, namespace: gmp-public}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: nvidia-dcgm-exporter}
  endpoints:
  - port: metrics
    interval: 15s
    metricRelabeling:
    - {action: keep, sourceLabels: [__name__]}
    - action: replace
      sourceLabels: [__name__]
      targetLabel: __name__
      regex: DCGM_FI_DEV_GPU_UTIL
      replacement: dcgm_fi_dev_gpu_util
"""
RUNNING = "prometheus.googleapis.com|vllm:num_requests_running|gauge"
UTILIZATION = "prometheus.googleapis.com|dcgm_fi_dev_gpu_util|unknown"
DUTY = "kubernetes.io|container|accelerator|duty_cycle"
OWN = {"metric.labels.exported_namespace": "default", "metric.labels.exported_container": "vllm"}
OWN_CONTAINER = {"resource.labels.namespace_name": "default"}


def signal(
    load, name, selector=None, *monitors, source="External", target="AverageValue",
    replicas=1, profile=None,
):  # fmt: skip
    field = "averageValue" if target == "AverageValue" else "value"
    chosen = f"\n        selector: {{matchLabels: {selector}}}" if selector else ""
    hpa = HPA.replace(RUNNING, name + chosen).replace("minReplicas: 1", f"minReplicas: {replicas}")
    hpa = hpa.replace("type: Pods", f"type: {source}").replace("pods:", f"{source.lower()}:")
    hpa = hpa.replace("type: AverageValue", f"type: {target}").replace("averageValue", field)
    policy = load(joined(hpa, DEPLOYMENT, *monitors))
    resolved = resolve(policy, profile)
    (found,) = as_scraped(signals(policy, resolved), policy, resolved)
    return found


def test_a_renamed_utilization_is_a_percentage(load):
    """With the exporter's monitor alone it is there: 0 to 100 for one GPU, added up over pods."""
    found = signal(load, UTILIZATION, OWN, DCGM_MONITOR)
    assert (found.exists, found.prometheus_name) == (True, "dcgm_fi_dev_gpu_util")
    assert (found.unit, found.maximum, found.aggregation) == ("percent", 100.0, "sum")
    plain = signal(load, UTILIZATION, OWN, DCGM_MONITOR, target="Value", replicas=3)
    assert plain.maximum == 300.0


def test_the_series_of_a_replica_are_added(load, tmp_path):
    """Four GPUs of a replica can show 400 together, and 100 where they are averaged."""
    file = tmp_path / "profile.yaml"
    file.write_text(profile_text(estimate("vllm", "llama-2-7b", "l4", count=4)))
    four = DEPLOYMENT.replace("nvidia.com/gpu: 1", "nvidia.com/gpu: 4")
    hpa = HPA.replace("type: Pods", "type: External").replace("pods:", "external:")
    hpa = hpa.replace(RUNNING, f"{DUTY}\n        selector: {{matchLabels: {OWN_CONTAINER}}}")
    policy = load(joined(hpa, four))
    assert signals(policy, resolve(policy, str(file)))[0].maximum == 400.0
    reduced = {**OWN_CONTAINER, "reducer": "REDUCE_MEAN"}
    hpa = hpa.replace(str(OWN_CONTAINER), str(reduced)).replace('"10"', '"5"')
    policy = load(joined(hpa, four))
    assert signals(policy, resolve(policy, str(file)))[0].maximum == 100.0


@pytest.mark.parametrize(
    ("name", "selector", "monitors", "reason", "hint"),
    [
        (
            "prometheus.googleapis.com|DCGM_FI_PROF_DRAM_ACTIVE|gauge",
            OWN,
            (DCGM_MONITOR,),
            "calls it DCGM_FI_PROF_DRAM_ACTIVE, and no monitor renames it to lower case",
            "rename DCGM_FI_PROF_DRAM_ACTIVE to dcgm_fi_prof_dram_active",
        ),
        (
            UTILIZATION.replace("unknown", "gauge"),
            OWN,
            (DCGM_MONITOR,),
            "is of kind unknown, the name says gauge",
            f"write {UTILIZATION}",
        ),
        (
            "prometheus.googleapis.com|duty_cycle|gauge",
            None,
            (DCGM_MONITOR,),
            "no monitor of the input scrapes the GPU device plugin",
            "PodMonitoring in kube-system that selects k8s-app=nvidia-gpu-device-plugin, port 2112",
        ),
        (
            UTILIZATION,
            {"metric.labels.pod_name": "x"},
            (DCGM_MONITOR,),
            "no label pod_name",
            "",
        ),
        (
            "kubernetes.io|container|accelerator|tensorcore_utilization",
            OWN_CONTAINER,
            (),
            "only TPUs have it, the replicas run on NVIDIA L4",
            "",
        ),
        (DUTY, {"metric.labels.gpu": "0"}, (), "no label gpu", "labels: make"),
        (
            DUTY,
            {"resource.labels.container_name": "sidecar"},
            (),
            "its series have container_name=vllm, the selector asks for sidecar",
            "",
        ),
        (
            UTILIZATION,
            {"metric.labels.exported_namespace": "other"},
            (DCGM_MONITOR,),
            "its series have exported_namespace=default, the selector asks for other",
            "",
        ),
    ],
)
def test_a_metric_that_cannot_exist_says_why(load, name, selector, monitors, reason, hint):
    """Upper case, a wrong kind, a missing monitor, another maker's metric, a label of another."""
    found = signal(load, name, selector, *monitors)
    assert not found.exists
    assert reason in found.reason
    assert hint in found.hint


def test_the_upper_case_of_a_renamed_series_is_found(load):
    """The API lowers the name of an External metric: what a rename has made is what it asks for."""
    found = signal(
        load, UTILIZATION.replace("dcgm_fi_dev_gpu_util", "DCGM_FI_DEV_GPU_UTIL"), OWN, DCGM_MONITOR
    )
    assert found.exists


def test_pods_have_no_series_of_an_exporter(load):
    """Their pod label is the exporter's; Google's own metrics are the pods' containers'."""
    found = signal(load, UTILIZATION, None, DCGM_MONITOR, source="Pods")
    assert not found.exists
    assert "the pod of dcgm_fi_dev_gpu_util is the exporter's" in found.reason
    assert "exported_namespace" in found.hint
    own = signal(load, DUTY, None, source="Pods")
    assert (own.exists, own.maximum, own.aggregation) == (True, 100.0, "")


@pytest.mark.parametrize(
    ("name", "selector", "monitors"),
    [
        (UTILIZATION, {"metric.labels.exported_container": "vllm"}, (DCGM_MONITOR,)),
        (UTILIZATION, None, (DCGM_MONITOR,)),
        (DUTY, {"resource.labels.container_name": "vllm"}, ()),
    ],
)
def test_where_others_are_counted_nobody_knows_a_maximum(load, name, selector, monitors):
    """A selector that does not say whose accelerators are meant lets others' in."""
    found = signal(load, name, selector, *monitors)
    assert (found.exists, found.maximum) == (True, None)


def test_without_any_monitor_exporters_are_scraped_too(load):
    """The scenario's default scrape is of all pods; names stay as they are exposed."""
    found = signal(load, "prometheus.googleapis.com|duty_cycle|gauge", OWN)
    assert (found.exists, found.maximum) == (True, 100.0)


def test_the_engine_s_own_monitor_says_nothing_of_accelerators(load):
    """A monitor of the engine's pods alone leaves the exporter unscraped, not Google's own."""
    assert not signal(load, UTILIZATION, OWN, MONITORING).exists
    assert signal(load, DUTY, OWN_CONTAINER, MONITORING).exists
    wrong = MONITORING.replace("{app: llm}", "{app: other}")
    assert signal(load, DUTY, OWN_CONTAINER, wrong).exists
    assert signal(load, UTILIZATION, OWN, wrong, DCGM_MONITOR).exists
    assert not signal(load, RUNNING, None, wrong, source="Pods").exists


def test_a_rule_by_pod_needs_the_exported_labels(load):
    """prometheus-adapter asks by the label `pod`, which is the exporter's unless a rule maps it."""
    monitor = DCGM_MONITOR.replace("monitoring.googleapis.com/v1", "monitoring.coreos.com/v1")
    monitor = monitor.replace("PodMonitoring", "PodMonitor").replace(
        "  endpoints:", "  podMetricsEndpoints:"
    )
    monitor = monitor[: monitor.index("    metricRelabeling")]
    name = "DCGM_FI_DEV_GPU_UTIL"
    found = signal(load, name, None, monitor, source="Pods")
    assert (found.exists, "exporter's" in found.reason) == (False, True)
    honoured = monitor.replace("    interval: 15s", "    interval: 15s\n    honorLabels: true")
    assert signal(load, name, None, honoured, source="Pods").exists


def test_a_renamed_series_of_the_engine_is_unknown_too(load):
    """Renaming takes the metadata of any series away: Google's name then ends in unknown."""
    renaming = MONITORING + (
        "    metricRelabeling:\n"
        "    - {action: replace, sourceLabels: [__name__], targetLabel: __name__,\n"
        "       regex: 'vllm:num_requests_running', replacement: running}\n"
    )
    name = "prometheus.googleapis.com|running|unknown"
    found = signal(load, name, None, renaming, source="Pods")
    assert (found.exists, found.maximum) == (True, 64.0)
    assert not signal(load, name.replace("unknown", "gauge"), None, renaming, source="Pods").exists


RULES = """\
kind: ConfigMap
metadata: {name: adapter}
data:
  config.yaml: |
    externalRules:
    - seriesQuery: 'DCGM_FI_DEV_GPU_UTIL'
      resources: {namespaced: false}
      name: {as: gpu_utilization}
      metricsQuery: sum(<<.Series>>{MATCHER<<.LabelMatchers>>})
"""


def test_a_rule_is_bounded_where_it_says_whose_accelerators_it_reads(load):
    """A query over all series counts others' too; one that names a namespace does not."""
    monitor = DCGM_MONITOR[: DCGM_MONITOR.index("    metricRelabeling")]
    everybody = RULES.replace("MATCHER", "")
    found = signal(load, "gpu_utilization", None, monitor, everybody)
    assert (found.exists, found.maximum, found.unit) == (True, None, "percent")
    own = RULES.replace("MATCHER", 'exported_namespace="default",')
    assert signal(load, "gpu_utilization", None, monitor, own).maximum == 100.0


def test_a_system_metric_in_capitals_is_asked_for_in_lower_case(load):
    """The API lowers the name, so that capitals do no harm where there are none."""
    assert signal(load, DUTY.replace("duty", "Duty"), OWN_CONTAINER).exists
