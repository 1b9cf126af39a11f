"""Relabelling gives a target the labels that the metric pipeline says it has."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from worlds.local.monitors.pods import api_pod, cases, pod

from scalecert.errors import HarnessBug
from scalecert.hpa.selectors import EVERYTHING, Requirement, Selector
from scalecert.metrics.relabel import relabel
from scalecert.metrics.scrape_config import ScrapeConfig, ScrapedPod, default_scrape_config
from scalecert.worlds.local.monitors.discovery import Pod, target_groups
from scalecert.worlds.local.monitors.target_rules import (
    NODES_OWN,
    Endpoint,
    Rules,
    exporter_rules,
    server_rules,
    system_rules,
    target_rules,
)

WEB = ScrapedPod(
    "web-6d4cf56db6-abcde", "default", {"app": "web", "pod-template-hash": "6d4cf56db6"},
    {"http": 8000}, "server", "127.9.9.10", "web",
)  # fmt: skip
EXPORTER = api_pod(
    {
        "metadata": {
            "name": "dcgm-exporter-node-0",
            "namespace": "gmp-public",
            "annotations": {NODES_OWN: "scalecert"},
            "ownerReferences": [{"kind": "DaemonSet", "name": "dcgm", "controller": True}],
        },
        "spec": {
            "containers": [
                {"name": "exporter", "ports": [{"name": "metrics", "containerPort": 9400}]}
            ]
        },
        "status": {"phase": "Running", "podIP": "127.9.9.2"},
    }
)
GOOGLE = ScrapeConfig("PodMonitoring", "mon", "default", EVERYTHING, "http", 15.0)


def targets(one: Pod, rules: Rules) -> list[dict[str, str]]:
    """Return the targets that Prometheus would have of a pod: each with its address, each once."""
    found: list[dict[str, str]] = []
    for group in target_groups(one):
        kept = relabel({**group.labels, "__address__": group.targets[0]}, rules)
        if kept is None:
            continue
        shown = {
            name: value
            for name, value in kept.items()
            if value and (name == "__address__" or not name.startswith("__"))
        }
        if shown not in found:
            found.append(shown)
    return found


def labels(one: Pod, rules: Rules) -> list[dict[str, str]]:
    """Return the labels of the targets, without the address."""
    return [
        {name: value for name, value in target.items() if name != "__address__"}
        for target in targets(one, rules)
    ]


def promised(config: ScrapeConfig, one: ScrapedPod) -> list[dict[str, str]]:
    """Return what `target_labels` says; an empty label is none."""
    said = config.target_labels(one)
    return [] if said is None else [{name: value for name, value in said.items() if value}]


def is_scraped_for_real(config: ScrapeConfig, one: ScrapedPod) -> bool:
    """Tell whether an operator scrapes the port: some take numbers that are declared alone."""
    if not isinstance(config.port, int) or config.google or config.port in one.ports.values():
        return True
    return config.kind == "ServiceMonitor" and not one.ports


@settings(max_examples=80, derandomize=True, deadline=None)
@given(case=cases())
def test_targets_have_the_labels_that_the_pipeline_says(
    case: tuple[ScrapeConfig, ScrapedPod],
) -> None:
    """For any pod and any monitor: the same targets, under the same labels."""
    config, one = case
    expected = promised(config, one) if is_scraped_for_real(config, one) else []
    assert labels(pod(one), target_rules(config)) == expected


@settings(max_examples=20, derandomize=True, deadline=None)
@given(case=cases())
def test_a_pod_without_a_running_container_is_no_target(
    case: tuple[ScrapeConfig, ScrapedPod],
) -> None:
    """A pod is scraped from the start of its container until it is gone or over."""
    config, one = case
    for phase in ("Pending", "Succeeded", "Failed"):
        assert targets(pod(one, phase=phase), target_rules(config)) == []


def test_a_terminating_or_unready_pod_is_scraped_until_it_is_gone() -> None:
    """Neither readiness nor a deletion that is under way ends a target."""
    ending = api_pod(
        {
            "metadata": {"name": "web", "namespace": "default", "deletionTimestamp": "2026-01-01"},
            "spec": {
                "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 1}]}]
            },
            "status": {
                "phase": "Running",
                "podIP": "127.9.9.10",
                "conditions": [{"type": "Ready", "status": "False"}],
            },
        }
    )
    assert len(targets(ending, target_rules(GOOGLE))) == 1


def test_google_scrapes_an_undeclared_number_once() -> None:
    """All ports of a pod become the one target that the number says."""
    many = replace(WEB, ports={"http": 8000, "grpc": 9000})
    (target,) = targets(pod(many), target_rules(replace(GOOGLE, port=9400)))
    assert target["__address__"] == "127.9.9.10:9400"
    assert target["instance"] == "web-6d4cf56db6-abcde:9400"


def test_a_service_reaches_a_port_that_nobody_declares() -> None:
    """A pod that declares nothing may listen anywhere; a sidecar makes no second target of it."""
    silent = api_pod(
        {
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"containers": [{"name": "server"}, {"name": "sidecar"}]},
            "status": {"phase": "Running", "podIP": "127.9.9.10"},
        }
    )
    (target,) = targets(silent, target_rules(replace(GOOGLE, kind="ServiceMonitor", port=8000)))
    assert target["__address__"] == "127.9.9.10:8000"
    assert (target["container"], target["endpoint"]) == ("server", "8000")


def test_a_node_is_named_where_metadata_asks_for_it() -> None:
    """`targetLabels.metadata: [node]` attaches the pod's node."""
    (target,) = targets(pod(WEB), target_rules(replace(GOOGLE, metadata=("node",))))
    assert target["node"] == "node-0"


def test_without_a_monitor_servers_are_scraped_where_the_engine_shows_metrics() -> None:
    """The engine's port is known even where the container does not declare it, or others first."""
    config = default_scrape_config(15.0)
    many = replace(WEB, ports={"grpc": 9000, "http": 8000})
    (target,) = targets(pod(many), server_rules(config, Endpoint("server", 9100, "grpc")))
    assert target.pop("__address__") == "127.9.9.10:9100"
    assert [target] == promised(config, many)


def test_without_a_monitor_nothing_but_the_engines_container_is_a_server() -> None:
    """A sidecar shows no metrics of the engine."""
    rules = server_rules(default_scrape_config(15.0), Endpoint("other", 9100, "http"))
    assert targets(pod(WEB), rules) == []


def test_without_a_monitor_exporters_are_scraped_too() -> None:
    """They are scraped at the port that they declare; other pods are not."""
    config = default_scrape_config(15.0)
    (target,) = targets(EXPORTER, exporter_rules(config))
    assert target["__address__"] == "127.9.9.2:9400"
    assert target["top_level_controller_type"] == "DaemonSet"
    assert targets(pod(WEB), exporter_rules(config)) == []


def test_system_metrics_come_from_the_nodes_plugin_alone() -> None:
    """A pod of somebody else with a container of that name and port is none."""
    rules = system_rules("exporter", 9400)
    (target,) = targets(EXPORTER, rules)
    assert target == {"__address__": "127.9.9.2:9400"}
    same = replace(WEB, container="exporter", ports={"metrics": 9400})
    assert targets(pod(same), rules) == []
    assert targets(EXPORTER, system_rules("exporter", 2112)) == []


def test_a_selector_that_no_monitor_can_have_is_a_bug() -> None:
    """Label selectors of objects know no order of values."""
    wrong = replace(GOOGLE, selector=Selector((Requirement("app", ">", ("1",)),)))
    with pytest.raises(HarnessBug, match="app>1"):
        target_rules(wrong)
