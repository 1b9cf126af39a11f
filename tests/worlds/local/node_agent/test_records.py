"""What the rest of the world reads."""

from __future__ import annotations

import json
from pathlib import Path

from scalecert.worlds.local.node_agent.pod_objects import PodIdentity
from scalecert.worlds.local.node_agent.records import PODS_FILE, ROUTES_FILE, Records

OLD, NEW = (PodIdentity(name, "default", f"uid-{name}", n) for n, name in enumerate(["a", "b"]))


def routed(directory: Path) -> list[str]:
    pods = json.loads((directory / ROUTES_FILE).read_text())["pods"]
    return [pod["name"] for pod in pods]


def test_routes_are_there_from_the_start_oldest_pod_first(tmp_path: Path):
    """Whoever routes by them sees whole files only, and a pod is in them until it is not."""
    records = Records(tmp_path)
    assert routed(tmp_path) == []
    records.route(NEW, "127.7.7.11", port=8000, ports={"http": 8000})
    records.route(OLD, "127.7.7.10", port=8000, ports={})
    assert routed(tmp_path) == ["a", "b"]
    records.unroute(OLD)
    records.unroute(OLD)
    assert routed(tmp_path) == ["b"]
    (pod,) = json.loads((tmp_path / ROUTES_FILE).read_text())["pods"]
    assert (pod["ordinal"], pod["address"], pod["ports"]) == (1, "127.7.7.11", {"http": 8000})


def test_each_step_of_a_pod_is_a_line_at_once(tmp_path: Path):
    """With what is known of it."""
    records = Records(tmp_path)
    records.pod(OLD, "created")
    records.pod(OLD, "exited", container="server", code=137)
    lines = [json.loads(line) for line in (tmp_path / PODS_FILE).read_text().splitlines()]
    assert [line["what"] for line in lines] == ["created", "exited"]
    assert "node" not in lines[0]
    assert lines[1]["code"] == 137
    assert lines[0]["time"] <= lines[1]["time"]


def test_a_new_agent_knows_of_no_earlier_run(tmp_path: Path):
    """Its pods are counted from 0 again."""
    Records(tmp_path).pod(OLD, "created")
    Records(tmp_path)
    assert (tmp_path / PODS_FILE).read_text() == ""
