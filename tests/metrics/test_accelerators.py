"""Accelerators in the pipeline: who looks when, what is scraped, and what an HPA reads of it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from scalecert.documents import parse_documents
from scalecert.engines.base import Activity, MetricInfo
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.exporters.device import Device, device_of
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import EVERYTHING, parse_selector
from scalecert.metrics.conditions import MetricConditions, Neighbours, Outage
from scalecert.metrics.inputs import MetricsInput, WantedMetric
from scalecert.metrics.pipeline import Pipeline
from scalecert.metrics.relabel import RelabelRule
from scalecert.metrics.scrape_config import ScrapeConfig
from scalecert.units import Duration

ENGINE = {"vllm:x": MetricInfo("vllm:x", "gauge", "requests")}
LABELS = {"app": "llm"}
APP = parse_selector("app=llm")
LOWER = RelabelRule(
    source_labels=("__name__",),
    regex="DCGM_FI_DEV_GPU_UTIL",
    target_label="__name__",
    replacement="dcgm_fi_dev_gpu_util",
)
KEEP = RelabelRule(action="keep", source_labels=("__name__",))
MONITOR = ScrapeConfig(
    "PodMonitoring",
    "dcgm",
    "gmp-public",
    parse_selector("app.kubernetes.io/name=nvidia-dcgm-exporter"),
    "metrics",
    15.0,
    namespaces=("gmp-public",),
    metric_relabelings=(KEEP, LOWER),
)
DCGM = "prometheus.googleapis.com|dcgm_fi_dev_gpu_util|unknown"
DUTY = "kubernetes.io|container|accelerator|duty_cycle"
TENSOR = "kubernetes.io|container|accelerator|tensorcore_utilization"
IDLE = Activity(0.0, 0, 0, 0, 0)


def gpu(count: int = 1) -> Device:
    profile = load_profile("vllm_llama-2-7b_l4")
    return device_of(profile, engine_kind("vllm").limits(profile, (), {}), count)


def tpu() -> Device:
    return replace(gpu(), make="cloud-tpu", model="tpu-v5-lite-podslice", topology="1x1")


def make(metric, *monitors, source="External", device=None, neighbours=0, rules="", **conditions):
    policy = MetricsInput(
        "default",
        "llm",
        (WantedMetric(source, metric),),
        monitors,
        parse_documents(rules.encode(), "rules.yaml") if rules else (),
        container="server",
        device=device or gpu(),
    )
    return Pipeline(
        policy,
        ENGINE,
        MetricConditions(**conditions),
        1,
        neighbours=Neighbours(replicas=neighbours),
    )


def live(pipeline, until, shares, *, since=0.0, pods=None):
    """Let pods hold accelerators; each server is busy for its share of the time."""
    names = pods or [f"llm-{index}" for index in range(len(shares))]
    due = {
        name: pipeline.accelerators.hold(name, LABELS, node, since)
        for node, name in enumerate(names)
    }
    busy = dict(zip(names, shares, strict=True))
    looks = []
    while (time := min(due.values())) <= until:
        name = min(due, key=lambda one: due[one])
        done = replace(IDLE, busy_seconds=busy[name] * time)
        looks.append((name, time))
        due[name] = pipeline.accelerators.look(name, time, done)
    return looks


def external(pipeline, now, metric, selector=""):
    parsed = parse_selector(selector) if selector else EVERYTHING
    return sorted(pipeline.client(now).get_external_metric(metric, "default", parsed)[0])


def test_a_policy_without_accelerators_is_never_looked_at():
    """Where no metric is made of them, no look is due, ever."""
    pipeline = make("prometheus.googleapis.com|vllm:x|gauge", neighbours=3)
    assert pipeline.accelerators.hold("llm-0", LABELS, 0, 0.0) == math.inf
    assert pipeline.families() == ("vllm:x",)


def test_relabelled_utilization_is_of_kind_unknown_and_has_exported_labels():
    """What a PodMonitoring renames has no metadata; the pod that holds a GPU is exported_pod."""
    pipeline = make(DCGM, MONITOR)
    live(pipeline, 90.0, [0.5, 1.0])
    assert external(pipeline, 90.0, DCGM) == [50_000, 100_000]
    own = "metric.labels.exported_pod=llm-1,metric.labels.exported_container=server"
    assert external(pipeline, 90.0, DCGM, own) == [100_000]
    exporter = "metric.labels.container=nvidia-dcgm-exporter,resource.labels.namespace=gmp-public"
    assert external(pipeline, 90.0, DCGM, exporter) == [50_000, 100_000]
    for wrong in ("dcgm_fi_dev_gpu_util|gauge", "DCGM_FI_DEV_GPU_UTIL|unknown|x"):
        with pytest.raises(MetricsError):
            external(pipeline, 90.0, f"prometheus.googleapis.com|{wrong}")


def test_an_exporter_where_no_monitor_looks_is_not_scraped():
    """A PodMonitoring scrapes pods of its own namespace only, with the labels that it selects."""
    for wrong in (
        replace(MONITOR, selector=parse_selector("app=dcgm")),
        replace(MONITOR, port="http"),
    ):
        pipeline = make(DCGM, wrong)
        live(pipeline, 90.0, [1.0])
        with pytest.raises(MetricsError, match="descriptor"):
            external(pipeline, 90.0, DCGM)


def test_the_exporter_is_where_the_monitor_looks():
    """Its namespace is the policy author's choice: the monitor says which it is."""
    elsewhere = replace(MONITOR, namespace="gpu", namespaces=("gpu",))
    pipeline = make(DCGM, elsewhere)
    live(pipeline, 90.0, [1.0])
    assert external(pipeline, 90.0, DCGM, "resource.labels.namespace=gpu") == [100_000]


def test_a_page_stands_until_the_next_collection():
    """Every scrape of 30 s shows the same: what the last collection saw."""
    pipeline = make(DCGM, MONITOR, scrape_latency=Duration(0.0))
    due = pipeline.accelerators.hold("llm-0", LABELS, 0, 0.0)
    shown = []
    for time in range(400):
        while due <= time:
            # Idle in one minute, busy in the next.
            busy = 60.0 * (due // 120) + max(0.0, due % 120 - 60.0)
            due = pipeline.accelerators.look("llm-0", due, replace(IDLE, busy_seconds=busy))
        if time > 60:
            shown += external(pipeline, float(time), DCGM)
    changes = [index for index in range(1, len(shown)) if shown[index] != shown[index - 1]]
    assert len(changes) >= 4
    assert min(later - one for one, later in pairwise(changes)) >= 30


def test_every_accelerator_of_a_pod_is_a_series():
    """A pod of four has four, and pods of one node have different ones."""
    pipeline = make(DCGM, MONITOR, device=gpu(4))
    live(pipeline, 60.0, [0.5])
    assert external(pipeline, 60.0, DCGM) == [50_000] * 4
    assert external(pipeline, 60.0, DCGM, "metric.labels.gpu=3") == [50_000]
    two = make(DCGM, MONITOR, device=gpu(2))
    due = {name: two.accelerators.hold(name, LABELS, 0, 0.0) for name in ("a", "b")}
    for name, first in due.items():
        time = first
        while time <= 60.0:
            time = two.accelerators.look(name, time, replace(IDLE, busy_seconds=time))
    assert external(two, 60.0, DCGM) == [100_000] * 4


def test_a_pod_that_is_gone_leaves_the_page():
    """Its accelerators are free: the page has them no more, Cloud Monitoring for five minutes."""
    pipeline = make(DCGM, MONITOR)
    live(pipeline, 60.0, [1.0, 1.0])
    pipeline.accelerators.release("llm-1", 60.0)
    assert external(pipeline, 61.0, DCGM) == [100_000] * 2
    assert external(pipeline, 380.0, DCGM) == [100_000]


def test_neighbours_have_series_of_another_namespace():
    """They are busy all the time, and their container is called as the policy's."""
    pipeline = make(DCGM, MONITOR, neighbours=2)
    live(pipeline, 60.0, [0.2])
    assert external(pipeline, 60.0, DCGM) == [20_000, 90_000, 90_000]
    container = "metric.labels.exported_container=server"
    assert external(pipeline, 60.0, DCGM, container) == [20_000, 90_000, 90_000]
    namespace = f"{container},metric.labels.exported_namespace=default"
    assert external(pipeline, 60.0, DCGM, namespace) == [20_000]


def test_google_samples_every_minute_without_any_monitor():
    """System metrics need no monitor; their looks are a minute apart, in pairs of ten seconds."""
    pipeline = make(DUTY)
    looks = [time for _, time in live(pipeline, 400.0, [0.25])]
    closing = looks[1::2]
    assert [b - a for a, b in zip(looks[2::2], looks[3::2], strict=False)] == pytest.approx(
        [10.0] * (len(closing) - 1)
    )
    # The first is of pods that the run begins with, the others are the agent's own.
    steps = [later - one for one, later in pairwise(closing[1:])]
    assert steps == pytest.approx([60.0] * len(steps))
    assert external(pipeline, 400.0, DUTY) == [25_000]


def test_capitals_of_a_system_metric_do_no_harm():
    """The API asks in lower case, and so Google's names are."""
    pipeline = make(DUTY.upper())
    live(pipeline, 90.0, [0.5])
    assert external(pipeline, 90.0, DUTY.upper()) == [50_000]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("resource.labels.namespace_name=default", 2),
        ("resource.labels.pod_name=llm-1", 1),
        ("resource.labels.container_name=sidecar", 0),
        ("resource.type=k8s_container,metric.labels.make=nvidia", 2),
        ("metadata.user_labels.app=llm", 2),
        ("metadata.system_labels.top_level_controller_name=llm", 2),
        ("metadata.user_labels.app=other", 0),
        ("resource.labels.cluster_name=mine,resource.labels.location=here", 2),
    ],
)
def test_selectors_of_system_metrics(selector, found):
    """They are a container's: its resource, its pod's labels and the metric's own may be asked."""
    pipeline = make(DUTY)
    live(pipeline, 90.0, [0.5, 0.5])
    if found:
        assert external(pipeline, 90.0, DUTY, selector) == [50_000] * found
    else:
        with pytest.raises(MetricsError, match="no metrics returned"):
            external(pipeline, 90.0, DUTY, selector)


@pytest.mark.parametrize(
    ("selector", "error"),
    [
        ("resource.labels.pod=llm-0", "valid combination"),
        ("resource.type=prometheus_target", "valid combination"),
        ("metric.labels.gpu=0", "label = gpu"),
        ("metric.labels.tpu_topology=1x1", "label = tpu_topology"),
    ],
)
def test_selectors_that_cloud_monitoring_refuses(selector, error):
    """A label of another resource or metric is an error of the API, from the start."""
    pipeline = make(DUTY)
    with pytest.raises(MetricsError, match=error):
        external(pipeline, 1.0, DUTY, selector)


def test_pods_are_answered_by_the_fallback_to_containers():
    """Of pods nothing is known, of their containers there is: the series of a pod are added."""
    pipeline = make(DUTY, source="Pods", device=gpu(2))
    for name in ("llm-0", "llm-1"):
        pipeline.add_pod(name, LABELS, {}, "server", 0.0)
    live(pipeline, 90.0, [0.5, 1.0])
    metrics, _ = pipeline.client(90.0).get_raw_metric(DUTY, "default", APP, EVERYTHING)
    assert {name: one.value_milli for name, one in metrics.items()} == {
        "llm-0": 100_000,
        "llm-1": 200_000,
    }


def test_utilization_of_tpus_is_seen_two_minutes_late():
    """Google's list says so of it, and of the memory's bandwidth, and of nothing else."""
    pipeline = make(TENSOR, device=tpu())
    due = pipeline.accelerators.hold("llm-0", LABELS, 0, 0.0)
    seen = {}
    for time in range(1, 200):
        while due <= time:
            done = Activity(due, int(100 * due), int(1000 * due), 0, 0)
            due = pipeline.accelerators.look("llm-0", due, done)
        try:
            seen[time] = external(pipeline, float(time), TENSOR)
        except MetricsError:
            continue
    # Collected at 10 s, visible after 120 s and what every point takes (5 s and the latency).
    assert min(seen) == 136
    assert seen[136][0] > 0


def test_an_idle_tpu_is_at_zero():
    """The runtime in the server's process answers, whether a step ran or not."""
    pipeline = make(DUTY, device=tpu())
    live(pipeline, 120.0, [0.0])
    assert external(pipeline, 120.0, DUTY) == [0.0]


def test_an_outage_of_scraping_stops_both_ways():
    """While nothing is collected nothing new is seen, of exporters or of Google's own."""
    outage = Outage("scrape", Duration(30.0), Duration(600.0))
    for metric, monitors in ((DCGM, (MONITOR,)), (DUTY, ())):
        pipeline = make(metric, *monitors, outages=(outage,))
        live(pipeline, 500.0, [1.0])
        with pytest.raises(MetricsError, match="no metrics returned"):
            external(pipeline, 500.0, metric)


def test_a_rule_of_prometheus_adapter_reads_them():
    """Through a plain Prometheus a rule maps the exported labels, and pods have their own GPUs."""
    rules = """
rules:
- seriesQuery: 'DCGM_FI_DEV_GPU_UTIL{exported_namespace!="",exported_pod!=""}'
  resources:
    overrides:
      exported_namespace: {resource: namespace}
      exported_pod: {resource: pod}
  name: {as: gpu_utilization}
  metricsQuery: 'avg(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)'
"""
    monitor = replace(MONITOR, kind="PodMonitor", metric_relabelings=())
    pipeline = make("gpu_utilization", monitor, source="Pods", rules=rules, device=gpu(4))
    for name in ("llm-0", "llm-1"):
        pipeline.add_pod(name, LABELS, {}, "server", 0.0)
    live(pipeline, 150.0, [0.5, 1.0])
    metrics, _ = pipeline.client(150.0).get_raw_metric(
        "gpu_utilization", "default", APP, EVERYTHING
    )
    assert {name: one.value_milli for name, one in metrics.items()} == {
        "llm-0": 50_000,
        "llm-1": 100_000,
    }
