"""The pages of GKE's device plugins."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mock_servers.accelerator.node import Node
from mock_servers.accelerator.plugins import MISSES, GpuPluginPage, TpuPluginPage
from mock_servers.serving.activity import Look
from scalecert.exporters.gke_accelerators import device_plugin

from .nodes import TPU_PROFILE, hold, look, node

Page = GpuPluginPage | TpuPluginPage
RUNTIME = {"duty_cycle", "memory_used", "memory_total"}
HOST = {"tensorcore_utilization", "memory_bandwidth_utilization"}


def collect(page: Page, one: Node, now: float, said: Mapping[str, Look]) -> None:
    """Let the plugin collect once; servers say the same at both looks but for the clock."""
    earlier = {
        key: look(seen.hold, seen.at_seconds - 5.0, loaded=seen.activity is not None)
        for key, seen in said.items()
    }
    one.settle(earlier)
    page.open()
    one.settle(said)
    page.collect(now)


def series(page: Page) -> dict[str, list[dict[str, str]]]:
    """Return the labels of each family's series."""
    return {
        found.name: [dict(sample.labels) for sample in found.samples]
        for found in text_string_to_metric_families(page.text())
    }


def busy(pod: str, *, at: float = 20.0, profile: str = TPU_PROFILE) -> Look:
    return look(hold(pod, profile=profile), at, 0.5)


def idle(pod: str, *, at: float = 20.0, profile: str = TPU_PROFILE) -> Look:
    return look(hold(pod, profile=profile), at, 0.0)


def test_a_gpu_has_series_of_its_container_and_of_the_node() -> None:
    """Labels as real pages have them; the node has every GPU, a container its own."""
    one = node(count=2)
    page = GpuPluginPage(one)
    collect(page, one, 30.0, {"a": busy("a", profile="vllm_llama-2-7b_l4")})
    shown = series(page)
    of_chip = {"make": "nvidia", "accelerator_id": "GPU-gke-1-0", "model": "NVIDIA L4"}
    pod = {"namespace": "prod", "pod": "a", "container": "server"}
    assert shown.keys() == {
        *RUNTIME,
        *(f"{name}_gpu_node" for name in RUNTIME),
        "request",
    }
    assert shown["duty_cycle"] == [pod | of_chip]
    assert shown["duty_cycle_gpu_node"] == [of_chip, of_chip | {"accelerator_id": "GPU-gke-1-1"}]
    assert shown["request"] == [pod | {"resource_name": "nvidia.com/gpu"}]


def test_a_gpu_that_is_idle_is_at_zero() -> None:
    """Its series is there: the driver knows of idleness."""
    one = node(count=1)
    page = GpuPluginPage(one)
    collect(page, one, 30.0, {"a": idle("a", profile="vllm_llama-2-7b_l4")})
    (duty,) = [line for line in page.text().splitlines() if line.startswith("duty_cycle{")]
    assert duty.endswith(" 0")


def test_a_pod_that_is_gone_stays_until_the_minute_is_over() -> None:
    """The GPU plugin forgets once a minute: at its second collection, its fourth, and so on."""
    one = node(count=1)
    page = GpuPluginPage(one)
    collect(page, one, 30.0, {"a": busy("a", profile="vllm_llama-2-7b_l4")})
    assert "duty_cycle" in series(page)
    collect(page, one, 60.0, {"a": busy("a", profile="vllm_llama-2-7b_l4", at=50.0)})
    collect(page, one, 90.0, {})
    assert series(page)["duty_cycle"][0]["pod"] == "a"
    collect(page, one, 120.0, {})
    assert series(page).keys() == {f"{name}_gpu_node" for name in RUNTIME}


def test_a_busy_tpu_shows_what_the_exporters_model_says() -> None:
    """Five families for the container, as many for the node, and the chips asked for."""
    one = node("v5e", 8)
    page = TpuPluginPage(one)
    collect(page, one, 10.0, {"a": busy("a")})
    shown = series(page)
    assert shown.keys() == {
        *RUNTIME,
        *HOST,
        *(f"{name}_node" for name in RUNTIME | HOST),
        "accelerator_request",
    }
    assert shown.keys() >= device_plugin(one.device).figures.keys()
    assert [labels["accelerator_id"] for labels in shown["duty_cycle"]] == [
        f"gke-1-{place}" for place in range(8)
    ]
    assert {labels["tpu_topology"] for labels in shown["duty_cycle"]} == {"2x4"}
    assert {labels["make"] for labels in shown["duty_cycle_node"]} == {"cloud-tpu"}
    assert shown["accelerator_request"] == [
        {
            "namespace": "prod",
            "pod": "a",
            "container": "server",
            "resource_name": "google.com/tpu",
        }
    ]


def test_chips_that_nobody_holds_have_utilizations_of_the_node_alone() -> None:
    """The host knows them, no runtime does."""
    one = node("v5e", 4)
    page = TpuPluginPage(one)
    collect(page, one, 10.0, {})
    shown = series(page)
    assert shown.keys() == {f"{name}_node" for name in HOST}
    assert all(len(labels) == 4 for labels in shown.values())
    assert all(line.endswith(" 0") for line in page.text().splitlines() if not line.startswith("#"))


def test_a_container_without_runtime_is_forgotten_after_six_misses() -> None:
    """Until then its last figures stay, whatever its chips do."""
    one = node("v5e", 8)
    page = TpuPluginPage(one)
    collect(page, one, 10.0, {"a": busy("a")})
    for miss in range(1, MISSES):
        collect(page, one, 10.0 + 10.0 * miss, {})
        assert series(page).keys() >= RUNTIME, miss
    collect(page, one, 10.0 + 10.0 * MISSES, {})
    assert series(page).keys() == {f"{name}_node" for name in HOST}


def test_a_server_that_comes_back_is_not_forgotten_with_its_former_self() -> None:
    """The same container, started again, has another socket and the same series."""
    one = node("v5e", 8)
    page = TpuPluginPage(one)
    collect(page, one, 10.0, {"first": busy("a")})
    for number in range(2 * MISSES):
        collect(page, one, 20.0 + 10.0 * number, {"second": busy("a", at=20.0 + 10.0 * number)})
        assert len(series(page)["duty_cycle"]) == 8


@pytest.mark.parametrize("loaded", [True, False])
def test_an_idle_tpu_shows_what_the_exporters_model_says(loaded: bool) -> None:
    """And nothing of what it showed while it was busy."""
    one = node("v5e", 8)
    page = TpuPluginPage(one)
    collect(page, one, 10.0, {"a": busy("a")})
    seen = idle("a", at=40.0)
    said = seen if loaded else Look(seen.hold, seen.at_seconds, None)
    for now in (20.0, 30.0, 40.0, 50.0, 60.0, 70.0):
        collect(page, one, now, {"a": said})
    still = (40.0, said.activity)
    readings = seen.hold.device.readings(still, still, still)
    figures = device_plugin(one.device).figures
    expected = {name for name, figure in figures.items() if figure.value(readings) is not None}
    if not loaded:
        expected -= RUNTIME
    assert series(page).keys() & figures.keys() == expected
