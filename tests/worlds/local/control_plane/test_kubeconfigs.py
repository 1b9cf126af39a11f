"""kubeconfig files that kubectl and the Python client read, and nobody else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from scalecert.worlds.local.control_plane.certificates import KeyPair
from scalecert.worlds.local.control_plane.kubeconfigs import write_kubeconfig


def write(folder: Path) -> Path:
    for name in ("ca.crt", "admin.crt", "admin.key"):
        (folder / name).write_text(name)
    return write_kubeconfig(
        folder / "admin.kubeconfig",
        api_url="https://127.40.2.1:20000",
        ca=folder / "ca.crt",
        client=KeyPair(folder / "admin.crt", folder / "admin.key"),
    )


def test_the_python_client_reads_it_and_copies_no_key(tmp_path: Path):
    """The client uses the files themselves: a copy would outlive a killed process."""
    config = pytest.importorskip("kubernetes.config")
    client = config.new_client_from_config(str(write(tmp_path)))
    assert client.configuration.host == "https://127.40.2.1:20000"
    assert client.configuration.key_file == str(tmp_path / "admin.key")
    assert client.configuration.ssl_ca_cert == str(tmp_path / "ca.crt")


def test_only_its_owner_reads_it(tmp_path: Path):
    """It says where the keys lie."""
    assert stat.S_IMODE(write(tmp_path).stat().st_mode) == 0o600
