"""The node agent's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalecert.errors import UsageError
from scalecert.exporters.dcgm import DAEMONS
from scalecert.scenario.model import Interval, Nodes
from scalecert.units import Duration
from scalecert.worlds.local.node_agent.config import (
    AgentConfig,
    NodeKind,
    ServerImage,
    forget_run_start,
    read_config,
    run_start,
    tell_run_start,
    write_config,
)


def test_what_is_written_is_read(tmp_path: Path):
    """Every part of a configuration survives the file."""
    stock_out = Interval(start=Duration(10.0), duration=Duration(2.5))
    config = AgentConfig(
        kubeconfig="k",
        subnet="127.77.3",
        directory="d",
        speed=5.0,
        nodes=Nodes(warm=2, maximum=4, provisioning=Duration(36.0), stock_outs=(stock_out,)),
        node_kind=NodeKind(labels={"a": "b"}, resource="nvidia.com/gpu", accelerators=2),
        model_load_seconds=1.5,
        profiles={"engine": "file.yaml"},
        images=(ServerImage(pattern="mine/*", server="engine"),),
        exporters=DAEMONS,
    )
    write_config(tmp_path / "config.json", config)
    assert read_config(tmp_path / "config.json") == config


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "kubeconfig"),
        ('{"kubeconfig": "k", "subnet": "s", "directory": "d", "speed": 0}', "speed 0"),
        ('{"kubeconfig": "k", "subnet": "s", "directory": "d", "sped": 1}', "sped"),
    ],
)
def test_what_can_not_be_used_is_refused_in_one_line(tmp_path: Path, text: str, problem: str):
    """The error names the file and what is wrong in it."""
    file = tmp_path / "config.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=problem) as caught:
        read_config(file)
    assert str(caught.value).startswith(str(file))


def test_a_run_begins_when_it_is_told(tmp_path: Path):
    """Before that, and after it was forgotten, there is none."""
    assert run_start(tmp_path) is None
    tell_run_start(tmp_path, 1234.5)
    assert run_start(tmp_path) == 1234.5
    forget_run_start(tmp_path)
    assert run_start(tmp_path) is None
