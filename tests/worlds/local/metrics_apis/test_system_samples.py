"""Google Cloud's own metrics of accelerators, out of a device plugin's series."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from scalecert.exporters.device import Device
from scalecert.exporters.registry import system_metrics_of
from scalecert.hpa.metrics.interfaces import MetricsError
from scalecert.hpa.selectors import EVERYTHING, parse_selector
from scalecert.metrics.tsdb import NAME_LABEL, Matcher
from scalecert.worlds.local.metrics_apis.http_prometheus import Samples
from scalecert.worlds.local.metrics_apis.managed_prometheus import ManagedPrometheus
from scalecert.worlds.local.metrics_apis.pods import PodFacts, facts_of
from scalecert.worlds.local.metrics_apis.system_samples import SystemSamples
from scalecert.worlds.local.monitors.discovery import Pod

DUTY = "kubernetes.io|container|accelerator|duty_cycle"
L4 = Device(
    make="nvidia",
    model="NVIDIA L4",
    count=1,
    topology="",
    flops_per_second=1e14,
    bytes_per_second=3e11,
    memory_bytes=24 * 10**9,
    power_limit_watts=72.0,
    weights=7 * 10**9,
    streamed_bytes=14 * 10**9,
    token_bytes=10**6,
    kv_bytes_per_token=5 * 10**5,
    gap_seconds=0.001,
    resident_bytes=15 * 10**9,
    kv_follows_load=False,
)
START = 1_800_000_000.0
"""Begin of a minute of the run, in unix seconds, at any time lapse in use."""


class Plugin:
    """A Prometheus that has scraped plugins every minute of the run; the duty cycle counts them."""

    def __init__(self, time_lapse: int, *pods: str) -> None:
        self.time_lapse = time_lapse
        self.pods = pods

    def samples(
        self, matchers: Sequence[Matcher], now: float, span_seconds: float
    ) -> Sequence[Samples]:
        name = next(one.value for one in matchers if one.label == NAME_LABEL)
        scraped = [(START + 60.0 * k / self.time_lapse, float(k)) for k in range(50)]
        within = [point for point in scraped if now - span_seconds < point[0] <= now]
        if name != "scalecert_system_duty_cycle" or not within:
            return []
        times, values = zip(*within, strict=True)
        return [Samples(self._labels(name, pod), times, values) for pod in self.pods]

    def _labels(self, name: str, pod: str) -> dict[str, str]:
        return {
            NAME_LABEL: name,
            "namespace": "team",
            "pod": pod,
            "container": "server",
            "make": "nvidia",
            "model": "NVIDIA L4",
            "accelerator_id": f"GPU-{pod}",
        }


class Pods:
    """Pods of one Deployment, and who was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def facts(self, namespace: str, pod: str) -> PodFacts:
        self.asked.append(f"{namespace}/{pod}")
        return PodFacts("node-0", {"app": "web"}, "web", "Deployment")


def adapter(time_lapse: int, pods: Pods, *names: str) -> ManagedPrometheus:
    source = Plugin(time_lapse, *names)
    system = SystemSamples(
        system_metrics_of(L4), source, pods, reach_seconds=305.0, time_lapse=time_lapse
    )
    return ManagedPrometheus(source, {}, delay_seconds=5.0, time_lapse=time_lapse, system=system)


@pytest.mark.parametrize("time_lapse", [1, 3, 5])
def test_a_collection_counts_from_its_delay_until_the_next(time_lapse: int) -> None:
    """Times are of the run: a value is seen 5 s after its collection, and for a minute."""
    google = adapter(time_lapse, Pods(), "a")
    found = [
        google.external_metrics(DUTY, "team", EVERYTHING, START + run_time / time_lapse)
        for run_time in (64.0, 66.0, 100.0, 124.0, 126.0)
    ]
    assert found == [[0], [1000], [1000], [1000], [2000]]


def test_series_are_of_the_container_that_holds_the_accelerator() -> None:
    """Selectors see the container, its pod and its node, by Google's names."""
    google = adapter(1, Pods(), "a", "b")
    selectors = {
        "resource.labels.container_name=server,resource.labels.namespace_name=team": 2,
        "resource.labels.pod_name=a": 1,
        "metadata.user_labels.app=web": 2,
        "metadata.system_labels.top_level_controller_name=web": 2,
        "metadata.system_labels.node_name=node-1": 0,
        "metric.labels.accelerator_id=GPU-b": 1,
    }
    found = {
        text: len(google.external_metrics(DUTY, "team", parse_selector(text), START + 100.0))
        for text in selectors
    }
    assert found == selectors


def test_a_metric_of_pods_falls_back_to_their_containers() -> None:
    """The adapter asks for containers where pods have no such series."""
    google = adapter(1, Pods(), "a", "b")
    found = google.pod_metrics(DUTY, "team", ["a", "b"], EVERYTHING, START + 100.0)
    assert found == {"a": 1000, "b": 1000}


def test_a_pod_is_looked_up_once() -> None:
    """A series keeps its labels, and the API server is not asked again and again."""
    pods = Pods()
    google = adapter(1, pods, "a", "b")
    for run_time in (70.0, 100.0, 130.0):
        google.external_metrics(DUTY, "team", EVERYTHING, START + run_time)
    assert pods.asked == ["team/a", "team/b"]


def test_metrics_that_google_cloud_does_not_collect_have_no_descriptor() -> None:
    """What is not in Google's list does not exist, whatever a plugin shows."""
    metric = "kubernetes.io|container|accelerator|dram_active"
    with pytest.raises(MetricsError, match="could not find the descriptor"):
        adapter(1, Pods(), "a").external_metrics(metric, "team", EVERYTHING, START)


@pytest.mark.parametrize(
    ("owner", "name", "kind"),
    [
        ({"kind": "ReplicaSet", "name": "web-5f7c", "controller": True}, "web", "Deployment"),
        ({"kind": "StatefulSet", "name": "web", "controller": True}, "web", "StatefulSet"),
        ({"kind": "Node", "name": "n", "controller": False}, "", ""),
    ],
)
def test_the_top_level_controller_is_the_deployment(
    owner: dict[str, object], name: str, kind: str
) -> None:
    """A ReplicaSet stands for the Deployment that made it; other owners for themselves."""
    document = {
        "metadata": {"name": "web-0", "labels": {"app": "web"}, "ownerReferences": [owner]},
        "spec": {"nodeName": "node-0"},
    }
    expected = PodFacts("node-0", {"app": "web"}, name, kind)
    assert facts_of(msgspec.convert(document, Pod)) == expected
