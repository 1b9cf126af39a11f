"""A certificate of a real control plane: one run of each engine, and of each kind of metric."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from control_planes import require_assets
from e2e.policies import EVERY_KIND, write_engine, write_every_kind, write_suite
from e2e.whole_worlds import LIMIT_SECONDS, OpenWorld, command_in_world
from world_stand_ins import environment

from scalecert import pipeline
from scalecert.engines.request_log import Status
from scalecert.recording import store
from scalecert.recording.model import Column, Recording
from scalecert.suite import find_case

pytestmark = pytest.mark.e2e

NAME = "e2e-certify"
ENGINES = ("vllm-running", "tgi-queue", "jetstream-slots")
HPAS = (*ENGINES, EVERY_KIND)
RUN = Path("recordings/climb/seed-1")
TIME_LAPSE = 5
DURATION_SECONDS = 80.0


@dataclass(frozen=True)
class Certified:
    """What `scalecert certify --world local` came to.

    Attributes:
        out: its folder, with one of each HPA below.
        policies: the files, by HPA.
        suite: its folder.
        code: exit code.
        said: what was printed.
        world: what the runs were in.
        leftovers: what there still was of that when the command had ended.
    """

    out: Path
    policies: dict[str, Path]
    suite: Path
    code: int
    said: str
    world: OpenWorld
    leftovers: list[str]

    def certificate(self, hpa: str) -> dict[str, Any]:
        """Return the spec of an HPA's certificate."""
        document = json.loads((self.out / hpa / "certificate.json").read_text())
        return document["spec"]

    def recording(self, hpa: str) -> Recording:
        """Return the recording of an HPA's one run."""
        return store.load(self.out / hpa / RUN)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    """Certify four policies, one after the other in one world."""
    require_assets()
    folder = tmp_path_factory.mktemp("certify")
    suite = write_suite(folder / "suite", duration=f"{DURATION_SECONDS:g}s")
    policies = {name: write_engine(folder, name) for name in ENGINES}
    policies[EVERY_KIND] = write_every_kind(folder)
    words = ("certify", *policies.values(), "--suite", suite, "--out", "out", "--quick")
    clock = ("--world", "local", "--time-lapse", str(TIME_LAPSE))
    with command_in_world(*words, *clock, name=NAME, folder=folder / "in") as held:
        world = held.world
        code = held.process.wait(LIMIT_SECONDS * len(policies))
        leftovers = [*world.leftovers(), *map(str, held.temporary_files)]
        out = held.folder / "out"
        return Certified(out, policies, suite, code, held.said, world, leftovers)


def test_a_quick_run_certifies_nothing(certified: Certified):
    """Exit code 3 however well it went: one run is indicative."""
    assert certified.code == 3, certified.said
    assert {certified.certificate(hpa)["verdict"] for hpa in HPAS} == {"inconclusive"}


def test_a_normal_end_leaves_nothing(certified: Certified):
    """No process, socket, lease, directory or temporary file."""
    assert certified.leftovers == []


@pytest.mark.parametrize("hpa", HPAS)
def test_the_certificate_says_what_it_was_made_on(certified: Certified, hpa: str):
    """Its level is that of time lapse; what ran, and how its load was offered, is told."""
    found = certified.certificate(hpa)
    assert (found["world"], found["assurance"]["level"]) == ("local", "T1")
    clock = found["wallClock"]
    assert clock["timeLapse"] == TIME_LAPSE
    assert clock["notScaled"]
    assert clock["components"]["kubernetes"] == "1.36.3"
    assert "prometheus" in clock["components"]
    assert 0.0 < clock["streamedShare"] <= 1.0
    assert clock["scheduleDelaySeconds"] >= 0.0
    assert 0.0 < clock["achievedToAsked"] <= 1.0


@pytest.mark.parametrize("hpa", HPAS)
def test_every_request_is_answered(certified: Certified, hpa: str):
    """Each by a pod, in order: arrival, sent, first token, last token."""
    requests = certified.recording(hpa).requests
    assert set(requests["status"]) == {Status.OK}
    assert (np.asarray(requests["replica"]) >= 0).all()
    arrival, sent, last = (
        np.asarray(requests[f"{name}_seconds"], dtype=np.float64)
        for name in ("arrival", "sent", "last_token")
    )
    first = np.asarray(requests["first_token_seconds"], dtype=np.float64)
    streamed = np.asarray(requests["streamed"]) == 1
    assert streamed.any()
    assert (arrival <= sent).all()
    assert (sent[streamed] < first[streamed]).all()
    assert (first[streamed] <= last[streamed]).all()


@pytest.mark.parametrize("hpa", HPAS)
def test_the_autoscaler_scales(certified: Certified, hpa: str):
    """It asks for more replicas than there are, and gets them: created, bound, ready."""
    series = certified.recording(hpa).series
    for name in ("spec", "created", "bound", "ready"):
        assert series[f"pods.{name}"][0] == 1
        assert max(series[f"pods.{name}"]) > 1, name


def test_every_kind_of_metric_has_values(certified: Certified):
    """Pods and External by rules of prometheus-adapter, Resource, ContainerResource."""
    series = certified.recording(EVERY_KIND).series
    for index in range(4):
        values = np.asarray(series[f"sync.metric.{index}.value"], dtype=np.float64)
        assert np.nanmax(values) > 0.0, index
        assert np.isfinite(values[-1]), index


def test_a_recording_is_judged_again_without_a_world(certified: Certified, tmp_path: Path):
    """`scalecert recheck` comes to the same findings, with nothing of a world at hand."""
    for hpa in HPAS:
        done = subprocess.run(
            [sys.executable, "-m", "scalecert", "recheck", certified.out / hpa, "--json"],
            env={"PYTHONPATH": environment()["PYTHONPATH"], "PATH": os.fspath(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 3, done.stderr
        assert json.loads(done.stdout)["spec"] == certified.certificate(hpa)


@pytest.fixture(scope="module")
def virtual(certified: Certified, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Return the recording of the same run of vLLM in virtual time."""
    hpa = "vllm-running"
    (subject,) = pipeline.subjects(
        pipeline.Inputs(
            policies=(str(certified.policies[hpa]),),
            capacity_per_second=certified.certificate(hpa)["capacity"][0]["requestsPerSecond"],
            quick=True,
        )
    )
    folder = tmp_path_factory.mktemp("sim")
    runs = pipeline.record(subject, find_case(str(certified.suite / "climb.yaml")), folder)
    return store.load(runs.folders[0])


def test_the_recording_is_as_one_of_virtual_time(certified: Certified, virtual: Recording):
    """Nobody can tell by its form which world made it; the requests are the same ones."""
    found = certified.recording("vllm-running")
    assert set(found.series) == set(virtual.series)
    assert set(found.requests) == {*virtual.requests, "streamed"}
    for name in ("arrival_seconds", "input_tokens", "output_tokens"):
        assert np.array_equal(found.requests[name], virtual.requests[name])


def test_replicas_follow_as_in_virtual_time(certified: Certified, virtual: Recording):
    """Less than one ready replica apart in the mean over the run."""
    grid = np.arange(0.0, DURATION_SECONDS, 0.1)
    found = certified.recording("vllm-running")
    apart = np.abs(ready_at(grid, found) - ready_at(grid, virtual))
    assert apart.mean() < 1.0


def ready_at(grid: Column, recording: Recording) -> Column:
    """Return how many pods are ready at each time."""
    times, ready = (recording.series[f"pods.{name}"] for name in ("time_seconds", "ready"))
    return ready[np.searchsorted(times, grid, side="right") - 1]
