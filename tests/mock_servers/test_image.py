"""The image of the mock servers: what is in it is enough, it is small, and it needs no rights."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from urllib.parse import urlsplit

import pytest
from mock_processes import LIMIT_SECONDS, ROOT

BASE = os.environ.get("SCALECERT_PYTHON_IMAGE", "docker.io/library/python:3.13-slim")
IMAGE = "localhost/scalecert-mock:test"
MOST_BYTES = 200_000_000

SERVERS = {
    "vllm": ("--profile", "vllm_llama-2-7b_l4"),
    "tgi": ("--profile", "tgi_llama-2-7b_l4"),
    "jetstream": (
        *("--profile", "jetstream_llama-2-7b_v5e-x8", "--http-port", "0"),
        *("--sidecar-port", "0", "--metrics-port", "0"),
    ),
    "accelerator": ("--accelerator", "l4", "--node-dir", "unused", "--plugin-port", "0"),
}


def pins(name: str) -> dict[str, str]:
    """Return the versions of a lock file."""
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", text, re.MULTILINE))


def names(name: str) -> set[str]:
    """Return the packages that a lock file is made from."""
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


@pytest.fixture(scope="module")
def packages() -> Iterator[Path]:
    """Return a folder with the image's packages and no others, as links to those installed."""
    with TemporaryDirectory() as folder:
        site = Path(folder)
        for name in pins("mock.txt"):
            installed = distribution(name)
            tops = {file.parts[0] for file in installed.files or () if file.parts[0] != ".."}
            for top in tops - {"__pycache__"}:
                (site / top).symlink_to(installed.locate_file(top))
        yield site


def test_the_images_packages_are_the_mock_servers_dependencies() -> None:
    """What the extra `mock` has, and of the project's own dependencies those that they import."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = {re.split("[<>=]", one)[0] for one in project["optional-dependencies"]["mock"]}
    own = {re.split("[<>=]", one)[0] for one in project["dependencies"]}
    assert names("mock.in") == extra | {"click", "msgspec", "pyyaml"}
    assert {"click", "msgspec", "pyyaml"} <= own


def test_the_images_versions_are_the_tested_ones() -> None:
    """One lock is made under the constraints of the other."""
    image, tested = pins("mock.txt"), pins("dev.txt")
    assert image.keys() >= names("mock.in")
    assert {name: image[name] for name in image.keys() & tested.keys()} == {
        name: tested[name] for name in image.keys() & tested.keys()
    }


@pytest.mark.parametrize("server", SERVERS)
def test_the_images_packages_are_enough(server: str, packages: Path) -> None:
    """With them alone every mock server starts and ends: no numpy, no pytest, nothing else."""
    process = subprocess.Popen(
        [sys.executable, "-S", "-m", "scalecert", "mock", server, "--port", "0", *SERVERS[server]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=packages,
        env={"PYTHONPATH": f"{ROOT / 'harness'}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "ready\n":
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LIMIT_SECONDS)
        assert errors == ""
        assert lines[-1:] == ["ready\n"]
    finally:
        process.kill()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command, whatever becomes of it."""
    return subprocess.run(words, check=False, capture_output=True, text=True, cwd=ROOT)


@functools.cache
def engine() -> str | None:
    """Return the container engine that works here."""
    for name in ("docker", "podman"):
        if shutil.which(name) and run(name, "info").returncode == 0:
            return name
    return None


def containers(*words: str) -> str:
    """Run a command of the container engine; return what it prints."""
    done = run(engine() or "", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def image() -> str:
    """Build the image, where that can be done."""
    name = engine()
    if name is None:
        pytest.skip("no container engine: neither `docker info` nor `podman info` works")
    if run(name, "image", "inspect", BASE).returncode:
        pytest.skip(f"no base image: {name} pull {BASE}, or name one by SCALECERT_PYTHON_IMAGE")
    oci = ["--format", "docker"] if name == "podman" else []
    containers(
        *("build", "--quiet", "--network=host", "--build-arg", f"PYTHON_IMAGE={BASE}", *oci),
        *("--file", "mock_servers/Dockerfile", "--tag", IMAGE, "."),
    )
    return IMAGE


class _Container:
    """A container that runs, with no right that an image can do without."""

    def __init__(self, image: str, *words: str, folder: Path | None = None) -> None:
        mount = ["--volume", f"{folder}:/node"] if folder is not None else []
        tmpfs = ["--read-only-tmpfs=false"] if engine() == "podman" else []
        self.ident = containers(
            *("run", "--detach", "--network=host", "--read-only", *tmpfs, "--cap-drop=ALL"),
            *("--security-opt=no-new-privileges", *mount, image, *words),
        ).splitlines()[-1]
        self.addresses = self._addresses()

    def _addresses(self) -> dict[str, str]:
        until = time.monotonic() + LIMIT_SECONDS
        while "\nready" not in (lines := containers("logs", self.ident)):
            assert time.monotonic() < until, lines
            Event().wait(0.1)
        return dict(line.split(": ", 1) for line in lines.splitlines() if ": " in line)

    def get(self, service: str, path: str) -> str:
        place = urlsplit(self.addresses[service])
        port, limit = place.port, LIMIT_SECONDS
        with closing(HTTPConnection(place.hostname or "", port, timeout=limit)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def execute(self, *words: str) -> int:
        return run(engine() or "", "exec", self.ident, *words).returncode

    def stop(self) -> int:
        """Send SIGTERM; return the exit code."""
        containers("stop", "-t", "20", self.ident)
        return int(containers("inspect", "--format", "{{.State.ExitCode}}", self.ident))

    def remove(self) -> None:
        containers("rm", "--force", self.ident)


def test_the_image_is_small_and_has_a_user_and_a_health_check(image: str) -> None:
    """Under 200 MB with its base; and root is not its user."""
    (about,) = json.loads(containers("image", "inspect", image))
    assert about["Size"] < MOST_BYTES
    assert about["Config"]["User"] == "65532:65532"
    assert "healthcheck.py" in containers(
        "image", "inspect", "--format", "{{json .Config.Healthcheck}}", image
    )


def test_a_container_serves_without_rights_and_ends_at_sigterm(image: str) -> None:
    """Root file system read-only, no capability, no /tmp; healthy while it serves."""
    server = _Container(image, "vllm", "--port", str(free_port()), *SERVERS["vllm"])
    try:
        assert "vllm:num_requests_waiting" in server.get("API", "/metrics")
        check = json.loads(
            containers("image", "inspect", "--format", "{{json .Config.Healthcheck.Test}}", image)
        )
        assert server.execute(*check[1:]) == 0
        assert server.execute("sh", "-c", "test $(id -u) = 65532 && ! touch /tmp/x /x") == 0
        assert server.stop() == 0
    finally:
        server.remove()


def test_two_containers_share_a_folder_of_their_node(image: str) -> None:
    """The exporter in one sees what the server in the other does."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, 65532, 65532)
        words = ("--port", "0", "--node-dir", "/node")
        server = _Container(image, "vllm", *SERVERS["vllm"], *words, folder=folder)
        try:
            exporter = _Container(
                *(image, "accelerator", "--accelerator", "l4", "--only", "dcgm", *words),
                folder=folder,
            )
            try:
                assert 'namespace="default",pod="vllm"' in exporter.get("dcgm-exporter", "/metrics")
                assert exporter.stop() == 0
            finally:
                exporter.remove()
        finally:
            server.remove()
