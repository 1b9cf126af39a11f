"""dcgm-exporter's page: what was collected of each GPU, with the pod that holds it now.

Sources: NVIDIA/dcgm-exporter, commit d5e5f510a1b6b393f39a43293ccd9dc985defc79. Order of labels and
lines: internal/pkg/rendermetrics. Numbers: `toString` of internal/pkg/collector/gpu_collector.go
(`%d` or `%f`). Pods are looked up at every scrape (internal/pkg/server, `render`, and
`PodMapper.Process`), values are of the last collection; a GPU that no pod holds is there without
the pod's labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from mock_servers.accelerator.node import NOBODY, Looks, Node
from scalecert.engines.base import Sample
from scalecert.exporters.base import Readings
from scalecert.exporters.dcgm import dcgm_exporter

Version = Literal["main", "4.8"]
"""Whose labels: releases up to 4.8.2 write `Hostname`, later commits `hostname`."""

DRIVER_VERSION = "550.90.07"

ZEROS = (
    ("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "counter", "retries on the PCIe bus"),
    ("DCGM_FI_DEV_ENC_UTIL", "gauge", "time in which the encoder was busy, in percent"),
    ("DCGM_FI_DEV_DEC_UTIL", "gauge", "time in which the decoder was busy, in percent"),
    ("DCGM_FI_DEV_XID_ERRORS", "gauge", "last XID error"),
    ("DCGM_FI_DEV_VGPU_LICENSE_STATUS", "gauge", "vGPU license status"),
    ("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "counter", "rows remapped, uncorrectable"),
    ("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "counter", "rows remapped, correctable"),
    ("DCGM_FI_DEV_ROW_REMAP_FAILURE", "gauge", "whether remapping of rows has failed"),
)
"""Families of etc/default-counters.csv that are 0 on a healthy GPU: name, type, help."""

NOT_SHOWN = (
    "DCGM_FI_DEV_FB_RESERVED",
    "DCGM_FI_DEV_SM_CLOCK",
    "DCGM_FI_DEV_MEM_CLOCK",
    "DCGM_FI_DEV_MEMORY_TEMP",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL",
    "DCGM_FI_PROF_PCIE_TX_BYTES",
    "DCGM_FI_PROF_PCIE_RX_BYTES",
)
"""Families of the same file that no model here computes."""

_POD_LABELS = ("container", "namespace", "pod")
_XID = {"err_code": "0", "err_msg": "No Error"}
_INTEGER_UNITS = ("percent", "MiB")


class DcgmPage:
    """What dcgm-exporter shows of a node.

    Args:
        version: whose labels it writes.
    """

    def __init__(self, node: Node, version: Version = "main") -> None:
        self._node = node
        self._version = version
        self._exporter = dcgm_exporter(node.device)
        self.collection_seconds = self._exporter.collection_seconds
        self.recent_seconds = self._exporter.recent_seconds
        self._looks = Looks()
        self._shown: dict[int, Readings] = {}

    def open(self) -> None:
        """Look at the start of the short window."""
        self._looks.open(self._node)

    def collect(self, now: float) -> None:
        """Take what the GPUs show; `now` does not matter, nothing is kept longer."""
        del now
        self._shown = {
            place: readings
            for occupant, readings in self._looks.close(self._node)
            for place in occupant.places
        }

    def text(self) -> str:
        """Return the page now."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for figure in self._exporter.figures.values():
            info = figure.info
            yield f"# HELP {info.name} {info.help}"
            yield f"# TYPE {info.name} {info.kind}"
            integer = info.unit in _INTEGER_UNITS
            for place, sample in self._samples(info.name):
                value = f"{sample.value:.0f}" if integer else f"{sample.value:f}"
                yield f"{info.name}{{{self._labels(place, sample.labels)}}} {value}"
        for name, kind, text in ZEROS:
            yield f"# HELP {name} {text}"
            yield f"# TYPE {name} {kind}"
            more = _XID if name == "DCGM_FI_DEV_XID_ERRORS" else {}
            for place, sample in self._samples("DCGM_FI_DEV_FB_USED"):
                yield f"{name}{{{self._labels(place, {**sample.labels, **more})}}} 0"

    def _samples(self, name: str) -> Iterator[tuple[int, Sample]]:
        holders = self._node.holders()
        for place in self._node.places():
            chip = self._node.chip(place, holders.get(place, NOBODY))
            readings = self._shown.get(place) or self._node.idle()
            for sample in self._exporter.samples([name], chip, readings):
                yield place, sample

    def _labels(self, place: int, labels: Mapping[str, str]) -> str:
        """Return the labels in the exporter's order: the GPU's, then the pod's by name."""
        hostname = "hostname" if self._version == "main" else "Hostname"
        ordered = {
            "gpu": labels["gpu"],
            "UUID": labels["UUID"],
            "pci_bus_id": f"00000000:{place + 4:02X}:00.0",
            "device": labels["device"],
            "modelName": labels["modelName"],
            hostname: labels["hostname"],
            "DCGM_FI_DRIVER_VERSION": DRIVER_VERSION,
        }
        own = (*_POD_LABELS, *_XID)
        ordered |= {name: labels[name] for name in sorted(own) if labels.get(name)}
        return ",".join(f'{name}="{value}"' for name, value in ordered.items())
