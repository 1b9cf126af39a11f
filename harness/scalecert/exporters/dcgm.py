"""NVIDIA's dcgm-exporter: one page for each node, by GPU.

Families, units and labels are those of NVIDIA/dcgm-exporter (etc/default-counters.csv,
internal/pkg/rendermetrics, commit d5e5f510a1b6b393f39a43293ccd9dc985defc79) and of the counters in
Google's example (GoogleCloudPlatform/prometheus-engine, examples/nvidia-dcgm); of these only the
second has DCGM_FI_PROF_SM_ACTIVE, which is a comment in the first.

`DCGM_FI_DEV_*` are the driver's: utilization is that of its last sample, a sixth of a second to one
second; `DCGM_FI_PROF_*` are averages since the collection before. The exporter collects every
`--collect-interval`, 30 s, and repeats what it has to every scrape until then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scalecert.exporters.base import Chip, Daemon, Exporter, Figure, Reading, gauge
from scalecert.exporters.device import COPY_PER_DRAM, Device

COLLECTION_SECONDS = 30.0
"""`--collect-interval` (pkg/cmd/app.go)."""
RECENT_SECONDS = 1.0
"""The longest sample period of NVML's utilization (nvmlDeviceGetUtilizationRates)."""

_LABELS = ("gpu", "UUID", "device", "modelName", "hostname", "container", "namespace", "pod")
_MIB = 2**20

DAEMONS = (
    Daemon(
        "nvidia-dcgm-exporter",
        "gmp-public",
        {"app.kubernetes.io/name": "nvidia-dcgm-exporter"},
        {"metrics": 9400},
        "nvidia-dcgm-exporter",
    ),
    Daemon(
        "dcgm-exporter",
        "gke-managed-system",
        {"app.kubernetes.io/name": "gke-managed-dcgm-exporter"},
        {"metrics": 9400},
        "dcgm-exporter",
    ),
    Daemon(
        "nvidia-dcgm-exporter",
        "gpu-operator",
        {"app": "nvidia-dcgm-exporter"},
        {"metrics": 9400},
        "nvidia-dcgm-exporter",
    ),
    Daemon(
        "dcgm-exporter",
        "default",
        {"app.kubernetes.io/name": "dcgm-exporter"},
        {"metrics": 9400},
        "exporter",
    ),
)
"""Google's example, GKE's managed one, the GPU Operator's, and NVIDIA's own chart."""


def dcgm_exporter(device: Device) -> Exporter:
    """Return the exporter on nodes with these GPUs."""
    figures = _figures(device)
    return Exporter(
        "dcgm-exporter",
        DAEMONS,
        COLLECTION_SECONDS,
        RECENT_SECONDS,
        {figure.info.name: figure for figure in figures},
        _labels,
    )


def _labels(chip: Chip) -> Mapping[str, str]:
    return {
        "gpu": str(chip.index),
        "UUID": chip.uuid,
        "device": f"nvidia{chip.index}",
        "modelName": chip.model,
        "hostname": chip.node,
        "container": chip.holder.container,
        "namespace": chip.holder.namespace,
        "pod": chip.holder.pod,
    }


def _figures(device: Device) -> tuple[Figure, ...]:
    total = device.memory_bytes / _MIB
    return (
        _percent("DCGM_FI_DEV_GPU_UTIL", "time in which any kernel ran", lambda seen: seen.duty),
        _percent("DCGM_FI_DEV_MEM_COPY_UTIL", "time in which device memory was read or written",
                 lambda seen: min(seen.duty, COPY_PER_DRAM * seen.dram_active)),
        _mebibytes("DCGM_FI_DEV_FB_USED", "device memory taken", total,
                   lambda seen: seen.memory_used_bytes),
        _mebibytes("DCGM_FI_DEV_FB_FREE", "device memory left", total,
                   lambda seen: seen.memory_total_bytes - seen.memory_used_bytes),
        gauge("DCGM_FI_DEV_POWER_USAGE", "watts", _LABELS, "power drawn",
              lambda seen: round(seen.recent.power_watts, 3), highest=device.power_limit_watts),
        _share("DCGM_FI_PROF_GR_ENGINE_ACTIVE",
               "time in which the graphics or compute engine was active", lambda seen: seen.duty),
        _share("DCGM_FI_PROF_SM_ACTIVE", "cycles in which an SM had a warp, mean over SMs",
               lambda seen: seen.sm_active),
        _share("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "cycles in which the tensor pipe was active",
               lambda seen: seen.tensor_active),
        _share("DCGM_FI_PROF_DRAM_ACTIVE", "cycles in which the memory interface was active",
               lambda seen: seen.dram_active),
    )  # fmt: skip


def _percent(name: str, text: str, share: Callable[[Reading], float]) -> Figure:
    """Return a utilization of the driver's."""
    return gauge(
        name,
        "percent",
        _LABELS,
        text,
        lambda seen: float(round(100 * share(seen.recent))),
        highest=100.0,
    )


def _mebibytes(name: str, text: str, most: float, size: Callable[[Reading], float]) -> Figure:
    return gauge(
        name,
        "MiB",
        _LABELS,
        text,
        lambda seen: float(round(size(seen.recent) / _MIB)),
        highest=most,
    )


def _share(name: str, text: str, share: Callable[[Reading], float]) -> Figure:
    """Return a profiling field: from 0 to 1, an average since the collection before."""
    return gauge(
        name,
        "fraction",
        _LABELS,
        text,
        lambda seen: round(share(seen.average), 6),
        highest=1.0,
    )
