"""GKE's accelerator metrics: of its device plugins on port 2112, and Cloud Monitoring's own.

GPU: GoogleCloudPlatform/container-engine-accelerators, pkg/gpu/nvidia/metrics/metrics.go (commit
992db81257553607f1477945f1b3219632991829). TPU: ai-on-gke/tpu-device-plugin, pkg/metrics (commit
4626a9f459c06db8411bce7de0496f59967b7c20). Cloud Monitoring: `kubernetes.io/container/accelerator/*`
in Google's list of Kubernetes metrics, each for a `k8s_container`.

A TPU's duty cycle and memory are asked of the runtime in the server's process: where there is no
server yet there are none, which is not the same as 0; an idle server's duty cycle is 0. The two
utilizations are the host's, and there always. Which container is named: the plugin's source has
the one that asks for the chips, but every query that Google published for JetStream has the last
one of the pod, whose chips are its first container's (GoogleCloudPlatform/ai-on-gke,
modules/jetstream-maxtext-deployment: the HPA and the rule of prometheus-adapter). The last one is
taken, as the queries are older than the source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scalecert.exporters.base import (
    Chip,
    Daemon,
    Exporter,
    Figure,
    Readings,
    SystemMetric,
    SystemMetrics,
    gauge,
)
from scalecert.exporters.device import Device

GPU_COLLECTION_SECONDS = 30.0
"""`--gpu-metrics-collection-interval` (cmd/nvidia_gpu)."""
TPU_COLLECTION_SECONDS = 10.0
"""`--runtime-metrics-collection-interval`, whose ticker is that of all (cmd/tpu)."""
RECENT_SECONDS = 10.0
"""The sample period of the duty cycle: 10 s in the plugin, and in Google's list of metrics."""
SYSTEM_COLLECTION_SECONDS = 60.0
"""Google's list of metrics says of each: sampled every 60 seconds."""
UTILIZATION_LATE_SECONDS = 120.0
"""And of the two utilizations: after sampling, data is not visible for up to 120 seconds. The
longest is taken, as one who scales has to reckon with it."""
TYPE_PREFIX = "kubernetes.io/container/accelerator"

_GPU_PLUGIN = Daemon(
    "nvidia-gpu-device-plugin",
    "kube-system",
    {"k8s-app": "nvidia-gpu-device-plugin"},
    {"metrics": 2112},
    "nvidia-gpu-device-plugin",
)
_TPU_PLUGIN = Daemon(
    "tpu-device-plugin",
    "kube-system",
    {"k8s-app": "tpu-device-plugin"},
    {"metrics": 2112},
    "tpu-device-plugin",
)


def device_plugin(device: Device) -> Exporter:
    """Return the device plugin of nodes with these accelerators, as an exporter."""
    return Exporter(
        "GPU device plugin" if device.make == "nvidia" else "TPU device plugin",
        (_GPU_PLUGIN if device.make == "nvidia" else _TPU_PLUGIN,),
        GPU_COLLECTION_SECONDS if device.make == "nvidia" else TPU_COLLECTION_SECONDS,
        RECENT_SECONDS,
        {figure.info.name: figure for figure in _figures(device, _plugin_label_names(device))},
        _plugin_labels,
    )


def system_metrics(device: Device) -> SystemMetrics:
    """Return what Cloud Monitoring has of these accelerators without any monitor."""
    metrics = [_system_metric(figure) for figure in _figures(device, _label_names(device))]
    return SystemMetrics(
        {metric.metric_type: metric for metric in metrics},
        SYSTEM_COLLECTION_SECONDS,
        RECENT_SECONDS,
        _chip_labels,
    )


def _system_metric(figure: Figure) -> SystemMetric:
    utilization = figure.info.name.endswith("_utilization")
    return SystemMetric(
        f"{TYPE_PREFIX}/{figure.info.name}",
        "DOUBLE" if utilization else "INT64",
        figure,
        UTILIZATION_LATE_SECONDS if utilization else 0.0,
    )


def _chip_labels(chip: Chip) -> Mapping[str, str]:
    labels = {"make": chip.make, "accelerator_id": chip.uuid, "model": chip.model}
    return {**labels, "tpu_topology": chip.topology} if chip.make == "cloud-tpu" else labels


def _plugin_labels(chip: Chip) -> Mapping[str, str]:
    holder = chip.holder
    return {
        "namespace": holder.namespace,
        "pod": holder.pod,
        "container": holder.container if chip.make == "nvidia" else holder.last_container,
        **_chip_labels(chip),
    }


def _label_names(device: Device) -> tuple[str, ...]:
    own = ("make", "accelerator_id", "model")
    return own if device.make == "nvidia" else (*own, "tpu_topology")


def _plugin_label_names(device: Device) -> tuple[str, ...]:
    return ("namespace", "pod", "container", *_label_names(device))


def _figures(device: Device, labels: tuple[str, ...]) -> list[Figure]:
    """Return the families; the two utilizations are of TPUs alone."""
    of_tpu = device.make == "cloud-tpu"

    def shown(value: Callable[[Readings], float]) -> Callable[[Readings], float | None]:
        return lambda seen: None if of_tpu and not seen.recent.memory_used_bytes else value(seen)

    figures = [
        gauge(
            "duty_cycle",
            "percent",
            labels,
            "time in which the accelerator worked",
            shown(lambda seen: float(round(100 * seen.recent.duty))),
            highest=100.0,
        ),
        gauge(
            "memory_used",
            "bytes",
            labels,
            "accelerator memory taken",
            shown(lambda seen: float(round(seen.recent.memory_used_bytes))),
            highest=float(device.memory_bytes),
        ),
        gauge(
            "memory_total",
            "bytes",
            labels,
            "accelerator memory in all",
            shown(lambda seen: float(round(seen.recent.memory_total_bytes))),
            highest=float(device.memory_bytes),
        ),
    ]
    return [*figures, *_utilizations(labels)] if of_tpu else figures


def _utilizations(labels: tuple[str, ...]) -> list[Figure]:
    return [
        gauge(
            "tensorcore_utilization",
            "percent",
            labels,
            "operations done of those that the TensorCores could do",
            lambda seen: round(100 * seen.recent.flop_share, 6),
            highest=100.0,
        ),
        gauge(
            "memory_bandwidth_utilization",
            "percent",
            labels,
            "bytes moved of those that the memory could move",
            lambda seen: round(100 * seen.recent.dram_active, 6),
            highest=100.0,
        ),
    ]
