"""Monitors, end to end: Prometheus scrapes what the API holds, under the labels promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from control_planes import open_plane, wait_until
from e2e.monitored import INTERVAL_SECONDS, World, container, has, monitoring, serving
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from worlds.local.monitors.pods import cases, pod
from worlds.local.monitors.test_target_rules import is_scraped_for_real, promised

from scalecert.clock import unix_seconds
from scalecert.documents import write_atomic
from scalecert.metrics.canary import canary_pod, canary_scrape_config
from scalecert.metrics.inputs import MetricsInput
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod
from scalecert.policy.loading import load_policies
from scalecert.worlds.local.monitors.config import (
    DefaultScrape,
    MonitorsConfig,
    SystemScrape,
    prepare,
)
from scalecert.worlds.local.monitors.crds import manifests
from scalecert.worlds.local.monitors.discovery import discovered
from scalecert.worlds.local.monitors.prometheus import PrometheusServer
from scalecert.worlds.local.monitors.prometheus_config import (
    ScrapedEndpoint,
    configuration,
    monitor_job,
)
from scalecert.worlds.local.monitors.target_rules import NODES_OWN

pytestmark = pytest.mark.e2e

POLICIES = Path(__file__).parents[2] / "fixtures" / "policies"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_plane("e2e-monitors") as plane:
        directory = plane.directory
        config = MonitorsConfig(
            kubeconfig=str(plane.control_plane.kubeconfig),
            prometheus_url=plane.control_plane.prometheus_url,
            folder=str(directory.path / "monitors"),
            address=directory.address,
            port=directory.free_port(),
            namespace="default",
            canary_interval_seconds=INTERVAL_SECONDS,
            default_scrape=DefaultScrape(
                interval_seconds=INTERVAL_SECONDS, container="server", port=8000, port_name="http"
            ),
            system_scrape=SystemScrape(
                interval_seconds=INTERVAL_SECONDS, container="plugin", port=2112
            ),
        )
        for one in manifests():
            plane.apply(one)
        plane.control_plane.start_prometheus(prepare(config), lookback_seconds=300.0)
        yield World(plane, config)


def several(
    drawn: Sequence[tuple[ScrapeConfig, ScrapedPod]],
) -> tuple[list[ScrapedEndpoint], list[ScrapedPod]]:
    """Return the endpoints, each of a job of its own, and the pods, each of its own name."""
    endpoints = [
        ScrapedEndpoint(f"{config.kind}/{number}", config, "/metrics")
        for number, (config, _) in enumerate(drawn)
    ]
    pods = [
        replace(one, name=f"{one.name}-{number}", address=f"127.255.9.{number + 1}")
        for number, (_, one) in enumerate(drawn)
    ]
    return endpoints, pods


def counted(labels: Sequence[dict[str, str]]) -> Counter[tuple[tuple[str, str], ...]]:
    """Return how often each set of labels is there."""
    return Counter(tuple(sorted(one.items())) for one in labels)


def expected_targets(
    endpoints: Sequence[ScrapedEndpoint], pods: Sequence[ScrapedPod]
) -> dict[str, Counter[tuple[tuple[str, str], ...]]]:
    """Return the labels of each job's targets, of those jobs that have any."""
    found = {
        each.job: counted(
            [
                labels
                for one in pods
                if is_scraped_for_real(each.config, one)
                for labels in promised(each.config, one)
            ]
        )
        for each in endpoints
    }
    return {job: labels for job, labels in found.items() if labels}


@settings(
    max_examples=3, derandomize=True, deadline=None, database=None, phases=[Phase.generate]
)  # fmt: skip
@given(drawn=st.lists(cases(), min_size=20, max_size=20))
def test_prometheus_labels_targets_as_the_pipeline_says(
    world: World, drawn: list[tuple[ScrapeConfig, ScrapedPod]]
) -> None:
    """Twenty drawn monitors over twenty drawn pods: Prometheus' own relabelling agrees."""
    endpoints, pods = several(drawn)
    wanted = expected_targets(endpoints, pods)
    assume(wanted)
    write_atomic(world.config.discovered, discovered(pod(one) for one in pods))
    targets = str(world.config.discovered)
    jobs = [monitor_job(one, targets) for one in endpoints]
    write_atomic(world.config.prometheus_config, configuration(jobs))
    PrometheusServer(world.config.prometheus_url).reload()

    def agrees() -> bool:
        active = world.ask("/api/v1/targets?state=active")["activeTargets"]
        found: dict[str, list[dict[str, str]]] = {}
        for one in active:
            found.setdefault(one["scrapePool"], []).append(one["labels"])
        return {job: counted(labels) for job, labels in found.items()} == wanted

    wait_until(agrees)


def test_a_world_of_monitors(world: World) -> None:
    """From no monitor over one and a wrong one back to none; the canary beats all the while."""
    prepare(world.config)
    world.start_monitors()
    address = f"{world.plane.directory.subnet}.10"
    labels = {"app": "web"}
    with serving(address, 8000, 'queue{model="m"} 7'):
        world.run_pod("web-0", address, container("server", "http", 8000), labels=labels)
        has(world, 'queue{job="default",instance="web-0:http"}')
        assert world.jobs() == ["default/servers"]

        world.plane.apply(monitoring("web", {"matchLabels": labels}))
        has(world, 'queue{job="web",instance="web-0:http",model="m",pod="web-0"}')
        assert world.jobs() == ["PodMonitoring/default/web/0"]

        refused = {"podMetricsEndpoints": [{"port": "http", "interval": "fast"}]}
        world.plane.apply(
            {
                "apiVersion": "monitoring.coreos.com/v1",
                "kind": "PodMonitor",
                "metadata": {"name": "wrong", "namespace": "default"},
                "spec": {"selector": {}, **refused},
            }
        )
        wait_until(lambda: "PodMonitor/default/wrong" in world.plane.log("monitors"))
        assert world.jobs() == ["PodMonitoring/default/web/0"]

        world.plane.kubectl("delete", "podmonitor/wrong", "podmonitoring/web")
        wait_until(lambda: world.jobs() == ["default/servers"])
        world.plane.kubectl("delete", "pod", "web-0", "--grace-period=0", "--force")
        wait_until(lambda: world.jobs() == [])
    check_canary(world)


def test_google_clouds_own_collection_needs_no_monitor(world: World) -> None:
    """Series of a device plugin have its labels, and names that no policy reads."""
    prepare(world.config)
    world.start_monitors()
    address = f"{world.plane.directory.subnet}.2"
    page = 'duty_cycle{namespace="default",pod="web-0",container="server"} 40'
    with serving(address, 2112, page):
        plugin = container("plugin", "metrics", 2112)
        world.run_pod("plugin-node-0", address, plugin, annotations={NODES_OWN: "e2e"})
        query = 'scalecert_system_duty_cycle{namespace="default",pod="web-0",container="server"}'
        has(world, query)
        has(world, 'duty_cycle{job="default",exported_pod="web-0",pod="plugin-node-0"}')
        (found,) = world.query(query)
    assert found["metric"]["job"] == "scalecert-system"
    assert found["value"][1] == "40"
    world.plane.kubectl("delete", "pod", "plugin-node-0", "--grace-period=0", "--force")


def check_canary(world: World) -> None:
    """Fail unless the canary's newest beat is of now, under its pod's labels, and no `up` is."""
    config = canary_scrape_config(MetricsInput("default", "", ()))
    (beat,) = world.query("scalecert_canary")
    expected = config.target_labels(canary_pod("default")) or {}
    assert beat["metric"] == {"__name__": "scalecert_canary", **expected}
    stamped, value = float(beat["value"][0]), float(beat["value"][1])
    assert 0.0 <= stamped - value <= 30.0
    assert abs(unix_seconds() - stamped) <= 30.0
    (own,) = world.query('up{job="scalecert-canary"}')
    assert set(own["metric"]) == {"__name__", "job", "instance"}


def test_shipped_policies_can_be_applied(world: World) -> None:
    """Every kind that they hold is known to this API server; the server takes them as they are."""
    values = {"HPA_AVERAGEVALUE_TARGET": "10", "HPA_TARGET_VALUE": "10"}
    for file in sorted(POLICIES.glob("*.yaml")):
        used = {name: value for name, value in values.items() if f"${name}" in file.read_text()}
        for policy in load_policies([str(file)], used):
            for manifest in policy.manifests:
                made_namespace(world, manifest)
                world.plane.apply(manifest)


def made_namespace(world: World, manifest: Any) -> None:
    """Make the namespace of a manifest if it names one."""
    name = manifest["metadata"].get("namespace")
    if name:
        world.plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
