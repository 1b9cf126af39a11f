"""`scalecert mock accelerator`: what it says of a command line that it can't use."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mock_processes import LIMIT_SECONDS, ROOT

NODE = ("--accelerator", "l4", "--node-dir", "unused")


def error(name: str, *words: str) -> str:
    """Run a mock server that can't start; return its one line on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "scalecert", "mock", name, *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "harness")},
        timeout=LIMIT_SECONDS,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    return line


def test_an_unknown_accelerator() -> None:
    """Known ones are the catalogue's."""
    assert "found 'l5'" in error("accelerator", "--accelerator", "l5", "--node-dir", "unused")


def test_a_tpu_has_no_dcgm_exporter() -> None:
    """It is NVIDIA's."""
    words = ("--accelerator", "v5e", "--node-dir", "unused", "--only", "dcgm")
    assert "--only dcgm: found the TPU v5e, expected a GPU" in error("accelerator", *words)


@pytest.mark.parametrize(
    ("name", "words"),
    [("accelerator", NODE), ("vllm", ("--profile", "vllm_llama-2-7b_l4"))],
)
def test_a_speed_that_is_no_number(name: str, words: tuple[str, ...]) -> None:
    """It is neither below nor above a bound."""
    assert "'--speed': found nan, expected a number" in error(name, *words, "--speed", "nan")


def test_a_port_that_somebody_has() -> None:
    """Even if the other port was to be had."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = error("accelerator", *NODE, "--port", "0", "--plugin-port", port)
    assert f"{port}" in line
    assert "in use" in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pod", "llama"), "--pod llama: expected NAMESPACE/NAME"),
        (("--pod", "chat/llama/0"), "--pod chat/llama/0: expected NAMESPACE/NAME"),
        (("--accelerators", "0,one"), "--accelerators 0,one: expected places on the node"),
        (("--accelerators", "1,1"), "--accelerators 1,1: expected places on the node"),
    ],
)
def test_a_servers_place_that_cannot_be_read(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """The options by which an engine's server says where it is."""
    profile = ("--profile", "vllm_llama-2-7b_l4", "--port", "0")
    assert said in error("vllm", *profile, "--node-dir", str(tmp_path), *words)
