"""Exporters: names, labels and values of every family, for each make of accelerator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scalecert.engines.base import Limits
from scalecert.engines.profiles import load_profile
from scalecert.engines.registry import engine_kind
from scalecert.exporters.base import Chip, Holder, Reading, Readings
from scalecert.exporters.device import Device, device_of
from scalecert.exporters.registry import exporters_of, system_metrics_of

SEEN = Reading(
    duty=0.975,
    sm_active=0.8,
    tensor_active=0.5,
    flop_share=0.25,
    dram_active=0.6,
    power_watts=300.5,
    memory_used_bytes=40.0 * 2**30,
    memory_total_bytes=100.0 * 2**30,
)
EARLIER = replace(SEEN, duty=0.5, sm_active=0.4, tensor_active=0.3, dram_active=0.2)
HOLDER = Holder("default", "llm-0", "server", "sidecar", {"app": "llm"})


def gpu() -> Device:
    profile = load_profile("vllm_llama-2-7b_l4")
    return device_of(profile, engine_kind("vllm").limits(profile, (), {}), 2)


def tpu() -> Device:
    return replace(gpu(), make="cloud-tpu", model="tpu-v5-lite-podslice", topology="2x4")


def chip(device: Device, index: int = 1) -> Chip:
    return Chip("node-3", index, device.make, device.model, device.topology, HOLDER)


def values(exporter, device, reading=SEEN, average=EARLIER):
    samples = exporter.samples(exporter.figures, chip(device), Readings(reading, average))
    return {one.name: one.value for one in samples}


def test_dcgm_shows_the_driver_s_last_sample_and_profiling_averages():
    """Fields of the device are of the short window, profiling fields of the whole interval."""
    exporter, _ = exporters_of(gpu())
    assert values(exporter, gpu()) == {
        "DCGM_FI_DEV_GPU_UTIL": 98.0,
        "DCGM_FI_DEV_MEM_COPY_UTIL": 77.0,
        "DCGM_FI_DEV_FB_USED": 40 * 1024.0,
        "DCGM_FI_DEV_FB_FREE": 60 * 1024.0,
        "DCGM_FI_DEV_POWER_USAGE": 300.5,
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE": 0.5,
        "DCGM_FI_PROF_SM_ACTIVE": 0.4,
        "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": 0.3,
        "DCGM_FI_PROF_DRAM_ACTIVE": 0.2,
    }


def test_dcgm_s_labels_name_the_gpu_and_who_holds_it():
    """Labels are those that its page renders; two GPUs of a pod have series of their own."""
    exporter, _ = exporters_of(gpu())
    first, second = (
        exporter.samples(["DCGM_FI_DEV_GPU_UTIL"], chip(gpu(), index), Readings(SEEN, SEEN))[0]
        for index in (0, 1)
    )
    assert second.labels == {
        "gpu": "1",
        "UUID": "GPU-node-3-1",
        "device": "nvidia1",
        "modelName": "NVIDIA L4",
        "hostname": "node-3",
        "container": "server",
        "namespace": "default",
        "pod": "llm-0",
    }
    assert first.labels["UUID"] != second.labels["UUID"]


@pytest.mark.parametrize("device", [gpu(), tpu()], ids=["gpu", "tpu"])
def test_what_a_family_says_of_itself_is_so(device):
    """Each sample has the labels of its family, and no value above the maximum."""
    highest = Reading(1.0, 1.0, 1.0, 1.0, 1.0, device.power_limit_watts,
                      float(device.memory_bytes), float(device.memory_bytes))  # fmt: skip
    for exporter in exporters_of(device):
        for name, figure in exporter.figures.items():
            (sample,) = exporter.samples([name], chip(device), Readings(highest, highest))
            assert (sample.name, figure.info.kind) == (name, "gauge")
            assert set(sample.labels) == set(figure.info.labels)
            assert 0.0 <= sample.value <= figure.info.maximum(Limits({})) + 1.0


def test_gpu_plugin_has_duty_and_memory_only():
    """Of GPUs there is a duty cycle and memory; the two utilizations are of TPUs."""
    _, plugin = exporters_of(gpu())
    assert values(plugin, gpu()) == {
        "duty_cycle": 98.0,
        "memory_used": 40.0 * 2**30,
        "memory_total": 100.0 * 2**30,
    }


def test_tpu_plugin_labels_and_utilizations():
    """Chips are named by slice and topology, and by the pod's last container."""
    (plugin,) = exporters_of(tpu())
    found = values(plugin, tpu())
    assert (found["tensorcore_utilization"], found["memory_bandwidth_utilization"]) == (25.0, 60.0)
    (sample,) = plugin.samples(["duty_cycle"], chip(tpu()), Readings(SEEN, SEEN))
    assert sample.labels["make"] == "cloud-tpu"
    assert sample.labels["model"] == "tpu-v5-lite-podslice"
    assert sample.labels["tpu_topology"] == "2x4"
    assert sample.labels["container"] == "sidecar"


def test_an_idle_tpu_is_at_zero_and_one_without_a_server_has_no_duty_cycle():
    """Duty cycle and memory are the runtime's, in the server's process; the rest is the host's."""
    idle = replace(SEEN, duty=0.0, flop_share=0.0, dram_active=0.0)
    (plugin,) = exporters_of(tpu())
    shown = values(plugin, tpu(), idle)
    assert shown["duty_cycle"] == shown["tensorcore_utilization"] == 0.0
    assert shown["memory_used"] == 40.0 * 2**30
    assert values(plugin, tpu(), replace(idle, memory_used_bytes=0.0)) == {
        "tensorcore_utilization": 0.0,
        "memory_bandwidth_utilization": 0.0,
    }


def test_google_collects_the_same_by_itself():
    """System metrics are the plugin's families by their long names; two of them come late."""
    system = system_metrics_of(tpu())
    assert system.collection_seconds == 60.0
    late = {name.rpartition("/")[2]: one.late_seconds for name, one in system.metrics.items()}
    assert late == {
        "duty_cycle": 0.0,
        "memory_used": 0.0,
        "memory_total": 0.0,
        "tensorcore_utilization": 120.0,
        "memory_bandwidth_utilization": 120.0,
    }
    assert set(system.labels(chip(tpu()))) == {"make", "accelerator_id", "model", "tpu_topology"}
    assert len(system_metrics_of(gpu()).metrics) == 3
