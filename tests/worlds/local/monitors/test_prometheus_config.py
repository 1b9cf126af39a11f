"""Prometheus' configuration: jobs of monitors, of no monitor, and the canary's."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from worlds.local.monitors.pods import cases

from scalecert.hpa.selectors import EVERYTHING
from scalecert.metrics.canary import canary_pod, canary_scrape_config
from scalecert.metrics.inputs import MetricsInput
from scalecert.metrics.relabel import RelabelRule, relabel
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod, default_scrape_config
from scalecert.worlds.local.monitors.prometheus_config import (
    Canary,
    Job,
    ScrapedEndpoint,
    canary_job,
    configuration,
    default_jobs,
    monitor_job,
    system_job,
)
from scalecert.worlds.local.monitors.target_rules import Endpoint

PROMTOOL = shutil.which("promtool")
FILE = "/world/discovered/pods.json"
GOOGLE = ScrapeConfig("PodMonitoring", "mon", "default", EVERYTHING, "http", 15.0)
CANARY = Canary("127.9.9.1:4711", "team-a", 3.0)


def job_of(config: ScrapeConfig, path: str = "/metrics") -> Job:
    """Return the job of an endpoint."""
    return monitor_job(ScrapedEndpoint("PodMonitoring/default/mon/0", config, path), FILE)


def check(path: Path, jobs: list[Job]) -> None:
    """Fail if promtool finds a fault in the jobs."""
    if PROMTOOL is None:
        pytest.skip("promtool is not installed (it comes with Prometheus)")
    file = path / "prometheus.yml"
    file.write_bytes(configuration(jobs))
    done = subprocess.run(
        [PROMTOOL, "check", "config", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@settings(
    max_examples=15, derandomize=True, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(case=cases())
def test_prometheus_takes_the_job_of_any_monitor(
    tmp_path: Path, case: tuple[ScrapeConfig, ScrapedPod]
) -> None:
    """promtool, which is Prometheus' own reader, finds no fault."""
    config, _ = case
    configs = default_scrape_config(15.0)
    check(
        tmp_path,
        [
            job_of(config),
            *default_jobs(configs, Endpoint("server", 8000, "http"), "/metrics", FILE),
            system_job(60.0, "plugin", 2112, FILE),
            canary_job(CANARY, [config]),
        ],
    )


def test_a_job_says_what_the_monitor_says() -> None:
    """Path, interval, honorLabels and metric relabelings; targets come from discovery's file."""
    drop = RelabelRule(action="Drop", source_labels=("__name__",), regex="go_.*")
    job = job_of(replace(GOOGLE, honor_labels=True, metric_relabelings=(drop,)), "/prom")
    assert job["metrics_path"] == "/prom"
    assert (job["scrape_interval"], job["scrape_timeout"]) == ("15000ms", "10000ms")
    assert job["honor_labels"] is True
    assert job["metric_relabel_configs"] == [
        {"action": "drop", "source_labels": ["__name__"], "regex": "go_.*"}
    ]
    assert job["file_sd_configs"] == [{"files": [FILE], "refresh_interval": "1h"}]


def test_a_timeout_is_never_above_the_interval() -> None:
    """Prometheus would refuse it; a monitor that says nothing of it has ten seconds."""
    job = job_of(replace(GOOGLE, interval_seconds=1.5))
    assert (job["scrape_interval"], job["scrape_timeout"]) == ("1500ms", "1500ms")


def test_an_emptied_field_stays_empty() -> None:
    """An empty separator or replacement is not the default, which is another."""
    rule = RelabelRule(source_labels=("a", "b"), separator="", target_label="c", replacement="")
    job = job_of(replace(GOOGLE, metric_relabelings=(rule,)))
    assert job["metric_relabel_configs"] == [
        {
            "action": "replace",
            "source_labels": ["a", "b"],
            "separator": "",
            "target_label": "c",
            "replacement": "",
        }
    ]


def test_without_a_monitor_or_an_engine_every_declared_port_is_scraped() -> None:
    """A world that is up for nothing in particular scrapes whatever is there."""
    (job,) = default_jobs(default_scrape_config(5.0), None, "/metrics", FILE)
    assert job["scrape_interval"] == "5000ms"


@pytest.mark.parametrize("kind", ["PodMonitoring", "PodMonitor", "none"])
def test_the_canary_has_the_labels_of_its_pod(kind: str) -> None:
    """They are put on its samples alone, as the adapters know them in any world."""
    configs = () if kind == "none" else (replace(GOOGLE, kind=kind),)
    job = canary_job(CANARY, configs)
    rules = job["metric_relabel_configs"]
    assert isinstance(rules, list)
    put = relabel({"__name__": "x"}, [RelabelRule(**rule) for rule in rules])
    said = canary_scrape_config(MetricsInput("team-a", "", (), configs))
    assert put == {"__name__": "x", **(said.target_labels(canary_pod("team-a")) or {})}
    assert job["static_configs"] == [{"targets": ["127.9.9.1:4711"]}]
    assert "relabel_configs" not in job


def test_google_clouds_own_collection_is_no_series_of_a_policy() -> None:
    """Its series have names of their own, and the plugin's labels, which name the pods."""
    job = system_job(60.0, "plugin", 2112, FILE)
    assert job["honor_labels"] is True
    assert job["scrape_interval"] == "60000ms"
    assert job["metric_relabel_configs"] == [
        {
            "action": "replace",
            "source_labels": ["__name__"],
            "target_label": "__name__",
            "replacement": "scalecert_system_$1",
        }
    ]


def test_the_configuration_is_json_and_so_yaml() -> None:
    """Prometheus reads YAML."""
    assert json.loads(configuration([{"job_name": "a"}]))["scrape_configs"] == [{"job_name": "a"}]
