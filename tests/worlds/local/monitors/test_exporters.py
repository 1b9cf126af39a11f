"""Exporters of accelerators: those of which the policy reads something, where it looks for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from metrics.test_accelerators import DCGM, DUTY, ENGINE, MONITOR, TENSOR, gpu, tpu

from scalecert.exporters.device import Device
from scalecert.metrics.inputs import MetricsInput, WantedMetric
from scalecert.metrics.scrape_config import ScrapeConfig
from scalecert.worlds.local.monitors.config import SystemScrape
from scalecert.worlds.local.monitors.exporters import TrialExporters, trial_exporters


def exporters(
    metric: str, *monitors: ScrapeConfig, device: Device | None, time_lapse: int = 1
) -> TrialExporters:
    """Return the exporters of a policy that reads one External metric."""
    wanted = (WantedMetric("External", metric),)
    policy = MetricsInput("default", "llm", wanted, monitors, device=device)
    return trial_exporters(policy, ENGINE, time_lapse)


@pytest.mark.parametrize("device", [None, gpu()], ids=["unknown", "gpu"])
def test_who_reads_nothing_of_accelerators_has_no_exporters(device: Device | None) -> None:
    """They would only cost processes."""
    none = exporters("prometheus.googleapis.com|vllm:x|gauge", device=device)
    assert none == TrialExporters()


def test_an_exporter_runs_where_a_monitor_looks_for_it() -> None:
    """Its pods have the labels, the port and the namespace that the monitor selects."""
    (daemon,) = exporters(DCGM, MONITOR, device=gpu()).daemons
    assert (daemon.name, daemon.namespace) == ("nvidia-dcgm-exporter", "gmp-public")
    assert MONITOR.selector.matches(daemon.labels)
    assert daemon.ports == {"metrics": 9400}


def test_an_exporter_that_no_monitor_selects_is_at_its_usual_place() -> None:
    """It is there, and nothing scrapes it: the autoscaler sees that the metric is absent."""
    elsewhere = replace(MONITOR, namespaces=("monitoring",), port=1234)
    (daemon,) = exporters(DCGM, elsewhere, device=gpu()).daemons
    assert daemon.namespace == "gmp-public"


def test_system_metrics_come_from_the_device_plugin() -> None:
    """Google Cloud looks at it every minute of the run, without any monitor."""
    found = exporters(DUTY, MONITOR, device=gpu(), time_lapse=5)
    assert [one.name for one in found.daemons] == ["nvidia-gpu-device-plugin"]
    container = "nvidia-gpu-device-plugin"
    assert found.system == SystemScrape(interval_seconds=12.0, container=container, port=2112)


def test_a_tpus_plugin_is_another() -> None:
    """Its utilizations are system metrics as well."""
    found = exporters(TENSOR, device=tpu())
    assert found.system is not None
    assert found.system.container == "tpu-device-plugin"
