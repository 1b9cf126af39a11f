"""Every exporter of a kind of accelerator: the only module that names them."""

from __future__ import annotations

from scalecert.exporters.base import Exporter, SystemMetrics
from scalecert.exporters.dcgm import dcgm_exporter
from scalecert.exporters.device import Device
from scalecert.exporters.gke_accelerators import device_plugin, system_metrics


def exporters_of(device: Device) -> tuple[Exporter, ...]:
    """Return the exporters that nodes with these accelerators may have."""
    if device.make == "nvidia":
        return dcgm_exporter(device), device_plugin(device)
    return (device_plugin(device),)


def system_metrics_of(device: Device) -> SystemMetrics:
    """Return what Google Cloud collects of these accelerators by itself."""
    return system_metrics(device)
