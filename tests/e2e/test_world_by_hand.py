"""A world for people: up, whatever kubectl does in it, status, and down with nothing left."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from control_planes import require_assets, wait_until
from e2e.policies import ROOT
from e2e.whole_worlds import OpenWorld, kubectl, scalecert, tell

from scalecert.clock import monotonic_seconds

pytestmark = pytest.mark.e2e

NAME = "e2e-by-hand"
SHIPPED = sorted((ROOT / "fixtures" / "policies").glob("*.yaml"))
DEPLOYMENT = "deployment/vllm-llama-2-7b"


@dataclass(frozen=True)
class Up:
    """A world that `scalecert world up` has opened: what it printed, and how long it took."""

    said: str
    seconds: float

    @property
    def kubeconfig(self) -> str:
        """Return the file that the printed line exports."""
        (line,) = re.findall(r"^export KUBECONFIG=(.*)$", self.said, re.MULTILINE)
        (file,) = shlex.split(line)
        return file

    def kubectl(self, *words: str | Path) -> str:
        """Run kubectl with it."""
        return kubectl(self.kubeconfig, *words)


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    require_assets()
    began = monotonic_seconds()
    done = scalecert("world", "up", "--name", NAME, "--time-lapse", "5")
    seconds = monotonic_seconds() - began
    try:
        assert done.returncode == 0, done.stderr
        yield Up(done.stdout, seconds)
    finally:
        scalecert("world", "down", "--name", NAME)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the shipped policies, their settings filled in."""
    folder = tmp_path_factory.mktemp("policies")
    for file in SHIPPED:
        text = re.sub(r"\$HPA_\w+", "10", file.read_text())
        (folder / file.name).write_text(text)
    return folder


def test_it_is_ready_when_up_returns(up: Up, capsys: pytest.CaptureFixture[str]):
    """API, metrics APIs and Prometheus answer at once."""
    tell(capsys, "world up", up.seconds)
    assert up.kubectl("get", "--raw", "/readyz") == "ok"
    assert '"groupVersion":"custom.metrics.k8s.io/' in up.kubectl(
        "get", "--raw", "/apis/custom.metrics.k8s.io/v1beta2"
    ).replace(" ", "")


def test_its_name_is_held(up: Up):
    """A second `up` says who has it."""
    refused = scalecert("world", "up", "--name", NAME)
    assert refused.returncode == 2
    world = OpenWorld.named(NAME)
    assert world is not None
    assert f"is held by pid {world.holder.pid} " in refused.stderr


def test_the_shipped_policies_are_taken(up: Up, shipped: Path):
    """The API server would have every object of each file as it is."""
    up.kubectl("create", "namespace", "gmp-public")  # GKE's clusters have it
    taken = up.kubectl("apply", "--server-side", "--dry-run=server", "-f", shipped)
    assert taken.count("horizontalpodautoscaler.autoscaling/") == len(SHIPPED)


def test_a_shipped_policy_runs(up: Up, shipped: Path):
    """Its pod gets ready on a node that came for it, and its HPA reads the pod's metric."""
    up.kubectl("apply", "-f", shipped / "vllm-num-requests-running.yaml")
    up.kubectl("wait", DEPLOYMENT, "--for=condition=Available", "--timeout=60s")
    wait_until(lambda: _hpa_has_values(up))
    ready = "jsonpath={.status.readyReplicas}"
    assert up.kubectl("get", DEPLOYMENT, "-o", ready) == "1"


def _hpa_has_values(up: Up) -> bool:
    (hpa,) = json.loads(up.kubectl("get", "hpa", "-o", "json"))["items"]
    return any(hpa["status"].get("currentMetrics") or ())


def test_status_says_who_holds_it_and_what_is_in_it(up: Up):
    """As text and as JSON."""
    done = scalecert("world", "status", "--json")
    assert json.loads(done.stdout)[NAME]["contents"] == "1 nodes, 1 pods, 1 of them ready"
    assert up.kubeconfig in scalecert("world", "status", "--name", NAME).stdout


def test_down_leaves_nothing(up: Up, worlds_state: Path, capsys: pytest.CaptureFixture[str]):
    """No process, socket, lease or directory when `down` has returned."""
    world = OpenWorld.named(NAME)
    assert world is not None
    began = monotonic_seconds()
    done = scalecert("world", "down", "--name", NAME)
    tell(capsys, "world down", monotonic_seconds() - began)
    assert done.returncode == 0, done.stderr
    assert world.leftovers() == []
    assert not worlds_state.exists()
