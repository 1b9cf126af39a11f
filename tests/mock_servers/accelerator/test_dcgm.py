"""dcgm-exporter's page."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mock_servers.accelerator.dcgm import NOT_SHOWN, ZEROS, DcgmPage
from mock_servers.accelerator.node import Node
from scalecert.exporters.dcgm import dcgm_exporter

from .nodes import device, hold, look, node

PUBLISHED = (
    'DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-58e8f5ea-13cc-013a-d88f-2bcf5ae8bc77",'
    'pci_bus_id="00000000:1A:00.0",device="nvidia0",modelName="NVIDIA H100 80GB HBM3",'
    'Hostname="node-074",DCGM_FI_DRIVER_VERSION="535.129.03",container="server",'
    'namespace="models",pod="predictor-8j8pl"} 0.000000'
)
"""A line of a real page (NVIDIA/dcgm-exporter, issue 512), without the labels of MIG."""


def collected(one: Node, *, busy_share: float = 0.5) -> DcgmPage:
    """Return the page after a collection in which pod `a` was busy."""
    page = DcgmPage(one)
    one.settle({"a": look(hold("a", 0), 10.0, busy_share)})
    page.open()
    one.settle({"a": look(hold("a", 0), 11.0, busy_share)})
    page.collect(1.0)
    return page


def values(page: DcgmPage, family: str) -> dict[str, float]:
    """Return a family's values by GPU, as the official parser reads them."""
    return {
        sample.labels["gpu"]: sample.value
        for found in text_string_to_metric_families(page.text())
        for sample in found.samples
        if sample.name == family
    }


def label_names(line: str) -> list[str]:
    return re.findall(r'(\w+)="', line)


def line_of(page: DcgmPage, family: str, gpu: int) -> str:
    return next(
        line for line in page.text().splitlines() if line.startswith(f'{family}{{gpu="{gpu}"')
    )


def test_a_line_has_the_labels_of_a_real_one_in_its_order() -> None:
    """Up to version 4.8 `Hostname`; the name is in lower case since."""
    one = node()
    page = DcgmPage(one, "4.8")
    one.settle({"a": look(hold("a", 0), 10.0)})
    line = line_of(page, "DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0)
    assert label_names(line) == label_names(PUBLISHED)
    assert re.fullmatch(r"\d\.\d{6}", line.rpartition(" ")[2])
    assert label_names(line_of(DcgmPage(one), "DCGM_FI_DEV_GPU_UTIL", 0)) == [
        name.replace("Hostname", "hostname") for name in label_names(PUBLISHED)
    ]


def test_a_gpu_that_no_pod_holds_is_there_without_a_pod() -> None:
    """Its labels are its own, its figures those of idleness."""
    page = collected(node())
    assert label_names(line_of(page, "DCGM_FI_DEV_GPU_UTIL", 1)) == [
        *("gpu", "UUID", "pci_bus_id", "device", "modelName", "hostname"),
        "DCGM_FI_DRIVER_VERSION",
    ]
    assert values(page, "DCGM_FI_DEV_FB_USED")["1"] == 0.0
    assert 0.0 < values(page, "DCGM_FI_DEV_POWER_USAGE")["1"] < 20.0


def test_the_figures_are_those_of_the_exporters_model() -> None:
    """Every family of the exporter is there, with the value that the simulation would show."""
    one = node()
    page = collected(one)
    readings = device().readings(
        (10.0, look(hold("a"), 10.0, 0.5).activity),
        None,
        (11.0, look(hold("a"), 11.0, 0.5).activity),
    )
    for name, figure in dcgm_exporter(one.device).figures.items():
        assert values(page, name)["0"] == pytest.approx(figure.value(readings), abs=1e-6), name


def test_values_are_of_the_last_collection_and_pods_of_now() -> None:
    """A pod that comes has the GPU at once, with what was collected before; and so it goes."""
    one = node(count=1)
    page = collected(one, busy_share=1.0)
    assert values(page, "DCGM_FI_DEV_GPU_UTIL") == {"0": 100.0}
    one.settle({"b": look(hold("b", 0), 1.0, 0.0)})
    assert 'pod="b"' in line_of(page, "DCGM_FI_DEV_GPU_UTIL", 0)
    assert values(page, "DCGM_FI_DEV_GPU_UTIL") == {"0": 100.0}
    one.settle({})
    page.open()
    page.collect(31.0)
    assert "pod=" not in page.text()
    assert values(page, "DCGM_FI_DEV_GPU_UTIL") == {"0": 0.0}


def test_whole_numbers_are_written_whole() -> None:
    """Percent and MiB are integers of the driver's, all else has six decimals."""
    page = collected(node())
    assert re.search(r" \d+$", line_of(page, "DCGM_FI_DEV_FB_USED", 0))
    assert re.search(r" \d+$", line_of(page, "DCGM_FI_DEV_GPU_UTIL", 0))
    assert re.search(r" \d+\.\d{6}$", line_of(page, "DCGM_FI_DEV_POWER_USAGE", 0))


def test_what_is_always_zero_is_there_and_what_nobody_models_is_not() -> None:
    """Of the families that the exporter collects by default."""
    page = collected(node())
    families = {found.name for found in text_string_to_metric_families(page.text())}
    assert {name for name, _, _ in ZEROS} <= families
    assert not families & set(NOT_SHOWN)
    errors = line_of(page, "DCGM_FI_DEV_XID_ERRORS", 0)
    assert label_names(errors)[-5:] == ["container", "err_code", "err_msg", "namespace", "pod"]
