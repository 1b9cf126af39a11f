"""The operator writes what has changed, and leaves out what Prometheus does not take."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from scalecert.worlds.local.monitors.config import DefaultScrape, MonitorsConfig, prepare
from scalecert.worlds.local.monitors.operator import Operator
from scalecert.worlds.local.monitors.prometheus import ConfigRefused


class FakePrometheus:
    """Counts reloads, and refuses a configuration that names a word."""

    def __init__(self, config: MonitorsConfig, refused: str) -> None:
        self.reloads = 0
        self._file, self._refused = config.prometheus_config, refused

    def reload(self) -> None:
        self.reloads += 1
        if self._refused and self._refused in self._file.read_text():
            raise ConfigRefused(f"found {self._refused}")


class Rig:
    """An operator over a folder of the test."""

    def __init__(self, folder: Path, refused: str = "") -> None:
        self.config = MonitorsConfig(
            kubeconfig="", prometheus_url="", folder=str(folder), address="127.9.9.1", port=4711,
            namespace="default", canary_interval_seconds=15.0,
            default_scrape=DefaultScrape(interval_seconds=5.0, container="server", port=8000),
        )  # fmt: skip
        prepare(self.config)
        self.prometheus = FakePrometheus(self.config, refused)
        self.operator = Operator(self.config, self.prometheus)

    def configure(self, *monitors: bytes) -> None:
        """Let the operator act on PodMonitorings."""
        self.operator.configure({"PodMonitoring": monitors}, ())

    def jobs(self) -> list[str]:
        """Return the names of the jobs that Prometheus would read."""
        read = json.loads(self.config.prometheus_config.read_bytes())
        return [job["job_name"] for job in read["scrape_configs"]]


def monitor(name: str, port: str = "http") -> bytes:
    """Return a PodMonitoring as the API has it."""
    meta = {"name": name, "namespace": "default"}
    spec = {"selector": {}, "endpoints": [{"port": port}]}
    return json.dumps({"kind": "PodMonitoring", "metadata": meta, "spec": spec}).encode()


def pod(name: str, address: str = "127.9.9.10") -> bytes:
    """Return a pod as the API has it."""
    containers = [{"name": "server", "ports": [{"name": "http", "containerPort": 8000}]}]
    return json.dumps(
        {
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"containers": containers},
            "status": {"phase": "Running", "podIP": address},
        }
    ).encode()


def warnings(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    """Return the lines that were logged as warnings."""
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


def test_prometheus_can_start_before_anything_is_known(tmp_path: Path) -> None:
    """`prepare` writes a configuration without jobs, and no target."""
    rig = Rig(tmp_path)
    assert rig.jobs() == []
    assert json.loads(rig.config.discovered.read_bytes()) == []


def test_without_a_monitor_the_scenarios_scrape_holds(tmp_path: Path) -> None:
    """Servers and exporters are scraped, and the canary as always."""
    rig = Rig(tmp_path)
    rig.configure()
    assert rig.jobs() == ["default/servers", "default/exporters", "scalecert-canary"]


def test_a_monitor_replaces_the_scenarios_scrape(tmp_path: Path) -> None:
    """As soon as there is one, what it does not select is not scraped; and back."""
    rig = Rig(tmp_path)
    rig.configure(monitor("tgi"))
    assert rig.jobs() == ["PodMonitoring/default/tgi/0", "scalecert-canary"]
    rig.configure()
    assert rig.jobs()[0] == "default/servers"


def test_prometheus_reloads_only_what_has_changed(tmp_path: Path) -> None:
    """Pods come and go without a reload, and the same monitors need none."""
    rig = Rig(tmp_path)
    rig.configure(monitor("tgi"))
    rig.configure(monitor("tgi"))
    rig.operator.discover([pod("a")])
    assert rig.prometheus.reloads == 1


def test_targets_are_written_when_they_differ(tmp_path: Path) -> None:
    """A pod that changed nothing that matters leaves the file as it is: Prometheus rereads it."""
    rig = Rig(tmp_path)
    rig.operator.discover([pod("a")])
    (group,) = json.loads(rig.config.discovered.read_bytes())
    assert group["targets"] == ["127.9.9.10:8000"]
    before = rig.config.discovered.stat().st_ino
    rig.operator.discover([pod("a")])
    assert rig.config.discovered.stat().st_ino == before
    rig.operator.discover([])
    assert json.loads(rig.config.discovered.read_bytes()) == []


def test_what_prometheus_refuses_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One monitor that can't be used takes no other with it; a line says which and why."""
    rig = Rig(tmp_path, refused="(?<=bad)")
    rig.configure(monitor("a"), monitor("b", port="(?<=bad)"), monitor("c"))
    assert rig.jobs() == [
        "PodMonitoring/default/a/0",
        "PodMonitoring/default/c/0",
        "scalecert-canary",
    ]
    expected = "PodMonitoring/default/b: Prometheus refuses it: found (?<=bad)"
    assert warnings(caplog) == [expected]


def test_an_unreadable_monitor_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not bring the scenario's scrape back: the policy has a monitor, a wrong one."""
    rig = Rig(tmp_path)
    wrong = json.dumps({"kind": "PodMonitoring", "metadata": {"name": "x"}, "spec": {}}).encode()
    rig.configure(wrong)
    rig.configure(wrong, monitor("tgi"))
    rig.configure(wrong)
    assert rig.jobs() == ["scalecert-canary"]
    (line,) = warnings(caplog)
    assert line.startswith("PodMonitoring/x:")
